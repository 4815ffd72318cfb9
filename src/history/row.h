/* What the fleet shows, as rows of the history. */
#ifndef QHCP_HISTORY_ROW_H
#define QHCP_HISTORY_ROW_H

#include "fleet/entry.h"
#include "fleet/ring.h"
#include "history/store.h"

/* A server, as it was written last; zeroed: it was not. */
struct recorder_seen {
    uint64_t key;
    int64_t id;       /* of its row; 0: it has none */
    int64_t since_ms; /* of its state */
    uint64_t sent, answered;
    uint64_t listed; /* a hash of what the list says */
    uint32_t sessions;
    uint8_t state, cause;
};

/* Writes the server's row if its state is another than before. */
int row_server(struct store *s, const struct fleet_entry *e, struct recorder_seen *seen);
/* Writes an event.  seen: n servers by slot. */
int row_change(struct store *s, const struct fleet_change *c, struct recorder_seen *seen, size_t n);
int row_sample(struct store *s, const struct fleet_entry *e, enum qhcp_use use,
               struct recorder_seen *seen);

#endif
