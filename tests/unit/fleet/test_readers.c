/* Readers on threads of their own, of all kinds, while the writer does what comes to its mind: each
 * ends its every turn with exactly what the snapshot says, whatever it has missed, and the last one
 * with the truth. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fleet/feed.h"

#define SERVERS 300
#define TURNS 6000
#define RING 64
#define READERS 8

static struct feed *f;
static _Atomic bool done;
static _Atomic unsigned begun; /* readers that have had a turn */

/* What a reader believes of each slot. */
struct belief {
    uint64_t key; /* 0: nobody */
    uint8_t state;
};

struct follower {
    pthread_t thread;
    unsigned pace; /* so lazy is it */
    bool by_difference;
    struct belief all[SERVERS];
    uint64_t version; /* that it has compared with last */
    unsigned turns, resyncs, changes;
    bool wrong;
};

static uint32_t next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static struct belief belief_of(const struct fleet_entry *e)
{
    return (struct belief){.key = e->key, .state = (uint8_t)e->state};
}

static void read_all(struct follower *o, const struct fleet_snapshot *s)
{
    const struct fleet_entry *e;

    memset(o->all, 0, sizeof o->all);
    for (uint32_t at = 0; (e = snapshot_next(s, &at)); at++)
        o->all[at] = belief_of(e);
    o->resyncs++;
}

static void take(struct follower *o, const struct fleet_change *c)
{
    o->changes++;
    if (c->kind == FLEET_ADDED)
        o->all[c->slot] = (struct belief){.key = c->key, .state = QHCP_CONNECTING};
    else if (c->kind == FLEET_REMOVED)
        o->all[c->slot] = (struct belief){0};
    else
        o->all[c->slot].state = c->to;
    if (c->kind == FLEET_STATE && (o->all[c->slot].key != c->key || strcmp(c->words, c->evidence)))
        o->wrong = true; /* of a server that is not there, or torn */
}

static void take_differences(struct follower *o, const struct fleet_snapshot *s)
{
    const struct fleet_entry *e;

    for (uint32_t at = 0; (e = snapshot_changed(s, o->version, &at)); at++, o->changes++)
        o->all[at] = e->text[FLEET_NAME] ? belief_of(e) : (struct belief){0};
    o->version = s->version;
}

static void compare(struct follower *o, const struct fleet_snapshot *s)
{
    size_t n = 0;

    for (uint32_t at = 0; at < SERVERS; at++) {
        const struct fleet_entry *e = snapshot_at(s, at);

        n += e != NULL;
        if (e ? o->all[at].key != e->key || o->all[at].state != e->state : o->all[at].key != 0)
            o->wrong = true;
    }
    if (n != s->self.n)
        o->wrong = true;
    o->turns++;
}

static void follow(struct follower *o, struct feed_reader *r)
{
    const struct fleet_snapshot *s = reader_hold(r);
    struct fleet_change change;
    enum reader_news news;

    for (unsigned i = 0; i < o->pace; i++)
        sched_yield(); /* it holds what is old by now */
    if (o->by_difference) {
        take_differences(o, s);
    } else {
        while ((news = reader_next(r, &change)) == READER_CHANGE)
            take(o, &change);
        if (news == READER_BEHIND)
            read_all(o, s);
    }
    compare(o, s);
}

static void *run(void *arg)
{
    struct follower *o = arg;
    struct feed_reader *r;
    bool last;

    if (reader_open(f, &r) != 0) {
        atomic_fetch_add(&begun, 1);
        return NULL;
    }
    do {
        struct pollfd p = {.fd = reader_fd(r), .events = POLLIN};

        last = atomic_load(&done);
        follow(o, r);
        if (o->turns == 1)
            atomic_fetch_add(&begun, 1);
        if (!last && reader_sleep(r)) {
            poll(&p, 1, -1);
            reader_woken(r);
        }
    } while (!last);
    reader_close(r);
    return NULL;
}

static void tell(enum fleet_kind kind, uint32_t slot, const char *name, uint8_t to, uint32_t n)
{
    struct fleet_change c = {.kind = (uint8_t)kind, .slot = slot, .key = fleet_key(name), .to = to};

    snprintf(c.words, sizeof c.words, "change %u", n);
    snprintf(c.evidence, sizeof c.evidence, "change %u", n);
    feed_tell(f, &c);
}

static void change_something(uint32_t *seed)
{
    uint32_t dice = next(seed), slot;
    struct fleet_entry *e;
    char name[32], words[32];

    snprintf(name, sizeof name, "web%u:4242", dice % SERVERS);
    if (feed_find(f, name, &slot) != 0) {
        assert_int_equal(feed_add(f, name, &slot), 0);
        tell(FLEET_ADDED, slot, name, 0, dice);
    } else if (next(seed) % 8 == 0) {
        assert_int_equal(feed_remove(f, slot), 0);
        tell(FLEET_REMOVED, slot, name, 0, dice);
    } else {
        e = feed_change(f, slot);
        e->verdict.state = (enum qhcp_state)(next(seed) % FLEET_STATES);
        snprintf(words, sizeof words, "%u", next(seed));
        assert_int_equal(feed_text(f, e, FLEET_WORDS, words), 0);
        tell(FLEET_STATE, slot, name, (uint8_t)e->verdict.state, dice);
    }
}

static void every_reader_ends_in_the_truth(void **state)
{
    static struct follower all[READERS];
    uint32_t seed = 20261127;

    (void)state;
    assert_int_equal(feed_new(RING, &f), 0);
    for (unsigned i = 0; i < READERS; i++) {
        all[i] = (struct follower){.pace = i * i * 4, .by_difference = i % 4 == 3};
        assert_int_equal(pthread_create(&all[i].thread, NULL, run, &all[i]), 0);
    }
    for (unsigned turn = 0; turn < TURNS; turn++) {
        for (uint32_t n = next(&seed) % 16 ? next(&seed) % 8 : 3 * RING; n > 0; n--)
            change_something(&seed);
        assert_int_equal(feed_publish(f, turn, 0), 0);
        if (turn % 16 == 0)
            sched_yield();
        while (turn == TURNS / 2 && atomic_load(&begun) < READERS)
            sched_yield(); /* on a busy machine some threads begin late */
    }
    atomic_store(&done, true);
    feed_self(f)->suspects = 1;
    assert_int_equal(feed_publish(f, TURNS, 0), 0); /* wakes those that sleep */
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(all[i].thread, NULL);
        assert_false(all[i].wrong);
        assert_true(all[i].turns > 1);
        compare(&all[i], feed_current(f));
        assert_false(all[i].wrong);
    }
    assert_true(all[0].changes > 0);
    assert_true(all[READERS - 2].resyncs > 1);
    feed_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reader_ends_in_the_truth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
