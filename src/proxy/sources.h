/* How many connections each source has at one thread, so that no one source takes all places.
 *
 * A table of fixed size with open addresses; a source is there while it has a connection. */
#ifndef QHCP_PROXY_SOURCES_H
#define QHCP_PROXY_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qhcp/types.h>

struct source {
    uint64_t key;
    uint32_t count; /* 0: the place is free */
};

struct sources {
    struct source *at;
    uint32_t bits; /* of the size, which is twice as many as there can be sources at least */
    uint64_t seed; /* keys are chosen by strangers */
};

/* An IPv4 address, or the 64 bits of an IPv6 address that one customer has. */
uint64_t sources_key(const union qhcp_addr *from);

/* For as many connections at once.  QHCP_E_NOMEM. */
int sources_init(struct sources *s, size_t connections);
void sources_deinit(struct sources *s);

/* Counts one more.  False, and none is counted, where the source has `most` already. */
bool sources_add(struct sources *s, uint64_t key, uint32_t most);
/* One that was counted has gone. */
void sources_remove(struct sources *s, uint64_t key);

#endif
