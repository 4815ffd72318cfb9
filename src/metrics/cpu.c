/* cpu_usage_percent: CPU time used between two readings, of what may be used.
 *
 * In a cgroup that is its CPU time against its quota (CFS bandwidth) or the CPUs of its cpuset.
 * Every level with a quota counts, its own and its ancestors', each with the time used by all in
 * it, and the busiest decides: that one throttles first.  Without a limit below the machine's CPUs:
 * the machine's, from /proc/stat. */
#include <math.h>
#include <string.h>
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
    unsigned epoch; /* of the site, that the limits were looked for in; 0: never */
    struct cpu_limits limits;
    double machine_cpus; /* 0: not counted yet */
    struct ticks ticks;  /* last read */
    bool begun, known;
    qhcp_nsec at; /* of the last reading */
    uint64_t value;
};

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; guest time is in user
 * already.  Time stolen by the hypervisor is not idle: it was wanted. */
static struct ticks read_ticks(const struct cgroup_site *site)
{
    enum { FIELDS = 8, IDLE = 3, IOWAIT = 4 };
    struct ticks t = {.known = true};
    char text[256];
    const char *p = text + 3;

    if (!procfs_text_held(site->stat, site->root.proc, "stat", text, sizeof text) ||
        strncmp(text, "cpu ", 4) != 0)
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

/* Lines that begin with "cpu" and a digit, in a text that comes in pieces. */
struct cpu_lines {
    size_t matched; /* of "cpu", in this line; SIZE_MAX: the line is another */
    unsigned count;
};

static void count_lines(struct cpu_lines *c, const char *text, size_t n)
{
    static const char start[] = "cpu";

    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n') {
            c->matched = 0;
        } else if (c->matched < sizeof start - 1 && text[i] == start[c->matched]) {
            c->matched++;
        } else {
            c->count += c->matched == sizeof start - 1 && text[i] >= '0' && text[i] <= '9';
            c->matched = SIZE_MAX;
        }
    }
}

/* CPUs online: lines "cpuN" of /proc/stat, which is as long as the machine is wide.  Infinity: not
 * known, so that every limit is one. */
static double count_cpus(const char *proc)
{
    struct cpu_lines lines = {0};
    int fd = procfs_open(proc, "stat");
    char text[4096];
    ssize_t n;

    while (fd >= 0 && (n = read(fd, text, sizeof text)) > 0)
        count_lines(&lines, text, (size_t)n);
    if (fd >= 0)
        close(fd);
    return lines.count > 0 ? lines.count : INFINITY;
}

static uint64_t clamp(double share)
{
    return share <= 0 ? 0 : share >= 1 ? WHOLE : (uint64_t)(share * WHOLE + 0.5);
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

static void look(struct cpu *c, const struct cgroup_site *site)
{
    if (c->machine_cpus == 0)
        c->machine_cpus = count_cpus(site->root.proc);
    cpu_limits_find(&c->limits, site);
}

/* The machine's use since its ticks were last read, should a limit not decide. */
static void measure_machine(struct cpu *c, const struct cgroup_site *site, bool limited)
{
    struct ticks ticks = read_ticks(site);

    if (!limited)
        c->known = c->begun && whole_machine(&c->ticks, &ticks, &c->value);
    c->ticks = ticks;
}

static bool cpu_sample(void *self, const struct cgroup_site *site, qhcp_nsec now, uint64_t *ret)
{
    struct cpu *c = self;
    bool again = c->epoch != site->epoch, limited;
    double share;

    if (!c->begun || now >= nsec_add(c->at, APART_MIN)) {
        if (again)
            look(c, site);
        c->epoch = site->epoch;
        limited =
            cpu_limits_busiest(&c->limits, c->machine_cpus, c->begun ? now - c->at : 0, &share);
        if (limited) {
            c->value = clamp(share);
            c->known = true;
        }
        if (!limited || again) /* so that a limit that ends finds ticks of late */
            measure_machine(c, site, limited);
        c->begun = true;
        c->at = now;
    }
    *ret = c->value;
    return c->known;
}

const struct provider cpu_provider = {
    .number = WIRE_METRIC_CPU,
    .difference = true,
    .from = "the line \"cpu\" in /proc/stat",
    .size = sizeof(struct cpu),
    .sample = cpu_sample,
};
