#include "wire/registry.h"

#include <stddef.h>

#include <qhcp/types.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Ascending numbers without gaps, from 1.  Names and meanings follow what the field reports already
 * (ORCA's utilization and rates, Prequal's requests in flight and latency). */
static const struct wire_metric_row rows[] = {
    {WIRE_METRIC_CPU, "cpu_usage_percent", WIRE_UNIT_PERCENT, 10000,
     "CPU time in use, in percent of what the server's cgroup (or its machine) may use"},
    {WIRE_METRIC_MEMORY, "memory_usage_percent", WIRE_UNIT_PERCENT, 10000,
     "Memory in use that cannot be reclaimed, in percent of what its cgroup (or its machine) may "
     "use"},
    {3, "application_utilization_percent", WIRE_UNIT_PERCENT, 0,
     "How busy the application says it is; may exceed 100 % under overload"},
    {4, "requests_in_flight", WIRE_UNIT_NONE, 0, "Requests that have begun and not ended"},
    {5, "request_latency_p50_us", WIRE_UNIT_USEC, 0,
     "Median latency of requests that began at about the present number in flight"},
    {6, "requests_per_second", WIRE_UNIT_MILLI, 0, "Requests that end in a second"},
    {7, "errors_per_second", WIRE_UNIT_MILLI, 0, "Requests that fail in a second"},
    {8, "connections", WIRE_UNIT_NONE, 0, "Open connections of the application's clients"},
    {9, "load_average_1m", WIRE_UNIT_MILLI, 0, "The machine's load average over one minute"},
    {10, "swap_usage_percent", WIRE_UNIT_PERCENT, 10000,
     "Swap in use, in percent of what the server may use"},
    {11, "disk_usage_percent", WIRE_UNIT_PERCENT, 10000,
     "Space in use on the fullest of the file systems that matter to the server"},
};

const struct wire_metric_row *wire_metric_by_number(uint64_t number)
{
    return number - 1 < COUNT(rows) ? &rows[number - 1] : NULL;
}

const struct wire_metric_row *wire_metric_by_name(struct slice name)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (slice_equal(name, slice_str(rows[i].name)))
            return &rows[i];
    return NULL;
}

const struct wire_word *wire_unit(uint64_t unit)
{
    static const struct wire_word units[] = {
        [WIRE_UNIT_NONE] = {"number", "A plain number"},
        [WIRE_UNIT_PERCENT] = {"percent", "Hundredths of a percent: 1250 is 12.5 %"},
        [WIRE_UNIT_BYTES] = {"bytes", "Bytes"},
        [WIRE_UNIT_USEC] = {"microseconds", "Microseconds"},
        [WIRE_UNIT_MILLI] = {"thousandths", "Thousandths: for rates and averages with a fraction"},
    };

    return unit < COUNT(units) ? &units[unit] : NULL;
}

const char *wire_unit_name(uint64_t unit)
{
    const struct wire_word *word = wire_unit(unit);

    return word ? word->name : "number";
}

const struct wire_word *wire_status(uint64_t status)
{
    static const struct wire_word statuses[] = {
        [QHCP_SERVING] = {"serving", "It takes traffic"},
        [QHCP_STATUS_DEGRADED] = {"degraded", "It takes traffic, and asks for less"},
        [QHCP_STATUS_DRAINING] = {"draining",
                                  "It wants no new connections; those that it has may finish"},
        [QHCP_NOT_SERVING] = {"not serving", "The agent lives, but its application does not serve"},
        [QHCP_STATUS_MAINTENANCE] = {"maintenance", "Its operator has taken it out"},
    };

    return status < COUNT(statuses) ? &statuses[status] : NULL;
}
