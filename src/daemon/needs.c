#include "daemon/needs.h"

#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/os/log.h"
#include "base/text.h"
#include "daemon/listen.h"
#include "metrics/cgroup.h"

#define DATAGRAM 1280      /* bytes of the receive buffer that an answer takes, with its overhead */
#define SESSION (64 << 10) /* bytes of memory, at most */
#define SPACE (80 << 20)   /* bytes of address space more than memory: libraries, stacks */

int needs_descriptors(size_t least, char *words, size_t words_cap)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= least)
        return 0;
    snprintf(words, words_cap,
             "%llu descriptors are allowed, but at least %zu are needed: raise the limit (ulimit "
             "-n, or LimitNOFILE= of the unit)",
             (unsigned long long)limit.rlim_cur, least);
    return QHCP_E_FULL;
}

void needs_room(struct loop *l, size_t peers)
{
    size_t needed = peers < INT_MAX / DATAGRAM ? peers * DATAGRAM : INT_MAX;
    size_t asked = needed / 2 > LISTEN_RCVBUF ? needed / 2 : LISTEN_RCVBUF;
    size_t got = loop_grow(l, (int)asked);

    if (got == 0 || got >= needed)
        return;
    log_say(
        QHCP_LOG_WARNING,
        "the receive buffer has room for %zu datagrams, one of each of %zu is needed: the kernel "
        "may drop some when this process is late (no verdict follows from that); allow more: "
        "sysctl -w net.core.rmem_max=%zu",
        got / DATAGRAM, peers, asked);
}

/* The least that the process's control group, or one above it, may have; UINT64_MAX: any. */
static uint64_t cgroup_limit(void)
{
    struct cgroup_site site = {.root = {.proc = "/proc", .cgroup = "/sys/fs/cgroup"}};
    uint64_t least = UINT64_MAX, one;
    struct cgroup g;

    cgroup_look(&site, loop_now());
    for (bool more = cgroup_find(&site, "memory", &g); more; more = cgroup_up(&g))
        if (cgroup_memory_limit(&g, &one) && one < least)
            least = one;
    return least;
}

static uint64_t process_limit(int resource)
{
    struct rlimit limit;

    return getrlimit(resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX
                                                                              : limit.rlim_cur;
}

static void tell_memory(uint64_t limit, uint64_t alone, size_t sessions, const char *how)
{
    uint64_t needed = alone + (uint64_t)sessions * SESSION;

    if (limit >= needed)
        return;
    log_say(QHCP_LOG_WARNING,
            "%llu MB of memory are allowed, but %zu session%s may need %llu MB: raise %s",
            (unsigned long long)(limit >> 20), TEXT_COUNT(sessions),
            (unsigned long long)(needed >> 20), how);
}

void needs_memory(size_t alone, size_t sessions)
{
    tell_memory(cgroup_limit(), alone, sessions,
                "the limit of the control group (MemoryMax= of the unit)");
    tell_memory(process_limit(RLIMIT_AS), SPACE + alone, sessions,
                "the limit of address space (ulimit -v, or LimitAS= of the unit)");
    tell_memory(process_limit(RLIMIT_DATA), alone, sessions,
                "the limit of data (ulimit -d, or LimitDATA= of the unit)");
}
