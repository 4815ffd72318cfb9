/* The log of changes: the newest FLEET_RING of them, numbered from 1 on without a gap.
 *
 * One thread writes, any number read, nobody waits: a reader that is too slow finds that what it
 * wanted was overwritten, and reads the snapshot instead (reader.h). */
#ifndef QHCP_FLEET_RING_H
#define QHCP_FLEET_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define FLEET_RING                                                                                 \
    4096 /* changes that are kept: every server of 4,000 falls and nobody has looked */
#define FLEET_LABEL_MAX 72      /* bytes of a name and its NUL */
#define FLEET_NOBODY UINT32_MAX /* the slot of a change that is of no server */

/* What changed.  A kind more is a row here and one in ring.c. */
enum fleet_kind {
    FLEET_ADDED,
    FLEET_REMOVED,
    FLEET_STATE,   /* from, to: enum qhcp_state, as we found it; equal: it has restarted */
    FLEET_INTENT,  /* from, to: enum fleet_intent_use */
    FLEET_SESSION, /* it has a session: its address, the services it offers */
    FLEET_LISTED, /* the list says something else of it now; words: what, and what it said before */
    FLEET_NOTICED, /* words: what the operator should do */
    FLEET_PANIC,   /* from, to: enum qhcp_use; of no server */
    FLEET_BRAKE,   /* from, to: 1 while the brake holds servers, which words count; of no server */
    FLEET_CONFIG,  /* options have changed; of no server; words: which */
    FLEET_KINDS
};
/* "added", "state" ... */
const char *ring_kind_name(enum fleet_kind kind);

struct fleet_change {
    uint64_t seq;  /* its number */
    uint64_t key;  /* whose: fleet_key of the name */
    qhcp_nsec at;  /* when, monotonic */
    int64_t at_ms; /* the same in unix milliseconds */
    uint32_t slot; /* or FLEET_NOBODY */
    uint8_t kind;  /* enum fleet_kind */
    uint8_t from, to;
    uint8_t cause;               /* the reason code: enum qhcp_cause */
    char name[264];              /* whose: its address */
    char label[FLEET_LABEL_MAX]; /* the name that the operator gave it; "" */
    char words[256];             /* why */
    char evidence[512];
    char who[96]; /* who wanted it, and from where; "": nobody */
};

struct ring;

/* Room for n changes, a power of two.  QHCP_E_NOMEM. */
int ring_new(size_t n, struct ring **ret);
void ring_free(struct ring *r);

/* The writer's: adds one, whose number it returns.  change->seq is ignored. */
uint64_t ring_add(struct ring *r, const struct fleet_change *change);

/* Any thread's: change number seq, which the writer has told of.  False: it was overwritten. */
bool ring_get(const struct ring *r, uint64_t seq, struct fleet_change *ret);

#endif
