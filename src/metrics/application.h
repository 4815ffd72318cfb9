/* "NAME=VALUE": an application's own metric, as people write it. */
#ifndef QHCP_METRICS_APPLICATION_H
#define QHCP_METRICS_APPLICATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

#include <qhcp/error.h>

struct application_value {
    char name[LIMIT_NAME + 1];
    unsigned unit; /* as in struct qhcp_value: the registry's; of other names percent for
                      those that end so, else a number */
    uint64_t value;
};

/* The unit of a metric of that name. */
unsigned application_unit(const char *name);

/* A value is quantity.h's, without digits that would be lost and below 10^15.  QHCP_E_PARSE with
 * words. */
int application_parse(const char *text, struct application_value *ret, char *words,
                      size_t words_cap);

#endif
