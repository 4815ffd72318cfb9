/* Which metrics a session carries: the set of numbers that both sides agreed on.  For the server's
 * machine only. */
#ifndef QHCP_SESSION_METRICS_H
#define QHCP_SESSION_METRICS_H

#include "wire/wire.h"

struct session_server_self;

struct session_metrics {
    size_t n;
    uint64_t numbers[LIMIT_METRICS]; /* ascending */
};

/* The two required metrics and, of those wanted, all that self has.  Sets *ret_number to the first
 * number wanted that it has not (0: none such), *ret_name to the first such name (n 0: none). */
void session_metrics_choose(const struct session_server_self *self,
                            const struct wire_numbers *wanted, const struct wire_texts *names,
                            struct session_metrics *ret, uint64_t *ret_number,
                            struct slice *ret_name);

/* Names and units of the set, for ACK and CONFIG_ACK. */
void session_metrics_describe(const struct session_server_self *self,
                              const struct session_metrics *set, struct wire_metrics *ret);

/* The values that self has of the set. */
void session_metrics_measure(const struct session_server_self *self,
                             const struct session_metrics *set, struct wire_values *ret);

#endif
