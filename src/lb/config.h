/* The configuration as the core keeps it: copies of the caller's strings, defaults for zeros, and
 * its part of HELLO.  It is made as a whole or not at all. */
#ifndef QHCP_LB_CONFIG_H
#define QHCP_LB_CONFIG_H

#include "base/limits.h"
#include "session/lb.h"

#include <qhcp/lb.h>

#define CONFIG_STRINGS 5

/* On the heap: replaced whole. */
struct lb_config {
    struct qhcp_lb_config c;
    struct session_lb_config session; /* what HELLO says */
    char id[LIMIT_ID + 1];
    char *strings[CONFIG_STRINGS];
    char *names[LIMIT_METRICS];
    struct wire_numbers numbers; /* metrics wanted */
    struct wire_texts texts;
};

/* QHCP_E_NOMEM, QHCP_E_TOO_MANY (metrics), with words. */
int config_new(const struct qhcp_lb_config *config, struct lb_config **ret, char *words,
               size_t words_cap);
void config_free(struct lb_config *l);
bool config_same_metrics(const struct lb_config *a, const struct lb_config *b);
/* Of what health is told. */
bool config_same_timing(const struct lb_config *a, const struct lb_config *b);

#endif
