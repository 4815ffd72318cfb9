/* A place of its own for each test: a fresh directory under TMPDIR that is removed afterwards, with
 * QHCP_STATE_DIR pointing into it. */
#ifndef QHCP_TEST_STATE_PLACE_H
#define QHCP_TEST_STATE_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdint.h>

#include "state/state.h"

#define PLACE_NOW 1800000000LL /* 2027-01-15 */
#define PLACE_DAY 86400LL

struct place {
    char root[200];
    char words[1024]; /* of the last call below */
};

int place_setup(void **state);
int place_teardown(void **state);

/* "ROOT/name", in one of a few buffers that take turns. */
const char *place_path(const struct place *p, const char *name);
/* QHCP_STATE_DIR becomes ROOT/name. */
void place_use(struct place *p, const char *name);
/* state_open_at on ROOT/name. */
int place_open(struct place *p, const char *name, int64_t now, struct state *ret);
/* The same, which must succeed. */
struct state place_make(struct place *p, const char *name, int64_t now);

char *place_read(const char *path, size_t *ret_len); /* free() it; fails the test when it cannot */
void place_write(const char *path, const char *text, unsigned mode);
/* SHA-256 over names, modes and contents of every file below, the lock aside. */
void place_digest(const char *path, uint8_t ret[32]);
void place_same(const uint8_t a[32], const char *path);
/* Asserts that the words of the last call have this in them. */
void place_says(const struct place *p, const char *text);

#endif
