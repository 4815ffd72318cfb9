/* load_average_1m: the machine's, from /proc/loadavg, in thousandths.  There is no such figure for
 * a cgroup. */
#include "base/os/procfs.h"
#include "metrics/providers.h"

/* "0.52 0.58 0.59 1/467 1234": two digits behind the point. */
static bool load_sample(void *self, const struct cgroup_site *site, qhcp_nsec now, uint64_t *ret)
{
    char text[64];
    const char *p = text, *fraction;
    uint64_t whole, part;

    (void)self;
    (void)now;
    if (!procfs_text(site->root.proc, "loadavg", text, sizeof text) || !procfs_digits(&p, &whole) ||
        *p++ != '.')
        return false;
    fraction = p;
    if (!procfs_digits(&p, &part) || p - fraction != 2 || whole > UINT32_MAX)
        return false;
    *ret = whole * 1000 + part * 10;
    return true;
}

const struct provider load_provider = {
    .number = 9, /* load_average_1m */
    .from = "/proc/loadavg",
    .sample = load_sample,
};
