/* The fleet: what is published, what follows, what stays readable, and what is freed. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fleet/feed.h"

#include <qhcp/error.h>

#define SEC NSEC_PER_SEC

static struct feed *f;
static struct feed_reader *r;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(feed_new(8, &f), 0);
    return reader_open(f, &r);
}

static int teardown(void **state)
{
    (void)state;
    reader_close(r);
    feed_free(f);
    return 0;
}

static uint32_t add(const char *name)
{
    uint32_t slot;

    assert_int_equal(feed_add(f, name, &slot), 0);
    return slot;
}

static void set_state(uint32_t slot, enum qhcp_state state)
{
    struct fleet_entry *e = feed_change(f, slot);

    assert_non_null(e);
    e->verdict.state = state;
}

static void tell(uint32_t slot, enum qhcp_state to)
{
    feed_tell(f, &(struct fleet_change){.kind = FLEET_STATE, .slot = slot, .to = (uint8_t)to});
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static void a_turn_is_one_publication(void **state)
{
    const struct fleet_snapshot *s;
    char name[32];
    uint64_t before;

    (void)state;
    before = feed_current(f)->version;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "web%d:4242", i);
        set_state(add(name), QHCP_UP);
    }
    assert_int_equal(reader_hold(r)->self.n, 0); /* not yet */
    assert_int_equal(feed_publish(f, SEC, 1000), 0);
    assert_int_equal(feed_publish(f, SEC, 1000), 0); /* nothing has changed since */
    s = reader_hold(r);
    assert_int_equal(s->version, before + 1);
    assert_int_equal(s->self.n, 1000);
    assert_int_equal(s->self.by_state[QHCP_UP], 1000);
}

static void a_snapshot_that_is_held_does_not_change(void **state)
{
    uint32_t a = add("a:1"), b = add("b:1");
    const struct fleet_snapshot *old, *new;

    (void)state;
    feed_text(f, feed_change(f, a), FLEET_WORDS, "before");
    feed_publish(f, SEC, 0);
    old = reader_hold(r);
    for (unsigned i = 0; i < 100; i++) {
        feed_text(f, feed_change(f, a), FLEET_WORDS, i % 2 ? "odd" : "even");
        if (i == 50)
            assert_int_equal(feed_remove(f, b), 0);
        feed_publish(f, SEC, 0);
    }
    assert_string_equal(fleet_text(snapshot_at(old, a), FLEET_WORDS), "before");
    assert_string_equal(fleet_text(snapshot_at(old, b), FLEET_NAME), "b:1");
    new = reader_hold(r);
    assert_string_equal(fleet_text(snapshot_at(new, a), FLEET_WORDS), "odd");
    assert_null(snapshot_at(new, b));
    assert_int_equal(new->self.n, 1);
}

/* Chunks come and go with every publication; on the heap they would leave holes. */
static void a_chunk_that_nobody_needs_is_the_next_one(void **state)
{
    const struct fleet_chunk *first, *second;
    uint32_t a = add("a:1");
    char name[32];

    (void)state;
    feed_publish(f, SEC, 0);
    first = feed_current(f)->chunks[0].chunk;
    for (unsigned i = 0; i < 9; i++) {
        set_state(a, QHCP_UP);
        second = (const struct fleet_chunk *)((const char *)feed_at(f, a) -
                                              offsetof(struct fleet_chunk, at));
        assert_ptr_not_equal(first, second); /* it may be read until the next one is published */
        feed_publish(f, SEC, 0);
        assert_int_equal(f->n_spare, 1);
        assert_ptr_equal(f->spare, first);
        first = second;
    }
    for (int i = 0; i < 100 * FLEET_CHUNK; i++) {
        snprintf(name, sizeof name, "web%d:4242", i);
        add(name);
    }
    feed_publish(f, SEC, 0);
    for (uint32_t slot = 0; slot < 100 * FLEET_CHUNK; slot += FLEET_CHUNK)
        set_state(slot, QHCP_UP);
    feed_publish(f, SEC, 0);
    assert_int_equal(f->n_spare, FEED_SPARE);
}

