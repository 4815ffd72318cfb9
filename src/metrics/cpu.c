/* cpu_usage_percent: CPU time used between two readings, of what may be used.
 *
 * In a cgroup that is its CPU time against its quota (CFS bandwidth) or the CPUs of its cpuset.
 * Every level with a quota counts, its own and its ancestors', each with the time used by all in
 * it, and the busiest decides: that one throttles first.  Without a limit below the machine's CPUs:
 * the machine's, from /proc/stat. */
#include <stdlib.h>
#include <unistd.h>

#include "base/os/procfs.h"
#include "metrics/cpu_limit.h"
#include "metrics/providers.h"
#include "wire/registry.h"

enum { WHOLE = 10000 };

/* Readings closer than this say more about the clock's ticks than about load. */
#define APART_MIN (10 * NSEC_PER_MSEC)

/* The machine's ticks, in whatever unit. */
struct ticks {
    bool known;
    uint64_t busy, total;
};

struct cpu {
    const struct metrics_root *root;
    struct cgroup_membership membership;
    struct cpu_limit limits[CPU_LIMITS];
    size_t n_limits;
    int stat;
    uint64_t machine_cpus;
    struct ticks ticks; /* of the last reading */
    bool begun, known;
    qhcp_nsec at; /* of the last reading */
    uint64_t value;
};

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; guest time is in user
 * already.  Time stolen by the hypervisor is not idle: it was wanted. */
static struct ticks read_ticks(int fd)
{
    enum { FIELDS = 8, IDLE = 3, IOWAIT = 4 };
    struct ticks t = {.known = true};
    char text[256];
    const char *p = text + 3;

    if (!procfs_text(fd, text, sizeof text) || strncmp(text, "cpu ", 4) != 0)
        return (struct ticks){0};
    for (int i = 0; i < FIELDS; i++) {
        uint64_t v;

        p += strspn(p, " ");
        if (!procfs_digits(&p, &v))
            return (struct ticks){0};
        t.total += v;
        t.busy += i == IDLE || i == IOWAIT ? 0 : v;
    }
    return t;
}

/* Lines "cpuN" of /proc/stat: CPUs online.  The file is as long as the machine is wide. */
static uint64_t count_cpus(int fd)
{
    static const char start[] = "cpu";
    char text[4096];
    uint64_t count = 0;
    off_t at = 0;
    size_t matched = 0; /* of `start`, in this line; SIZE_MAX: the line is another */
    ssize_t n;

    while (fd >= 0 && (n = pread(fd, text, sizeof text, at)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (text[i] == '\n') {
                matched = 0;
            } else if (matched < sizeof start - 1 && text[i] == start[matched]) {
                matched++;
            } else {
                count += matched == sizeof start - 1 && text[i] >= '0' && text[i] <= '9';
                matched = SIZE_MAX;
            }
        }
        at += n;
    }
    return count;
}

static uint64_t clamp(double share)
{
    return share <= 0 ? 0 : share >= 1 ? WHOLE : (uint64_t)(share * WHOLE + 0.5);
}

/* The busiest limit of `elapsed`; one that cannot be read (any more) is passed over.  False: none
 * is in force. */
static bool busiest(struct cpu *c, qhcp_nsec elapsed, uint64_t *ret)
{
    bool limited = false;
    uint64_t most = 0;

    for (size_t i = 0; i < c->n_limits; i++) {
        uint64_t used, here;
        double cpus;

        if (cpu_limit_read(&c->limits[i], &used, &cpus) && cpus < (double)c->machine_cpus &&
            elapsed > 0) {
            here = clamp((double)used / ((double)elapsed * cpus));
            most = here > most ? here : most;
            limited = true;
        }
    }
    if (limited)
        *ret = most;
    return limited;
}

static bool whole_machine(const struct ticks *before, const struct ticks *now, uint64_t *ret)
{
    if (!before->known || !now->known || now->total < before->total)
        return false;
    if (now->total == before->total || now->busy < before->busy) {
        *ret = 0; /* not a tick passed; or iowait ran backwards, as proc(5) warns */
        return true;
    }
    *ret = clamp((double)(now->busy - before->busy) / (double)(now->total - before->total));
    return true;
}

static void limits_open(struct cpu *c)
{
    cpu_limit_close(c->limits, c->n_limits);
    c->n_limits = cpu_limit_open(&c->membership, c->root, c->limits);
}

static bool cpu_sample(void *self, qhcp_nsec now, uint64_t *ret)
{
    struct cpu *c = self;
    struct ticks ticks;

    if (c->begun && now < nsec_add(c->at, APART_MIN)) {
        *ret = c->value;
        return c->known;
    }
    ticks = read_ticks(c->stat);
    if (c->begun)
        c->known =
            busiest(c, now - c->at, &c->value) || whole_machine(&c->ticks, &ticks, &c->value);
    else
        busiest(c, 0, &c->value);
    c->begun = true;
    c->at = now;
    c->ticks = ticks;
    if (cgroup_stale(&c->membership))
        limits_open(c);
    *ret = c->value;
    return c->known;
}

static void *cpu_open(const struct metrics_root *root)
{
    struct cpu *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->root = root;
    c->stat = procfs_open(root->proc, "stat");
    c->machine_cpus = count_cpus(c->stat);
    if (c->machine_cpus == 0)
        c->machine_cpus = UINT32_MAX; /* not known: every limit is one */
    cgroup_membership_init(&c->membership, root);
    limits_open(c);
    return c;
}

static void cpu_close(void *self)
{
    struct cpu *c = self;

    cpu_limit_close(c->limits, c->n_limits);
    cgroup_membership_deinit(&c->membership);
    procfs_close(&c->stat);
    free(c);
}

const struct provider cpu_provider = {
    .number = WIRE_METRIC_CPU,
    .difference = true,
    .from = "the line \"cpu\" in /proc/stat",
    .open = cpu_open,
    .sample = cpu_sample,
    .close = cpu_close,
};
