/* Whose turn it is to be dialled: every short history of a few servers against a plain model, and
 * starts of whole fleets against a processor that takes a millisecond for each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lb/starts.h"

#define MS NSEC_PER_MSEC
#define START (1000 * NSEC_PER_SEC)

/* The model: each server's place and the order in which it came there. */
#define NODES 3
#define STEPS 7

struct model {
    struct starts s;
    struct start nodes[NODES];
    enum starts_place place[NODES];
    enum starts_rank rank[NODES];
    unsigned came[NODES], comes;
    qhcp_nsec at[NODES], now;
    unsigned window, most; /* room for so many */
};

static unsigned count(const struct model *m, enum starts_place place)
{
    unsigned n = 0;

    for (unsigned i = 0; i < NODES; i++)
        n += m->place[i] == place;
    return n;
}

static bool room(const struct model *m)
{
    unsigned begun = count(m, STARTS_IN_WINDOW), most = m->most;

    for (unsigned i = 0; i < NODES; i++)
        if (m->place[i] == STARTS_WAITING && m->rank[i] == STARTS_ALIVE)
            most = m->most + STARTS_MOST_ALIVE;
    return begun < m->window && begun + count(m, STARTS_SLOW) < most;
}

/* -1: nobody's. */
static int whose_turn(const struct model *m)
{
    int best = -1;

    for (int i = 0; i < NODES; i++)
        if (m->place[i] == STARTS_WAITING &&
            (best < 0 || m->rank[i] < m->rank[best] ||
             (m->rank[i] == m->rank[best] && m->came[i] < m->came[best])))
            best = i;
    return best;
}

static void do_wait(struct model *m, unsigned i, enum starts_rank rank)
{
    starts_wait(&m->s, m->now, &m->nodes[i], rank);
    if (m->place[i] == STARTS_WAITING && m->rank[i] <= rank)
        return;
    m->place[i] = STARTS_WAITING;
    m->rank[i] = rank;
    m->came[i] = ++m->comes;
}

static void do_leave(struct model *m, unsigned i)
{
    starts_leave(&m->s, m->now, &m->nodes[i]);
    m->place[i] = STARTS_NOWHERE;
}

static void do_next(struct model *m)
{
    struct start *got = starts_next(&m->s, m->now);
    int turn;

    for (unsigned i = 0; i < NODES; i++)
        if (m->place[i] == STARTS_IN_WINDOW && m->now >= m->at[i] + STARTS_PATIENCE)
            m->place[i] = STARTS_SLOW;
    m->s.window = m->window; /* that it grows is looked at elsewhere */
    turn = room(m) ? whose_turn(m) : -1;
    assert_ptr_equal(got, turn < 0 ? NULL : &m->nodes[turn]);
    if (turn < 0)
        return;
    m->place[turn] = STARTS_IN_WINDOW;
    m->at[turn] = m->now;
}

static void look(const struct model *m)
{
    qhcp_nsec due = starts_deadline(&m->s), first = NSEC_NEVER;

    for (unsigned i = 0; i < NODES; i++) {
        assert_int_equal(m->nodes[i].place, m->place[i]);
        if (m->place[i] == STARTS_IN_WINDOW)
            first = nsec_min(first, m->at[i] + STARTS_PATIENCE);
    }
    assert_int_equal(m->s.waiting, count(m, STARTS_WAITING));
    assert_int_equal(m->s.in_window, count(m, STARTS_IN_WINDOW));
    if (count(m, STARTS_WAITING) == 0)
        assert_int_equal(due, NSEC_NEVER);
    else if (room(m))
        assert_true(due <= m->now);
    else
        assert_int_equal(due, first);
}

/* Lists hold pointers to the nodes: a copy needs its own. */
static void copy(struct model *to, const struct model *from)
{
    ptrdiff_t by = (const char *)to - (const char *)from;

#define MOVE(p) ((p) ? (struct start *)(void *)((char *)(p) + by) : NULL)
    *to = *from;
    for (unsigned i = 0; i < NODES; i++) {
        to->nodes[i].prev = MOVE(to->nodes[i].prev);
        to->nodes[i].next = MOVE(to->nodes[i].next);
    }
    for (unsigned r = 0; r < STARTS_RANKS; r++)
        to->s.queues[r] = MOVE(to->s.queues[r]);
    to->s.begun = MOVE(to->s.begun);
#undef MOVE
}

