#include "metrics/metrics.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "metrics/machine.h"
#include "wire/registry.h"
#include <qhcp/error.h>

/* The newest value of every metric, in one table sorted by number.  Nothing is allocated or moved
 * after metrics_new but the rows of that table, so names stay where they are. */

struct row {
    uint64_t number, value;
    const char *name;
    unsigned unit;
};

struct metrics {
    struct machine *machine; /* NULL: nothing is measured */
    bool borrowed;           /* the machine is another's */
    unsigned samples;        /* the machine's, when its values were taken */
    qhcp_nsec at;            /* of the sample that was taken */
    size_t count;
    struct row rows[LIMIT_METRICS]; /* ascending numbers; those with a value alone */
    size_t n_names;
    char names[LIMIT_METRICS][LIMIT_NAME + 1]; /* the application's */
};

int metrics_new(const struct metrics_root *root, struct metrics **ret)
{
    struct metrics *m;
    int r = metrics_new_given(&m);

    if (r < 0)
        return r;
    r = machine_new(root, &m->machine);
    if (r < 0)
        free(m);
    else
        *ret = m;
    return r;
}

int metrics_new_shared(const struct metrics *of, struct metrics **ret)
{
    int r = metrics_new_given(ret);

    if (r == 0) {
        (*ret)->machine = of->machine;
        (*ret)->borrowed = true;
    }
    return r;
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
    if (m != NULL && !m->borrowed)
        machine_free(m->machine);
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

qhcp_nsec metrics_due(const struct metrics *m, qhcp_nsec min_age)
{
    return nsec_add(m->at, metrics_paired(m) ? min_age : nsec_min(min_age, METRICS_PAIR));
}

bool metrics_paired(const struct metrics *m)
{
    return m->machine == NULL || m->samples == 2;
}

static void take(struct metrics *m, size_t i)
{
    struct row row = {.number = machine_number(i)};
    const struct wire_metric_row *registered = wire_metric_by_number(row.number);

    if (registered == NULL || !machine_value(m->machine, i, &row.value)) {
        drop(m, row.number);
        return;
    }
    row.name = registered->name;
    row.unit = registered->unit;
    put(m, &row);
}

bool metrics_sample(struct metrics *m, qhcp_nsec now, qhcp_nsec min_age)
{
    if (m->machine == NULL)
        m->at = now;
    if (m->machine == NULL || (m->samples > 0 && now < metrics_due(m, min_age)))
        return false;
    machine_sample(m->machine, now, min_age);
    for (size_t i = 0; i < machine_count(); i++)
        take(m, i);
    m->samples = machine_samples(m->machine);
    m->at = machine_sampled_at(m->machine);
    return true;
}

void metrics_changes(struct metrics *m,
                     void (*fn)(void *ctx, const char *name, const char *missing), void *ctx)
{
    if (m->machine != NULL)
        machine_changes(m->machine, fn, ctx);
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
    for (size_t i = 0; m->machine != NULL && i < machine_count(); i++)
        if (machine_number(i) == number)
            return true;
    return false;
}

/* A row of the application's.  The providers' places are kept free: two of them are required. */
static int put_application(struct metrics *m, const struct row *row)
{
    size_t taken = 0, kept = m->machine != NULL ? machine_count() : 0;

    for (size_t i = 0; i < m->count; i++)
        taken += !measured_here(m, m->rows[i].number);
    if (!stands(m, place(m, row->number), row->number) && taken >= LIMIT_METRICS - kept)
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
