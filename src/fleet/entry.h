/* One server, as every part of the process sees it.
 *
 * Three truths are kept apart: what its operator wants (intent), what it says of itself (report),
 * and what we found (verdict).  What follows from them is decided here and nowhere else: its state
 * and since when, the reason code beside the words, and its share of new traffic.
 *
 * Three words that are used everywhere:
 * healthy  up or degraded: fleet_healthy
 * weight   what the operator gives it relative to others, 0 to FLEET_WEIGHT_MAX: intent.weight;
 * with 0 it drains share    permille of its weight that new traffic is to give it now: fleet_share
 */
#ifndef QHCP_FLEET_ENTRY_H
#define QHCP_FLEET_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "fleet/block.h"
#include "fleet/fleet.h"

#define FLEET_STATES (QHCP_DOWN + 1)

/* What its operator wants of it. */
enum fleet_intent_use { FLEET_IN_USE, FLEET_DRAIN, FLEET_MAINTENANCE };

struct fleet_intent {
    enum fleet_intent_use use;
    uint16_t weight;   /* in force: the list's, or an operator's */
    uint16_t listed;   /* the list's */
    bool weighed;      /* weight is an operator's */
    uint16_t priority; /* its tier, 0 first */
    /* Of `use` where an operator asked for it: when (unix milliseconds: it may be older than this
     * process, and this boot), and until when (0: until somebody says so); why and who are
     * FLEET_WHY and FLEET_WHO. */
    int64_t since_ms;
    qhcp_nsec until;
};

/* What it says of itself, in its newest report. */
struct fleet_report {
    enum qhcp_status status;
    bool leaving;         /* it has announced its end */
    bool listening;       /* it sends its status by itself */
    qhcp_nsec at;         /* when the report came; 0: there was none */
    uint64_t number;      /* reports with values, ever */
    uint32_t utilization; /* these four as in struct fleet_server; FLEET_UNKNOWN */
    uint32_t rate;        /* thousandths a second */
    uint32_t in_flight;   /* everybody's requests */
    uint32_t latency_us;  /* median */
};

/* What we found. */
struct fleet_verdict {
    enum qhcp_state state;
    uint8_t cause;           /* the reason code: enum qhcp_cause */
    bool refused;            /* down for trust or protocol: waiting will not help */
    bool trusted;            /* panic may use it (panic_usable) */
    uint16_t own_share;      /* permille of its weight that its health deserves: slow start */
    uint32_t fails;          /* misses or failed dials in a row */
    uint32_t false_verdicts; /* of silence */
    uint64_t rtt_us;         /* smoothed; 0: unknown */
    uint64_t checks_sent, checks_ok;
    int64_t certificate_expires; /* unix seconds; 0: unknown */
    qhcp_nsec since;             /* when its state began */
};

/* What our own forwarder has counted of it, since the process began. */
struct fleet_traffic {
    bool forwarded;      /* false: nothing is forwarded to it, and the rest is 0 */
    uint16_t errors;     /* permille of the newest connections that failed */
    uint32_t in_flight;  /* connections now */
    uint32_t latency_us; /* of recent requests; 0: none was seen */
    uint64_t connects, failures;
    uint64_t bytes_in, bytes_out; /* in: from clients */
};

/* What the history has of it from before this process. */
struct fleet_known {
    int64_t since_ms; /* of the state: unix milliseconds */
    int64_t as_of_ms; /* until then it was so */
    enum qhcp_state state;
    char words[120]; /* the same for people */
};

/* What is of several words or bytes; a row more needs nothing else. */
enum fleet_text {
    FLEET_NAME,      /* its identity: of an address, the spelling that all of one place share */
    FLEET_ADDRESS,   /* as listed */
    FLEET_LABEL,     /* what people call it: the operator's name for it, or its address as listed */
    FLEET_TAGS,      /* the operator's, with | between */
    FLEET_SERVER_ID, /* what it calls itself */
    FLEET_WORDS,     /* why it is in that state; "" for up */
    FLEET_EVIDENCE,  /* what its last going down rests on */
    FLEET_NOTICE,    /* what the operator should do */
    FLEET_METRICS,   /* names of its values: for each its unit's digit, the name and a NUL */
    FLEET_VALUES,    /* of its newest report, in that order: uint64_t */
    FLEET_SERVICES,  /* the services it offers: each with a NUL */
    FLEET_WHY,       /* the operator's reason for what he wants of it */
    FLEET_WHO,       /* who wants it, and from where */
    FLEET_CHECKS,    /* of its application: struct qhcp_check_view, one after the other */
    FLEET_KNOWN,     /* what the process before us knew, until it is checked: struct fleet_known */
    FLEET_TEXTS
};

struct fleet_entry {
    const struct fleet_bytes
        *text[FLEET_TEXTS]; /* text[FLEET_NAME] NULL: no server has this slot */
    uint64_t key;           /* fleet_key of the name: the same in every process */
    uint64_t version;       /* of the publication that changed it last */
    uint32_t sessions;      /* ever: remote and FLEET_SERVICES change with it alone */
    union qhcp_addr remote; /* of its last session; AF_UNSPEC: there was none */
    union qhcp_addr target; /* of its data port; AF_UNSPEC: none is known */

    struct fleet_intent intent;
    struct fleet_report report;
    struct fleet_verdict verdict;
    struct fleet_traffic traffic;

    /* What follows (entry_follow).  The wall clock is read once, when the state begins: a step of
     * it later changes no `since_ms`, and ages are counted by `since`. */
    enum qhcp_state state;
    uint8_t cause;    /* verdict.cause, or that of the operator */
    qhcp_nsec since;  /* monotonic */
    int64_t since_ms; /* unix milliseconds */
};

/* The load balancer itself, and what is counted of all servers. */
struct fleet_self {
    size_t n, by_state[FLEET_STATES];
    bool swept;        /* each has been looked at once: none was still connecting, at some time */
    enum qhcp_use use; /* what panic leads to; QHCP_USE_HEALTHY: there is none */
    uint32_t local_score; /* 0: well .. 7 */
    uint32_t suspects;    /* servers that miss checks now */
    uint32_t held;        /* servers that are silent, and that the brake holds */
    uint32_t braked;      /* how often it began to hold some, ever */
    struct qhcp_lateness lateness;
};

static inline bool fleet_healthy(enum qhcp_state state)
{
    return state == QHCP_UP || state == QHCP_DEGRADED;
}

static inline size_t fleet_healthy_count(const struct fleet_self *self)
{
    return self->by_state[QHCP_UP] + self->by_state[QHCP_DEGRADED];
}

static inline const char *fleet_text(const struct fleet_entry *e, enum fleet_text which)
{
    return block_words(e->text[which]);
}

/* State, cause and since, from the three truths.  before: as it was published; NULL or of no
 * server: it is new. */
void entry_follow(struct fleet_entry *e, const struct fleet_entry *before, qhcp_nsec now,
                  int64_t wall_ms);

/* NULL: nothing, or it was checked. */
const struct fleet_known *fleet_known(const struct fleet_entry *e);

/* Why it is in its state, for people; "" for up. */
const char *fleet_reason(const struct fleet_entry *e);

/* Permille of its weight that new traffic is to give it. */
unsigned fleet_share(const struct fleet_entry *e, enum qhcp_use use);

#endif
