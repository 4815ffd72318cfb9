#include "cli/capacity.h"

#include <sys/resource.h>
#include <unistd.h>

#include "cli/log.h"

#define RESERVED 128  /* connections\' worth of descriptors for everything else */
#define DESCRIPTORS 2 /* of a connection; pipes of bulk come on top */

size_t capacity_connections(size_t wanted)
{
    struct rlimit limit;
    rlim_t enough;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return wanted;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    enough = limit.rlim_cur > 2 * DESCRIPTORS * RESERVED ? limit.rlim_cur / DESCRIPTORS - RESERVED
                                                         : limit.rlim_cur / (2 * DESCRIPTORS);
    if (limit.rlim_cur == RLIM_INFINITY || enough >= wanted)
        return wanted;
    log_say(
        QHCP_LOG_WARNING,
        "%llu descriptors are allowed (ulimit -n), which is enough for %llu connections and not "
        "for the %zu of --max-connections",
        (unsigned long long)limit.rlim_cur, (unsigned long long)enough, wanted);
    return enough;
}

unsigned capacity_threads(const struct options *o)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    if (options_number(o, OPTION_THREADS) > 0)
        return (unsigned)options_number(o, OPTION_THREADS);
    return cpus < 1 ? 1 : cpus > PROXY_THREADS ? PROXY_THREADS : (unsigned)cpus;
}
