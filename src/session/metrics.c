/* The metrics of one session: chosen at HELLO and CONFIG_UPDATE, named in ACK and CONFIG_ACK, and
 * from then on carried by number.  All lists ascend, so an answer is one merge of two short lists.
 */
#include "session/metrics.h"

#include "session/server.h"
#include "wire/registry.h"

static const struct wire_metric *by_number(const struct wire_metrics *metrics, uint64_t number)
{
    for (size_t i = 0; i < metrics->count; i++)
        if (metrics->at[i].number == number)
            return &metrics->at[i];
    return NULL;
}

static const struct wire_metric *by_name(const struct wire_metrics *metrics, struct slice name)
{
    for (size_t i = 0; i < metrics->count; i++)
        if (slice_equal(metrics->at[i].name, name))
            return &metrics->at[i];
    return NULL;
}

static void insert(struct session_metrics *set, uint64_t number)
{
    size_t at = set->n;

    while (at > 0 && set->numbers[at - 1] >= number)
        at--;
    if (set->n == LIMIT_METRICS || (at < set->n && set->numbers[at] == number))
        return;
    memmove(set->numbers + at + 1, set->numbers + at, (set->n - at) * sizeof set->numbers[0]);
    set->numbers[at] = number;
    set->n++;
}

static bool required(uint64_t number)
{
    return number == WIRE_METRIC_CPU || number == WIRE_METRIC_MEMORY;
}

void session_metrics_choose(const struct session_server_self *self,
                            const struct wire_numbers *wanted, const struct wire_texts *names,
                            struct session_metrics *ret, uint64_t *ret_number,
                            struct slice *ret_name)
{
    const struct wire_metric *metric;

    ret->n = 0;
    *ret_number = 0;
    *ret_name = slice_of(NULL, 0);
    insert(ret, WIRE_METRIC_CPU);
    insert(ret, WIRE_METRIC_MEMORY);
    for (size_t i = 0; i < wanted->count; i++) {
        if (by_number(&self->metrics, wanted->at[i]))
            insert(ret, wanted->at[i]);
        else if (!required(wanted->at[i]) && *ret_number == 0)
            *ret_number = wanted->at[i];
    }
    for (size_t i = 0; i < names->count; i++) {
        metric = by_name(&self->metrics, names->at[i]);
        if (metric)
            insert(ret, metric->number);
        else if (ret_name->n == 0)
            *ret_name = names->at[i];
    }
}

void session_metrics_describe(const struct session_server_self *self,
                              const struct session_metrics *set, struct wire_metrics *ret)
{
    ret->count = 0;
    for (size_t i = 0; i < set->n; i++) {
        const struct wire_metric *metric = by_number(&self->metrics, set->numbers[i]);
        const struct wire_metric_row *row = wire_metric_by_number(set->numbers[i]);

        if (metric)
            ret->at[ret->count++] = *metric;
        else if (row) /* required, but not measured just now */
            ret->at[ret->count++] =
                (struct wire_metric){row->number, slice_str(row->name), row->unit};
    }
}

void session_metrics_measure(const struct session_server_self *self,
                             const struct session_metrics *set, struct wire_values *ret)
{
    const struct wire_value *value = self->values.at, *end = value + self->values.count;

    ret->count = 0;
    for (size_t i = 0; i < set->n; i++) {
        while (value < end && value->number < set->numbers[i])
            value++;
        if (value < end && value->number == set->numbers[i])
            ret->at[ret->count++] = *value;
    }
}
