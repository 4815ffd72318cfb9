#include "metrics/report.h"

#include <stdio.h>
#include <string.h>

#include "base/value.h"
#include "wire/registry.h"

#define DIGITS 15 /* of a value, with those behind the point */

/* How many digits behind the point the unit has. */
static unsigned digits_of(unsigned unit)
{
    return unit == WIRE_UNIT_PERCENT ? 2 : unit == WIRE_UNIT_MILLI ? 3 : 0;
}

static bool parse_number(const char *text, unsigned behind, uint64_t *ret)
{
    const char *point = strchr(text, '.');
    size_t whole = point ? (size_t)(point - text) : strlen(text);
    size_t given = point ? strlen(point + 1) : 0;
    uint64_t v = 0;

    if (whole == 0 || whole + behind > DIGITS || given > behind || (point && given == 0))
        return false;
    for (const char *p = text; *p; p++) {
        if (p == point)
            continue;
        if (*p < '0' || *p > '9')
            return false;
        v = v * 10 + (uint64_t)(*p - '0');
    }
    for (; given < behind; given++)
        v *= 10;
    *ret = v;
    return true;
}

unsigned report_unit(const char *name)
{
    const struct wire_metric_row *row = wire_metric_by_name(slice_str(name));
    static const char percent[] = "_percent";
    size_t n = strlen(name);

    if (row)
        return row->unit;
    return n >= sizeof percent && strcmp(name + n + 1 - sizeof percent, percent) == 0
               ? WIRE_UNIT_PERCENT
               : WIRE_UNIT_NONE;
}

int report_parse(const char *text, struct report_value *ret, char *words, size_t words_cap)
{
    size_t n = strcspn(text, "=");
    char quote[VALUE_QUOTE + 8];
    struct report_value v = {.unit = 0};

    if (n > 0 && n < sizeof v.name && text[n] == '=') {
        memcpy(v.name, text, n);
        v.unit = report_unit(v.name);
        if (parse_number(text + n + 1, digits_of(v.unit), &v.value)) {
            *ret = v;
            return 0;
        }
    }
    snprintf(words, words_cap,
             "%s is no metric's value: expected as requests_in_flight=12 or "
             "application_utilization_percent=81.5",
             value_quote(text, quote));
    return QHCP_E_PARSE;
}
