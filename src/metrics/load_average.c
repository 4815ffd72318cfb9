/* load_average_1m: the machine's, from /proc/loadavg, in thousandths.  There is none per cgroup. */
#include <stdlib.h>

#include "base/os/procfs.h"
#include "metrics/providers.h"

struct load {
    int fd;
};

static void *load_open(const struct metrics_root *root)
{
    struct load *l = calloc(1, sizeof *l);

    if (l != NULL)
        l->fd = procfs_open(root->proc, "loadavg");
    return l;
}

/* "0.52 0.58 0.59 1/467 1234": two digits behind the point. */
static bool load_sample(void *self, qhcp_nsec now, uint64_t *ret)
{
    const struct load *l = self;
    char text[64];
    const char *p = text, *fraction;
    uint64_t whole, part;

    (void)now;
    if (!procfs_text(l->fd, text, sizeof text) || !procfs_digits(&p, &whole) || *p++ != '.')
        return false;
    fraction = p;
    if (!procfs_digits(&p, &part) || p - fraction != 2 || whole > UINT32_MAX)
        return false;
    *ret = whole * 1000 + part * 10;
    return true;
}

static void load_close(void *self)
{
    struct load *l = self;

    procfs_close(&l->fd);
    free(l);
}

const struct provider load_provider = {
    .number = 9, /* load_average_1m */
    .from = "/proc/loadavg",
    .open = load_open,
    .sample = load_sample,
    .close = load_close,
};