/* A server that changes costs its chunk: the others are the same memory. */
static void what_has_not_changed_is_shared(void **state)
{
    struct feed_reader *other;
    const struct fleet_snapshot *old, *new;
    const struct fleet_entry *e;
    char name[32];
    uint32_t at = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "web%d:4242", i);
        add(name);
    }
    feed_publish(f, SEC, 0);
    assert_int_equal(reader_open(f, &other), 0);
    old = reader_hold(r);
    set_state(500, QHCP_UP);
    feed_publish(f, SEC, 0);
    new = reader_hold(other);
    for (size_t i = 0; i < new->n_chunks; i++)
        assert_int_equal(new->chunks[i].chunk == old->chunks[i].chunk, i != 500 / FLEET_CHUNK);
    e = snapshot_changed(new, old->version, &at);
    assert_int_equal(at, 500);
    assert_string_equal(fleet_text(e, FLEET_NAME), "web500:4242");
    at++;
    assert_null(snapshot_changed(new, old->version, &at));
    reader_close(other);
}

static void a_name_is_an_identity_and_its_slot_stays(void **state)
{
    uint32_t a = add("a:1"), b = add("b:1"), again, c;
    uint64_t key;

    (void)state;
    feed_publish(f, SEC, 0);
    key = snapshot_at(feed_current(f), b)->key;
    assert_int_equal(feed_add(f, "b:1", &again), QHCP_E_EXISTS);
    assert_int_equal(again, b);
    assert_int_equal(feed_remove(f, a), 0);
    feed_text(f, feed_change(f, b), FLEET_ADDRESS, "10.0.0.9:1"); /* it has moved */
    feed_publish(f, SEC, 0);
    assert_int_equal(feed_find(f, "a:1", &again), QHCP_E_NOT_FOUND);
    assert_int_equal(feed_find(f, "b:1", &again), 0);
    assert_int_equal(again, b);
    assert_int_equal(snapshot_at(feed_current(f), b)->key, key);
    assert_int_equal(key, fleet_key("b:1"));
    c = add("c:1"); /* slots stay dense, and another server in one is another identity */
    feed_publish(f, SEC, 0);
    assert_int_equal(c, a);
    assert_ptr_equal(snapshot_find(feed_current(f), "c:1", &again),
                     snapshot_at(feed_current(f), c));
    assert_int_not_equal(snapshot_at(feed_current(f), c)->key, fleet_key("a:1"));
    assert_null(snapshot_find(feed_current(f), "a:1", &again));
}

static void since_is_when_the_state_began_and_the_wall_clock_is_read_once(void **state)
{
    uint32_t a = add("a:1");
    const struct fleet_entry *e;

    (void)state;
    set_state(a, QHCP_DOWN);
    feed_change(f, a)->verdict.since = 8 * SEC;
    feed_publish(f, 10 * SEC, 100000);
    e = snapshot_at(feed_current(f), a);
    assert_int_equal(e->since, 8 * SEC);
    assert_int_equal(e->since_ms, 98000);
    feed_change(f, a)->verdict.fails = 3; /* the state has not changed, and the clock was set */
    feed_publish(f, 11 * SEC, 500000);
    e = snapshot_at(feed_current(f), a);
    assert_int_equal(e->since, 8 * SEC);
    assert_int_equal(e->since_ms, 98000);
    set_state(a, QHCP_UP);
    feed_change(f, a)->verdict.since = 12 * SEC;
    feed_publish(f, 12 * SEC, 501000);
    e = snapshot_at(feed_current(f), a);
    assert_int_equal(e->since, 12 * SEC);
    assert_int_equal(e->since_ms, 501000);
}

