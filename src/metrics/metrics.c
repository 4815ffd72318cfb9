#include "metrics/metrics.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "metrics/providers.h"
#include "wire/registry.h"
#include <qhcp/error.h>

/* The newest value of every metric, in one table sorted by number.  Nothing is allocated or moved
 * after metrics_new but the rows of that table, so names stay where they are. */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Adding a metric: its file, a line in providers.h, and a row here. */
static const struct provider *const providers[] = {
    &cpu_provider,
    &memory_provider,
    &load_provider,
};

struct row {
    uint64_t number, value;
    const char *name;
    unsigned unit;
};

struct metrics {
    char *proc, *cgroup;
    struct cgroup_site site;
    size_t n_providers;               /* 0: nothing is measured */
    void *provider[COUNT(providers)]; /* what each remembers; NULL: nothing */
    unsigned samples;                 /* up to 2 */
    bool missing[COUNT(providers)];   /* at the last sample, told */
    qhcp_nsec at;                     /* of the last sample */
    size_t count;
    struct row rows[LIMIT_METRICS]; /* ascending numbers; those with a value alone */
    size_t n_names;
    char names[LIMIT_METRICS][LIMIT_NAME + 1]; /* the application's */
};

int metrics_new(const struct metrics_root *root, struct metrics **ret)
{
    struct metrics *m = calloc(1, sizeof *m);

    if (m == NULL)
        return QHCP_E_NOMEM;
    m->proc = strdup(root != NULL && root->proc != NULL ? root->proc : "/proc");
    m->cgroup = strdup(root != NULL && root->cgroup != NULL ? root->cgroup : "/sys/fs/cgroup");
    m->site.root = (struct metrics_root){.proc = m->proc, .cgroup = m->cgroup};
    if (m->proc == NULL || m->cgroup == NULL)
        goto free_all;
    m->n_providers = COUNT(providers);
    for (size_t i = 0; i < m->n_providers; i++) {
        if (providers[i]->size == 0)
            continue;
        m->provider[i] = calloc(1, providers[i]->size);
        if (m->provider[i] == NULL)
            goto free_all;
    }
    *ret = m;
    return 0;
free_all:
    metrics_free(m);
    return QHCP_E_NOMEM;
}

int metrics_new_given(struct metrics **ret)
{
    struct metrics *m = calloc(1, sizeof *m);

    if (m == NULL)
        return QHCP_E_NOMEM;
    *ret = m;
    return 0;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < COUNT(providers); i++)
        free(m->provider[i]);
    free(m->proc);
    free(m->cgroup);
    free(m);
}

/* The place of that number, or where it belongs. */
static size_t place(const struct metrics *m, uint64_t number)
{
    size_t i = 0;

    while (i < m->count && m->rows[i].number < number)
        i++;
    return i;
}

static bool stands(const struct metrics *m, size_t i, uint64_t number)
{
    return i < m->count && m->rows[i].number == number;
}

static int put(struct metrics *m, const struct row *row)
{
    size_t i = place(m, row->number);

    if (!stands(m, i, row->number)) {
        if (m->count == LIMIT_METRICS)
            return QHCP_E_FULL;
        memmove(&m->rows[i + 1], &m->rows[i], (m->count - i) * sizeof m->rows[0]);
        m->count++;
    }
    m->rows[i] = *row;
    return 0;
}

static void drop(struct metrics *m, uint64_t number)
{
    size_t i = place(m, number);

    if (!stands(m, i, number))
        return;
    m->count--;
    memmove(&m->rows[i], &m->rows[i + 1], (m->count - i) * sizeof m->rows[0]);
}

static void sample_one(struct metrics *m, size_t i, qhcp_nsec now)
{
    const struct wire_metric_row *registered = wire_metric_by_number(providers[i]->number);
    struct row row = {.number = providers[i]->number};

    if (registered == NULL || !providers[i]->sample(m->provider[i], &m->site, now, &row.value)) {
        drop(m, row.number);
        return;
    }
    row.name = registered->name;
    row.unit = registered->unit;
    put(m, &row);
}

qhcp_nsec metrics_due(const struct metrics *m, qhcp_nsec min_age)
{
    return nsec_add(m->at, metrics_paired(m) ? min_age : nsec_min(min_age, METRICS_PAIR));
}

