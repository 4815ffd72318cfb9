#include "actor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define GIVE_UP (60 * NSEC_PER_SEC) /* a test that waits longer has failed */

char actor_order[ACTOR_ORDER];

void actor_note(char what)
{
    size_t n = strlen(actor_order);

    if (n < sizeof actor_order - 1)
        actor_order[n] = what;
}

qhcp_nsec actor_deadline(void *ctx)
{
    return ((struct actor *)ctx)->at;
}

static void stop_after(const struct actor *a, size_t n)
{
    if (a->most > 0 && n >= a->most)
        loop_stop(a->loop);
}

static void actor_expire(void *ctx, qhcp_nsec now)
{
    struct actor *a = ctx;

    assert_true(now >= a->at);
    a->at = NSEC_NEVER;
    actor_note(a->letter);
    stop_after(a, ++a->expired);
    if (a->act)
        a->act(a);
}

static void actor_turn(void *ctx, qhcp_nsec now)
{
    struct actor *a = ctx;

    (void)now;
    stop_after(a, ++a->turns);
    if (a->act)
        a->act(a);
}

void actor_add(struct loop *l, struct actor *a, char letter, bool turns)
{
    a->loop = l;
    a->letter = letter;
    a->part = (struct loop_part){.name = "actor", .ctx = a};
    a->part.turn = turns ? actor_turn : NULL;
    a->part.deadline = turns ? NULL : actor_deadline;
    a->part.expire = turns ? NULL : actor_expire;
    loop_add(l, &a->part);
}

static void on_late(void *ctx, qhcp_nsec now)
{
    (void)ctx;
    (void)now;
    fail_msg("nothing more happened after \"%s\"", actor_order);
}

/* Ends a test that hangs. */
static struct actor guard;

struct loop *actor_begin(void)
{
    struct loop *l;

    memset(actor_order, 0, sizeof actor_order);
    assert_int_equal(loop_new(NULL, &l), 0);
    guard = (struct actor){.at = loop_now() + GIVE_UP};
    guard.part = (struct loop_part){
        .name = "guard", .ctx = &guard, .deadline = actor_deadline, .expire = on_late};
    loop_add(l, &guard.part);
    return l;
}

void actor_end(struct loop *l)
{
    loop_remove(&guard.part);
    loop_free(l);
}