static void the_operator_decides_over_a_server_that_serves(void **state)
{
    static const struct {
        enum fleet_intent_use use;
        enum qhcp_state found, follows;
        unsigned share;
        bool by_operator;
    } rows[] = {
        {FLEET_IN_USE, QHCP_UP, QHCP_UP, 1000, false},
        {FLEET_DRAIN, QHCP_UP, QHCP_DRAINING, 0, true},
        {FLEET_DRAIN, QHCP_DEGRADED, QHCP_DRAINING, 0, true},
        {FLEET_DRAIN, QHCP_DOWN, QHCP_DOWN, 0, false},
        {FLEET_MAINTENANCE, QHCP_UP, QHCP_MAINTENANCE, 0, true},
        {FLEET_MAINTENANCE, QHCP_DOWN, QHCP_MAINTENANCE, 0, true},
    };
    uint32_t a = add("a:1");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fleet_entry *e = feed_change(f, a);

        e->intent.use = rows[i].use;
        e->verdict.state = rows[i].found;
        e->verdict.own_share = 1000;
        e->verdict.trusted = true;
        e->verdict.cause = 3;
        feed_publish(f, SEC, 0);
        e = (struct fleet_entry *)snapshot_at(feed_current(f), a);
        assert_int_equal(e->state, rows[i].follows);
        assert_int_equal(e->cause, rows[i].by_operator ? QHCP_CAUSE_OPERATOR : 3);
        assert_int_equal(fleet_share(e, QHCP_USE_HEALTHY), rows[i].share);
        assert_int_equal(fleet_share(e, QHCP_USE_ALL), rows[i].share);
    }
}

static void since_follows_from_who_changed_the_state(void **state)
{
    const struct fleet_entry *e;
    uint32_t a = add("a:1");

    (void)state;
    set_state(a, QHCP_UP);
    feed_change(f, a)->verdict.since = 1 * SEC;
    feed_publish(f, 2 * SEC, 0);
    feed_change(f, a)->intent.use = FLEET_DRAIN;
    feed_publish(f, 10 * SEC, 0);
    feed_change(f, a)->intent.use = FLEET_IN_USE;
    feed_publish(f, 20 * SEC, 0);
    e = snapshot_at(feed_current(f), a);
    assert_int_equal(e->state, QHCP_UP);
    assert_int_equal(e->since, 20 * SEC);        /* it drained until now */
    feed_change(f, a)->verdict.since = 29 * SEC; /* down, and up again, in one turn */
    feed_publish(f, 30 * SEC, 0);
    assert_int_equal(snapshot_at(feed_current(f), a)->since, 29 * SEC);
}

static void panic_is_judged_once_a_publication_and_told(void **state)
{
    struct fleet_change change;
    uint32_t slots[10];
    char name[8];

    (void)state;
    feed_panic(f, 50, QHCP_USE_ALL);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "s%d:1", i);
        slots[i] = add(name);
        feed_change(f, slots[i])->verdict.trusted = true;
        set_state(slots[i], i < 5 ? QHCP_UP : QHCP_DOWN);
    }
    feed_publish(f, SEC, 0);
    assert_int_equal(reader_hold(r)->self.use, QHCP_USE_HEALTHY);
    assert_int_equal(reader_next(r, &change), READER_BEHIND);
    set_state(slots[0], QHCP_DOWN); /* down and up again in one turn is no panic */
    set_state(slots[0], QHCP_UP);
    feed_publish(f, SEC, 0);
    assert_int_equal(feed_current(f)->self.use, QHCP_USE_HEALTHY);
    set_state(slots[0], QHCP_DOWN);
    feed_publish(f, SEC, 0);
    assert_int_equal(reader_hold(r)->self.use, QHCP_USE_ALL);
    assert_int_equal(fleet_share(snapshot_at(reader_hold(r), slots[0]), QHCP_USE_ALL), 1000);
    assert_int_equal(reader_next(r, &change), READER_CHANGE);
    assert_int_equal(change.kind, FLEET_PANIC);
    assert_int_equal(change.to, QHCP_USE_ALL);
    assert_string_equal(change.words, "4 of 10 servers are healthy (threshold 50 %)");
    assert_int_equal(reader_next(r, &change), READER_NONE);
    feed_panic(f, 0, QHCP_USE_ALL);
    feed_publish(f, SEC, 0);
    assert_int_equal(feed_current(f)->self.use, QHCP_USE_HEALTHY);
}

