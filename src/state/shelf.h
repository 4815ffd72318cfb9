/* What is seldom needed, out of memory: a file without a name in the state directory, that nobody
 * else can open and that is gone with the process.  Pieces of SHELF_PIECE bytes at most. */
#ifndef QHCP_STATE_SHELF_H
#define QHCP_STATE_SHELF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/slots.h"

#define SHELF_PIECE 2048

struct state;

/* Zeroed it is closed: nothing can be put there. */
struct shelf {
    bool open;
    int fd;
    struct slots slots;
};

/* Where the file system has no such files, there is none. */
void shelf_open(struct shelf *s, const struct state *state);
void shelf_close(struct shelf *s);
/* Puts a piece there; owner, not NULL, tells it apart.  False: it is too long, or there is no room.
 * Nothing has changed then. */
bool shelf_put(struct shelf *s, void *owner, struct slice piece, uint32_t *ret_at);
/* Reads its n bytes.  False: they cannot be read. */
bool shelf_get(const struct shelf *s, uint32_t at, uint8_t *ret, size_t n);
/* The place is free for another. */
void shelf_drop(struct shelf *s, uint32_t at);

#endif