static void walk(const struct model *from, unsigned steps)
{
    enum { WAIT = NODES * 2, LEAVE = WAIT + NODES, ALL = LEAVE + 2 };

    for (unsigned op = 0; op < ALL && steps > 0; op++) {
        struct model m;

        copy(&m, from);
        if (op < WAIT)
            do_wait(&m, op / 2, op % 2 ? STARTS_NEW : STARTS_ALIVE);
        else if (op < LEAVE)
            do_leave(&m, op - WAIT);
        else if (op == LEAVE)
            do_next(&m);
        else
            m.now += STARTS_PATIENCE - 1;
        m.s.window = m.window;
        look(&m);
        walk(&m, steps - 1);
    }
}

static void every_short_history_is_as_the_model_says(void **state)
{
    static const unsigned rooms[][2] = {{1, 3}, {2, 2}}; /* window, most */

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct model m = {.now = START, .window = rooms[i][0], .most = rooms[i][1]};

        starts_init(&m.s, START);
        m.s.window = m.window;
        m.s.slow = STARTS_MOST - m.most; /* others */
        walk(&m, STEPS - 1);
    }
}

/* A fleet: its servers answer after a round trip, an answer then waits until it is read. */
struct fleet {
    unsigned n, silent_every; /* each so-manieth is silent for ever; 0: none */
    qhcp_nsec trip, cost;
};

struct course {
    qhcp_nsec took;   /* until all who are not silent are up */
    unsigned unread;  /* answers that waited at most */
    qhcp_nsec waited; /* an answer, at most */
    unsigned begun;   /* attempts under way at most */
};

static void run(const struct fleet *f, struct course *ret)
{
    struct start *nodes = calloc(f->n, sizeof *nodes), *node;
    qhcp_nsec *due = calloc(f->n, sizeof *due), now = START;
    unsigned first = 0, last = 0, left = 0, *order = calloc(f->n, sizeof *order);
    struct starts s;

    *ret = (struct course){0};
    starts_init(&s, now);
    for (unsigned i = 0; i < f->n; i++) {
        starts_wait(&s, now, &nodes[i], STARTS_NEW);
        left += f->silent_every == 0 || i % f->silent_every != 0;
    }
    while (left > 0) {
        unsigned unread = 0;

        while ((node = starts_next(&s, now))) {
            unsigned i = (unsigned)(node - nodes);

            now += f->cost / 3; /* its first packet */
            due[i] = now + f->trip;
            if (f->silent_every == 0 || i % f->silent_every != 0)
                order[last++] = i;
        }
        for (unsigned i = first; i < last && due[order[i]] <= now; i++)
            unread++;
        ret->unread = unread > ret->unread ? unread : ret->unread;
        ret->begun =
            s.in_window + s.slow > ret->begun ? (unsigned)(s.in_window + s.slow) : ret->begun;
        if (unread == 0) {
            qhcp_nsec wake = nsec_min(first < last ? due[order[first]] : NSEC_NEVER,
                                      nsec_max(starts_deadline(&s), now + 1));

            assert_true(wake != NSEC_NEVER);
            now = wake;
            continue;
        }
        starts_late(&s, now, now - due[order[first]]);
        for (; unread > 0; unread--, left--) {
            ret->waited = nsec_max(ret->waited, now - due[order[first]]);
            now += f->cost - f->cost / 3;
            starts_leave(&s, now, &nodes[order[first++]]);
        }
    }
    ret->took = now - START;
    free(order);
    free(due);
    free(nodes);
}

