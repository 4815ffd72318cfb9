#include "daemon/capacity.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/os/log.h"

#define RESERVED 256  /* descriptors for everything else: sockets, probes of data ports, files */
#define SMALL 4       /* where there are few in all, a part of them */
#define DESCRIPTORS 2 /* of a connection, and of a pipe */
#define PIPES 2       /* of a connection, at most: one a direction */
/* Without connections: 23, for probes and look-ups of names some more, and 4 for each thread. */
#define OTHERS 48
#define OTHERS_THREAD 4
#define FEW 16 /* connections; with fewer the forwarder is of no use */

/* Descriptors that a forwarder needs besides connections and pipes. */
static size_t others(const struct lb_options *o)
{
    return OTHERS + OTHERS_THREAD * capacity_threads(o);
}

/* What is left for the forwarder where the admin interface has its connections. */
static size_t besides_admin(const struct lb_options *o, size_t descriptors)
{
    bool off = o->admin.n == 1 && strcmp(o->admin.at[0], "off") == 0;

    return off ? descriptors : descriptors - admin_connections(descriptors);
}

/* Connections come first, except for an eighth, without which all bulk data would be copied. */
struct capacity capacity_of(size_t descriptors, size_t others, size_t wanted)
{
    size_t part = descriptors / SMALL < RESERVED ? descriptors / SMALL : RESERVED;
    size_t room = (descriptors - (others > part ? others : part)) / DESCRIPTORS, left;
    struct capacity c = {.connections = room - room / 8};

    c.connections = c.connections < wanted ? c.connections : wanted;
    left = room - c.connections;
    c.pipes = left < PIPES * c.connections ? left : PIPES * c.connections;
    return c;
}

struct capacity capacity_find(const struct lb_options *o)
{
    size_t wanted = o->max_connections;
    struct rlimit limit;
    struct capacity c;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return (struct capacity){wanted, wanted};
    c = capacity_of(besides_admin(o, limit.rlim_cur), others(o), wanted);
    if (c.connections < wanted)
        log_say(options_given(&o->head, &o->max_connections) ? QHCP_LOG_WARNING : QHCP_LOG_INFO,
                "accepting at most %zu connections instead of %zu (--max-connections), since only "
                "%llu descriptors are allowed (ulimit -n, LimitNOFILE=)",
                c.connections, wanted, (unsigned long long)limit.rlim_cur);
    return c;
}

size_t capacity_least(const struct lb_options *o)
{
    return o->no_forward ? OTHERS : others(o) + FEW * DESCRIPTORS;
}

unsigned capacity_threads(const struct lb_options *o)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    if (o->threads > 0)
        return (unsigned)o->threads;
    return cpus < 1 ? 1 : cpus > PROXY_THREADS ? PROXY_THREADS : (unsigned)cpus;
}
