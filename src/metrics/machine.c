#include "metrics/machine.h"

#include <stdlib.h>
#include <string.h>

#include "metrics/providers.h"
#include "wire/registry.h"
#include <qhcp/error.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Adding a metric: its file, a line in providers.h, and a row here. */
static const struct provider *const providers[] = {
    &cpu_provider,
    &memory_provider,
    &load_provider,
};

/* What one provider remembers, and what it found at the last sample. */
struct reading {
    void *self; /* NULL: it remembers nothing */
    bool known, missing /* told */;
    uint64_t value;
};

struct machine {
    char *proc, *cgroup;
    struct cgroup_site site;
    struct procfs_held stat; /* site's */
    unsigned samples;        /* up to 2 */
    qhcp_nsec at;            /* of the last sample */
    struct reading readings[COUNT(providers)];
};

int machine_new(const struct metrics_root *root, struct machine **ret)
{
    struct machine *m = calloc(1, sizeof *m);

    if (m == NULL)
        return QHCP_E_NOMEM;
    m->proc = strdup(root != NULL && root->proc != NULL ? root->proc : "/proc");
    m->cgroup = strdup(root != NULL && root->cgroup != NULL ? root->cgroup : "/sys/fs/cgroup");
    m->site.root = (struct metrics_root){.proc = m->proc, .cgroup = m->cgroup};
    m->site.stat = &m->stat;
    if (m->proc == NULL || m->cgroup == NULL)
        goto free_all;
    for (size_t i = 0; i < COUNT(providers); i++) {
        if (providers[i]->size == 0)
            continue;
        m->readings[i].self = calloc(1, providers[i]->size);
        if (m->readings[i].self == NULL)
            goto free_all;
    }
    *ret = m;
    return 0;
free_all:
    machine_free(m);
    return QHCP_E_NOMEM;
}

void machine_free(struct machine *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < COUNT(providers); i++)
        free(m->readings[i].self);
    procfs_let_go(&m->stat);
    free(m->proc);
    free(m->cgroup);
    free(m);
}

void machine_sample(struct machine *m, qhcp_nsec now, qhcp_nsec min_age)
{
    if (m->samples < 2)
        min_age = nsec_min(min_age, METRICS_PAIR);
    if (m->samples > 0 && now < nsec_add(m->at, min_age))
        return;
    cgroup_look(&m->site, now);
    for (size_t i = 0; i < COUNT(providers); i++) {
        struct reading *r = &m->readings[i];

        r->known = providers[i]->sample(r->self, &m->site, now, &r->value);
    }
    m->samples += m->samples < 2;
    m->at = now;
}

unsigned machine_samples(const struct machine *m)
{
    return m->samples;
}

qhcp_nsec machine_sampled_at(const struct machine *m)
{
    return m->at;
}

size_t machine_count(void)
{
    return COUNT(providers);
}

uint64_t machine_number(size_t i)
{
    return providers[i]->number;
}

bool machine_value(const struct machine *m, size_t i, uint64_t *ret)
{
    *ret = m->readings[i].value;
    return m->readings[i].known;
}

void machine_changes(struct machine *m,
                     void (*fn)(void *ctx, const char *name, const char *missing), void *ctx)
{
    for (size_t i = 0; i < COUNT(providers); i++) {
        struct reading *r = &m->readings[i];

        if (providers[i]->difference && m->samples < 2)
            continue;
        if (r->known == r->missing)
            fn(ctx, wire_metric_by_number(providers[i]->number)->name,
               r->known ? NULL : providers[i]->from);
        r->missing = !r->known;
    }
}
