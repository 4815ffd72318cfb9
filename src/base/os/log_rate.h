/* How often each kind of message may come.
 *
 * A kind is what its words are without what varies: numbers, addresses, quoted words, and a name
 * with a colon at the beginning.  At most LOG_BURST lines of a kind are taken at once, and
 * LOG_SECOND more each second.  What is left out is counted. */
#ifndef QHCP_BASE_OS_LOG_RATE_H
#define QHCP_BASE_OS_LOG_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define LOG_BURST 1000 /* a fleet's worth of changes */
#define LOG_SECOND 50
#define LOG_KINDS 64 /* known at a time: there are fewer messages that can come often */
#define LOG_LIKE 80  /* bytes of an example */

struct log_kind {
    uint64_t hash; /* 0: unused */
    qhcp_nsec at;  /* of its allowance */
    double left;
    uint64_t left_out;
    qhcp_nsec since; /* the first of them */
    int level;
    char like[LOG_LIKE]; /* the first one that was left out */
};

struct log_rate {
    struct log_kind kinds[LOG_KINDS];
    uint64_t left_out; /* of all kinds */
};

/* The number of the kind that these words are of. */
uint64_t log_rate_kind(const char *words);

/* May it come? */
bool log_rate_take(struct log_rate *r, const char *words, int level, qhcp_nsec now);

/* When log_rate_told will have something; NSEC_NEVER. */
qhcp_nsec log_rate_deadline(const struct log_rate *r);
/* A kind of which something was left out, that may come again by now: its count begins again.
 * False: there is none. */
bool log_rate_told(struct log_rate *r, qhcp_nsec now, struct log_kind *ret);

#endif