static void a_reader_gets_each_change_once_or_is_told_that_it_missed_some(void **state)
{
    struct fleet_change change;
    uint32_t a = add("a:1");

    (void)state;
    feed_publish(f, SEC, 0);
    reader_hold(r);
    assert_int_equal(reader_next(r, &change), READER_BEHIND); /* it has read nothing yet */
    assert_int_equal(reader_next(r, &change), READER_NONE);
    for (unsigned i = 0; i < 8; i++)
        tell(a, (enum qhcp_state)(i % FLEET_STATES));
    assert_int_equal(reader_next(r, &change), READER_NONE); /* not published */
    feed_publish(f, SEC, 0);
    assert_int_equal(reader_next(r, &change), READER_NONE); /* not held */
    reader_hold(r);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(reader_next(r, &change), READER_CHANGE);
        assert_int_equal(change.to, i % FLEET_STATES);
    }
    assert_int_equal(reader_next(r, &change), READER_NONE);
    for (unsigned i = 0; i < 9; i++)
        tell(a, QHCP_UP);
    feed_publish(f, SEC, 0);
    reader_hold(r);
    assert_int_equal(reader_next(r, &change), READER_BEHIND);
    assert_int_equal(reader_next(r, &change), READER_NONE);
}

static void only_a_reader_that_sleeps_is_woken_and_once(void **state)
{
    uint32_t a = add("a:1");

    (void)state;
    feed_publish(f, SEC, 0);
    assert_false(readable(reader_fd(r))); /* it did not sleep */
    assert_false(reader_sleep(r));        /* there is something that it has not held */
    reader_hold(r);
    assert_true(reader_sleep(r));
    for (int i = 0; i < 3; i++) {
        set_state(a, QHCP_UP);
        feed_publish(f, SEC, 0);
    }
    assert_true(readable(reader_fd(r)));
    reader_woken(r);
    assert_false(readable(reader_fd(r)));
    reader_hold(r);
    assert_true(reader_sleep(r));
    feed_publish(f, SEC, 0); /* nothing has changed */
    assert_false(readable(reader_fd(r)));
}

static void readers_are_bounded_and_their_places_are_used_again(void **state)
{
    struct feed_reader *all[FEED_READERS], *more;

    (void)state;
    for (size_t i = 1; i < FEED_READERS; i++)
        assert_int_equal(reader_open(f, &all[i]), 0);
    assert_int_equal(reader_open(f, &more), QHCP_E_FULL);
    reader_close(all[40]);
    assert_int_equal(reader_open(f, &more), 0);
    assert_ptr_equal(more, all[40]);
    for (size_t i = 1; i < FEED_READERS; i++)
        reader_close(all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_turn_is_one_publication, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_that_is_held_does_not_change, setup, teardown),
        cmocka_unit_test_setup_teardown(a_chunk_that_nobody_needs_is_the_next_one, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_not_changed_is_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_is_an_identity_and_its_slot_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(
            since_is_when_the_state_began_and_the_wall_clock_is_read_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_operator_decides_over_a_server_that_serves, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(since_follows_from_who_changed_the_state, setup, teardown),
        cmocka_unit_test_setup_teardown(panic_is_judged_once_a_publication_and_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_reader_gets_each_change_once_or_is_told_that_it_missed_some, setup, teardown),
        cmocka_unit_test_setup_teardown(only_a_reader_that_sleeps_is_woken_and_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(readers_are_bounded_and_their_places_are_used_again, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