static void a_fleet_starts_as_fast_as_our_processor_can(void **state)
{
    static const qhcp_nsec trips[] = {MS / 10, MS, 20 * MS, 80 * MS};

    (void)state;
    for (size_t i = 0; i < sizeof trips / sizeof trips[0]; i++) {
        const struct fleet f = {.n = 10000, .trip = trips[i], .cost = MS};
        struct course c;

        run(&f, &c);
        assert_true(c.took < 12 * NSEC_PER_SEC);
        assert_true(c.waited < 100 * MS); /* far from any time-out */
        assert_in_range(c.unread, 1, STARTS_WINDOW_MAX);
        assert_in_range(c.begun, 1, 2 * STARTS_WINDOW_MAX);
    }
}

static void silent_servers_do_not_keep_others_waiting(void **state)
{
    const struct fleet f = {.n = 2000, .silent_every = 2, .trip = MS, .cost = MS};
    struct course c;

    (void)state;
    run(&f, &c);
    assert_true(c.took < 5 * NSEC_PER_SEC);
    assert_in_range(c.begun, 1, STARTS_MOST);
}

static void no_more_are_under_way_than_there_is_memory_for(void **state)
{
    struct start *nodes = calloc(10000, sizeof *nodes);
    unsigned begun = 0;
    struct starts s;

    (void)state;
    starts_init(&s, START);
    for (unsigned i = 0; i < 10000; i++)
        starts_wait(&s, START, &nodes[i], STARTS_NEW);
    for (unsigned i = 0; i < 1000; i++)
        while (starts_next(&s, START + i * 10 * MS))
            begun++;
    assert_int_equal(begun, STARTS_MOST); /* all of them silent */
    assert_int_equal(starts_deadline(&s), NSEC_NEVER);
    starts_leave(&s, START + 11000 * MS, &nodes[0]); /* one has failed */
    assert_int_equal(starts_deadline(&s), START + 11000 * MS);
    assert_non_null(starts_next(&s, START + 11000 * MS));
    assert_null(starts_next(&s, START + 11000 * MS));
    /* Servers that restart have some room of their own. */
    for (unsigned i = 0; i < STARTS_MOST_ALIVE; i++) {
        starts_wait(&s, START + 12000 * MS, &nodes[9999 - i], STARTS_ALIVE);
        assert_ptr_equal(starts_next(&s, START + (12000 + i * 100) * MS), &nodes[9999 - i]);
    }
    starts_wait(&s, START + 20000 * MS, &nodes[9000], STARTS_ALIVE);
    assert_null(starts_next(&s, START + 20000 * MS));
    free(nodes);
}

static void the_window_follows_our_lateness(void **state)
{
    struct start nodes[200] = {{0}};
    struct starts s;

    (void)state;
    starts_init(&s, START);
    starts_late(&s, START, STARTS_LATE);
    assert_int_equal(s.window, STARTS_WINDOW);
    for (unsigned i = 0; i < 50; i++)
        starts_late(&s, START, STARTS_LATE + 1); /* one fault, many signs of it */
    assert_int_equal(s.window, STARTS_WINDOW * 3 / 4);
    for (unsigned i = 1; i < 50; i++)
        starts_late(&s, START + i * STARTS_SHRINK_PAUSE, STARTS_LATE + 1);
    assert_int_equal(s.window, STARTS_WINDOW_MIN);
    for (unsigned i = 0; i < 200; i++)
        starts_wait(&s, START, &nodes[i], STARTS_NEW);
    for (unsigned i = 0; i < 150; i++) {
        while (starts_next(&s, START + 60 * STARTS_SHRINK_PAUSE))
            ;
        starts_leave(&s, START + 60 * STARTS_SHRINK_PAUSE, &nodes[i]);
    }
    assert_in_range(s.window, STARTS_WINDOW_MIN + 90, STARTS_WINDOW_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_short_history_is_as_the_model_says),
        cmocka_unit_test(a_fleet_starts_as_fast_as_our_processor_can),
        cmocka_unit_test(silent_servers_do_not_keep_others_waiting),
        cmocka_unit_test(no_more_are_under_way_than_there_is_memory_for),
        cmocka_unit_test(the_window_follows_our_lateness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
