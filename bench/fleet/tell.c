/* What is printed: the list, and what the servers cost. */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/os/procfs.h"
#include "fleet.h"

size_t tell_rss(void)
{
    char text[128];
    const char *p = text;
    uint64_t pages = 0;

    if (!procfs_text("/proc", "self/statm", text, sizeof text))
        return 0;
    p += strcspn(p, " ");
    p += strspn(p, " ");
    return procfs_digits(&p, &pages) ? pages * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

qhcp_nsec tell_cpu(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (qhcp_nsec)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NSEC_PER_SEC +
           (qhcp_nsec)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * NSEC_PER_USEC;
}

int tell_list_file(const struct fleet *f, const char *path)
{
    FILE *out = fopen(path, "we");
    char address[16];

    if (!out)
        return -1;
    for (unsigned i = 1; i <= f->n; i++) {
        member_address(i, address);
        fprintf(out, "%s:%u\n", address, f->port);
    }
    return fclose(out);
}

static const char *condition(const struct member *m)
{
    static struct qhcp_server_view v; /* large */

    if (!m->core)
        return "closed";
    if (m->silent)
        return "silent";
    if (m->stopping)
        return "closing";
    qhcp_server_status(m->core, &v);
    return v.status == QHCP_SERVING           ? "serving"
           : v.status == QHCP_STATUS_DEGRADED ? "degraded"
           : v.status == QHCP_STATUS_DRAINING ? "draining"
                                              : "not serving";
}

void tell_list(const struct fleet *f, const struct command_which *which)
{
    char address[16];

    for (unsigned i = 1; i <= f->n; i++) {
        const struct member *m = &f->members[i - 1];

        if (!command_has(which, i))
            continue;
        member_address(i, address);
        printf("%u %s:%u %s", i, address, f->port, condition(m));
        if (m->core && m->slow > 0)
            printf(", slow by %.6g ms", (double)m->slow / NSEC_PER_MSEC);
        if (m->core)
            printf(", %zu load %s", qhcp_server_sessions(m->core),
                   qhcp_server_sessions(m->core) == 1 ? "balancer" : "balancers");
        putchar('\n');
    }
}

void tell_stats(struct fleet *f)
{
    const struct counts *c = &f->counts;
    qhcp_nsec now = loop_now(), cpu = tell_cpu();
    double s = (double)(now - c->at) / NSEC_PER_SEC, used = (double)(cpu - c->cpu) / NSEC_PER_USEC;
    size_t sessions = 0, rss = tell_rss();

    for (unsigned i = 0; i < f->n; i++)
        sessions += f->members[i].core ? qhcp_server_sessions(f->members[i].core) : 0;
    printf("stats: %.3f s, %zu sessions, in %llu, out %llu, answers %llu (%.0f/s), dropped %llu, "
           "CPU %.1f ms (%.1f %%), %.1f us an answer, resident %.1f MB, %.1f kB a server, "
           "%llu sessions begun\n",
           s, sessions, (unsigned long long)c->in, (unsigned long long)c->out,
           (unsigned long long)c->answers, s > 0 ? (double)c->answers / s : 0.,
           (unsigned long long)c->dropped, used / 1000, s > 0 ? used / s / 1e4 : 0.,
           c->answers > 0 ? used / (double)c->answers : 0., (double)rss / 1e6,
           (double)(rss - f->rss) / 1e3 / f->n, (unsigned long long)c->begun);
    f->counts = (struct counts){.at = now, .cpu = cpu};
}
