#include "metrics/application.h"

#include <stdio.h>
#include <string.h>

#include "base/value.h"
#include "metrics/quantity.h"
#include "wire/registry.h"

#define VALUE_MAX UINT64_C(999999999999999)

unsigned application_unit(const char *name)
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

int application_parse(const char *text, struct application_value *ret, char *words,
                      size_t words_cap)
{
    size_t n = strcspn(text, "=");
    char quote[VALUE_QUOTE + 8];
    struct application_value v = {.unit = 0};

    if (n > 0 && n < sizeof v.name && text[n] == '=') {
        memcpy(v.name, text, n);
        v.unit = application_unit(v.name);
        if (quantity_parse(text + n + 1, v.unit, true, &v.value) && v.value <= VALUE_MAX) {
            *ret = v;
            return 0;
        }
    }
    snprintf(words, words_cap,
             "%s is not a metric's value: write it as requests_in_flight=12 or "
             "application_utilization_percent=81.5",
             value_quote(text, quote));
    return QHCP_E_PARSE;
}
