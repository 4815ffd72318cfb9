/* What was used already: a set of hashes that forgets each between one and two lifetimes after it
 * was added, and holds a bounded number. */
#ifndef QHCP_QUIC_USED_H
#define QHCP_QUIC_USED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

#define USED_SLOTS                                                                                 \
    8192 /* of each of two tables, a power of two: 128 kB, once something is used                  \
          */
#define USED_MAX (USED_SLOTS / 4 * 3) /* entries of one lifetime */

struct used {
    qhcp_nsec lifetime, since; /* of the newer table */
    uint64_t *newer, *older;   /* NULL until something is added */
    size_t n;                  /* in the newer one */
};

void used_init(struct used *u, qhcp_nsec lifetime);
void used_deinit(struct used *u);

bool used_has(struct used *u, qhcp_nsec now, uint64_t hash);
/* QHCP_E_FULL: USED_MAX were added in this lifetime; QHCP_E_NOMEM. */
int used_add(struct used *u, qhcp_nsec now, uint64_t hash);

#endif