bool metrics_paired(const struct metrics *m)
{
    return m->n_providers == 0 || m->samples == 2;
}

bool metrics_sample(struct metrics *m, qhcp_nsec now, qhcp_nsec min_age)
{
    if (m->samples > 0 && now < metrics_due(m, min_age))
        return false;
    if (m->n_providers > 0)
        cgroup_look(&m->site, now);
    for (size_t i = 0; i < m->n_providers; i++)
        sample_one(m, i, now);
    m->samples += m->samples < 2;
    m->at = now;
    return m->n_providers > 0;
}

void metrics_changes(struct metrics *m,
                     void (*fn)(void *ctx, const char *name, const char *missing), void *ctx)
{
    for (size_t i = 0; i < m->n_providers; i++) {
        uint64_t number = providers[i]->number;
        bool missing = !stands(m, place(m, number), number);

        if (providers[i]->difference && !metrics_paired(m))
            continue;
        if (missing != m->missing[i])
            fn(ctx, wire_metric_by_number(number)->name, missing ? providers[i]->from : NULL);
        m->missing[i] = missing;
    }
}

void metrics_values(const struct metrics *m, struct wire_values *ret)
{
    ret->count = m->count;
    for (size_t i = 0; i < m->count; i++)
        ret->at[i] = (struct wire_value){m->rows[i].number, m->rows[i].value};
}

void metrics_names(const struct metrics *m, struct wire_metrics *ret)
{
    ret->count = m->count;
    for (size_t i = 0; i < m->count; i++)
        ret->at[i] =
            (struct wire_metric){m->rows[i].number, slice_str(m->rows[i].name), m->rows[i].unit};
}

static bool name_possible(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return n > 0 && n <= LIMIT_NAME && name[n] == '\0';
}

static bool measured_here(const struct metrics *m, uint64_t number)
{
    for (size_t i = 0; i < m->n_providers; i++)
        if (providers[i]->number == number)
            return true;
    return false;
}

/* A row of the application's.  The providers' places are kept free: two of them are required. */
static int put_application(struct metrics *m, const struct row *row)
{
    size_t taken = 0;

    for (size_t i = 0; i < m->count; i++)
        taken += !measured_here(m, m->rows[i].number);
    if (!stands(m, place(m, row->number), row->number) && taken >= LIMIT_METRICS - m->n_providers)
        return QHCP_E_FULL;
    return put(m, row);
}

/* A registered metric that only the application can know (requests in flight, say). */
static int set_registered(struct metrics *m, const struct wire_metric_row *registered,
                          unsigned unit, uint64_t value)
{
    const struct row row = {registered->number, value, registered->name, unit};

    if (measured_here(m, registered->number) || unit != (unsigned)registered->unit ||
        (registered->max > 0 && value > registered->max))
        return QHCP_E_ARG;
    return put_application(m, &row);
}

/* A metric under a name of the application's own. */
static int set_own(struct metrics *m, const char *name, unsigned unit, uint64_t value)
{
    struct row row = {.unit = unit, .value = value};
    size_t i = 0;
    int error;

    while (i < m->n_names && strcmp(m->names[i], name) != 0)
        i++;
    if (i == LIMIT_METRICS)
        return QHCP_E_FULL;
    row.number = WIRE_METRIC_APPLICATION_FIRST + i;
    row.name = m->names[i];
    if (i < m->n_names && m->rows[place(m, row.number)].unit != unit)
        return QHCP_E_ARG;
    error = put_application(m, &row);
    if (error == 0 && i == m->n_names) {
        memcpy(m->names[i], name, strlen(name) + 1);
        m->n_names++;
    }
    return error;
}

int metrics_set(struct metrics *m, const char *name, unsigned unit, uint64_t value)
{
    const struct wire_metric_row *registered;

    if (name == NULL || !name_possible(name) || unit > WIRE_UNIT_MILLI || value > CURSOR_VARINT_MAX)
        return QHCP_E_ARG;
    registered = wire_metric_by_name(slice_str(name));
    return registered != NULL ? set_registered(m, registered, unit, value)
                              : set_own(m, name, unit, value);
}
