#include "metrics/quantity.h"

#include <stdio.h>
#include <string.h>

#include "base/value.h"
#include "wire/registry.h"

/* The units that a value may be written with; "" is the metric's own. */
static const struct suffix {
    unsigned unit;
    const char *name;
    uint64_t factor; /* parts of the registered unit */
} suffixes[] = {
    {WIRE_UNIT_NONE, "", 1},
    {WIRE_UNIT_PERCENT, "", 100},
    {WIRE_UNIT_PERCENT, "%", 100},
    {WIRE_UNIT_BYTES, "", 1},
    {WIRE_UNIT_BYTES, "KiB", 1024},
    {WIRE_UNIT_BYTES, "MiB", 1024 * 1024},
    {WIRE_UNIT_BYTES, "GiB", 1024 * 1024 * 1024},
    {WIRE_UNIT_USEC, "", 1}, /* others are value_time's */
    {WIRE_UNIT_MILLI, "", 1000},
};

static uint64_t factor_of(unsigned unit, const char *name)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (suffixes[i].unit == unit && strcmp(suffixes[i].name, name) == 0)
            return suffixes[i].factor;
    return 0;
}

bool quantity_parse(const char *text, unsigned unit, bool exact, uint64_t *ret)
{
    uint64_t whole, billionths, factor;
    const char *end = value_decimal(text, &whole, &billionths);
    qhcp_nsec time;

    if (!end)
        return false;
    factor = factor_of(unit, end);
    if (factor != 0 && exact && billionths * factor % 1000000000 != 0)
        return false;
    if (factor != 0) {
        *ret = value_scale(whole, billionths, factor);
        return true;
    }
    if (unit != WIRE_UNIT_USEC || !value_time(text, NSEC_PER_USEC, &time))
        return false;
    *ret = time / NSEC_PER_USEC;
    return true;
}

void quantity_text(unsigned unit, uint64_t value, char *ret, size_t cap)
{
    int digits = unit == WIRE_UNIT_PERCENT ? 2 : unit == WIRE_UNIT_MILLI ? 3 : 0;
    uint64_t scale = digits == 2 ? 100 : digits == 3 ? 1000 : 1;
    unsigned long long whole = value / scale, part = value % scale;

    for (; part > 0 && part % 10 == 0; digits--)
        part /= 10;
    if (part == 0)
        snprintf(ret, cap, "%llu", whole);
    else
        snprintf(ret, cap, "%llu.%0*llu", whole, digits, part);
}
