/* Prometheus' list of targets, as file_sd and http_sd have it:
 *
 *     [{"targets": ["10.0.0.1:4243", "10.0.0.2:4243"], "labels": {"qhcp_weight": "2"}}]
 *
 * The labels qhcp_weight, qhcp_priority and qhcp_service are the settings of these names; others
 * become tags ("env=prod"). */
#ifndef QHCP_SOURCES_SD_H
#define QHCP_SOURCES_SD_H

#include <stdbool.h>

#include "conf/list.h"

/* Appends an entry for each target; one that several groups name is there once, as the first has
 * it.  QHCP_E_PARSE, QHCP_E_NOMEM, QHCP_E_FULL, with words that begin with `name`. */
int sd_parse(const char *name, const char *content, size_t n, struct list *ret, char *words,
             size_t words_cap);

/* Does this look like such JSON rather than lines of a list ("[::1]:4243")?  NUL-terminated. */
bool sd_is(const char *content);

#endif
