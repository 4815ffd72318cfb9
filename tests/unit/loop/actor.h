/* A part that the tests of the loop give a letter, and a loop without a core. */
#ifndef QHCP_TESTS_UNIT_LOOP_ACTOR_H
#define QHCP_TESTS_UNIT_LOOP_ACTOR_H

#include <stddef.h>

#include "loop/loop.h"

#define ACTOR_ORDER 64

/* What happened, one letter each. */
extern char actor_order[ACTOR_ORDER];
void actor_note(char what);

/* Due at `at`; does what the test tells it. */
struct actor {
    struct loop_part part;
    struct loop *loop;
    char letter;
    qhcp_nsec at;
    size_t expired, turns, most; /* the loop stops after so many of either; 0: never */
    void (*act)(struct actor *a);
    struct actor *other;
};

qhcp_nsec actor_deadline(void *ctx);
/* turns: it has turns and no deadline; else the other way round. */
void actor_add(struct loop *l, struct actor *a, char letter, bool turns);

/* A loop in which a test that hangs fails after ten seconds; nothing has happened yet. */
struct loop *actor_begin(void);
void actor_end(struct loop *l);

#endif
