/* What the forwarder makes of the fleet: a row for each server, by what has changed. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/targets.h"

#define SEC NSEC_PER_SEC

static struct feed *feed;
static struct targets t;
static struct list allowed;
static const union qhcp_addr nowhere[2];
static unsigned gone, moved;

static void on_gone(void *ctx, qhcp_nsec now, const struct target *one)
{
    (void)ctx, (void)now, (void)one;
    gone++;
}

static void on_moves(void *ctx, qhcp_nsec now, const struct target *one)
{
    (void)ctx, (void)now, (void)one;
    moved++;
}

static int setup(void **state)
{
    (void)state;
    gone = moved = 0;
    t = (struct targets){
        .gone = on_gone, .moves = on_moves, .own_port = 1, .own = nowhere, .allowed = &allowed};
    if (feed_new(0, &feed) != 0)
        return -1;
    t.feed = feed;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    targets_deinit(&t);
    feed_free(feed);
    return 0;
}

/* A server with a session, which stands for a port of its own. */
static uint32_t serve(const char *name, uint32_t sessions, const char *service)
{
    struct fleet_entry *e;
    uint32_t slot;

    (void)feed_add(feed, name, &slot);
    e = feed_change(feed, slot);
    assert_non_null(e);
    e->sessions = sessions;
    e->remote.in =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001)};
    e->verdict.state = QHCP_UP;
    e->verdict.own_share = 1000;
    e->verdict.trusted = true;
    assert_int_equal(feed_bytes(feed, e, FLEET_SERVICES, service, strlen(service) + 1), 0);
    return slot;
}

static void follow(void)
{
    assert_int_equal(feed_publish(feed, SEC, 0), 0);
    t.news = t.shares = false;
    targets_follow(&t, SEC);
}

static uint16_t port_of(uint32_t slot)
{
    return ntohs(targets_of_slot(&t, slot)->address.in.sin_port);
}

static void rows_follow_what_has_changed(void **state)
{
    uint32_t a, b;

    (void)state;
    a = serve("10.0.0.1:1", 1, "tcp:80");
    b = serve("10.0.0.2:1", 1, "tcp:81");
    follow();
    assert_true(t.news);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.services, 2);
    assert_int_equal(port_of(a), 80);
    assert_int_equal(t.rows[targets_of_slot(&t, b)->place].share, 1000);
    assert_int_equal(ntohs(feed_at(feed, a)->target.in.sin_port), 80); /* everybody sees it */
    follow();                                                          /* which is no news */
    assert_false(t.news);
    assert_int_equal(t.changed[0], 3);
    targets_seen(&t);
    feed_change(feed, b)->verdict.checks_ok = 5;
    feed_change(feed, b)->report.utilization = 300;
    follow();
    assert_false(t.news);
    assert_int_equal(t.changed[0], UINT64_C(1) << targets_of_slot(&t, b)->place);
    assert_int_equal(t.rows[targets_of_slot(&t, b)->place].utilization, 300);
    feed_change(feed, b)->verdict.state = QHCP_DOWN;
    feed_change(feed, b)->verdict.own_share = 0;
    follow();
    assert_true(t.news);
    assert_ptr_equal(targets_fell(&t), targets_of_slot(&t, b));
    assert_null(targets_fell(&t));
}

static void who_went_down_twice_in_one_table_is_told_once_and_who_came_back_is_not(void **state)
{
    static const enum qhcp_state states[] = {QHCP_DOWN, QHCP_UP, QHCP_DOWN, QHCP_UP};
    uint32_t a = serve("10.0.0.1:1", 1, "tcp:80");

    (void)state;
    follow();
    for (size_t i = 0; i < 4; i++) {
        feed_change(feed, a)->verdict.state = states[i];
        follow();
        if (i == 2) {
            assert_non_null(targets_fell(&t));
            assert_null(targets_fell(&t));
        }
    }
    feed_change(feed, a)->verdict.state = QHCP_DOWN;
    follow();
    feed_change(feed, a)->verdict.state = QHCP_UP;
    follow();
    assert_null(targets_fell(&t));
}

static void an_address_is_found_once_a_session_and_once_a_list(void **state)
{
    uint32_t a = serve("10.0.0.1:1", 1, "tcp:80");
    struct listed listed;
    char words[200];

    (void)state;
    follow();
    assert_int_equal(moved, 1);
    (void)serve("10.0.0.1:1", 1, "tcp:90"); /* the same session: nobody looks */
    follow();
    assert_int_equal(port_of(a), 80);
    (void)serve("10.0.0.1:1", 2, "tcp:90");
    follow();
    assert_int_equal(port_of(a), 90);
    assert_int_equal(moved, 2);
    assert_int_equal(listed_parse("10.0.0.1:1 service=tcp:99", &listed, words, sizeof words), 0);
    targets_listed(&t, SEC, &listed);
    follow();
    assert_int_equal(port_of(a), 99);
    assert_int_equal(moved, 3);
}

/* The report of a connection to one that was removed is not its successor's. */
static void another_server_in_the_same_slot_is_another_target(void **state)
{
    uint32_t a = serve("10.0.0.1:1", 1, "tcp:80"), b = serve("10.0.0.2:1", 1, "tcp:80");
    size_t old, last;

    (void)state;
    follow();
    old = targets_of_slot(&t, a)->id;
    last = targets_of_slot(&t, b)->id;
    assert_int_equal(feed_remove(feed, a), 0);
    assert_int_equal(serve("10.0.0.3:1", 1, "tcp:80"), a);
    follow();
    assert_int_equal(gone, 1);
    assert_null(targets_of_id(&t, old));
    assert_string_equal(targets_of_slot(&t, a)->name, "10.0.0.3:1");
    assert_ptr_equal(targets_of_id(&t, last), targets_of_slot(&t, b));
    assert_null(targets_find(&t, "10.0.0.1:1"));
    targets_seen(&t);
    assert_int_equal(feed_remove(feed, a), 0);
    follow();
    assert_int_equal(t.n, 1);
    for (size_t i = 0; i < t.n; i++)
        assert_int_equal(t.of[i]->place, i);
    assert_int_equal(t.rows[0].id, last);
}

static void panic_changes_every_row(void **state)
{
    uint32_t a = serve("10.0.0.1:1", 1, "tcp:80"), b = serve("10.0.0.2:1", 1, "tcp:80");

    (void)state;
    feed_change(feed, a)->verdict.state = QHCP_DEGRADED;
    follow();
    assert_true(t.rows[targets_of_slot(&t, a)->place].degraded);
    feed_panic(feed, 90, QHCP_USE_ALL);
    feed_change(feed, b)->verdict.state = QHCP_DOWN;
    feed_change(feed, b)->verdict.own_share = 0;
    follow();
    assert_true(t.news);
    assert_false(t.rows[targets_of_slot(&t, a)->place].degraded);
    assert_int_equal(t.rows[targets_of_slot(&t, b)->place].share, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_follow_what_has_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(
            who_went_down_twice_in_one_table_is_told_once_and_who_came_back_is_not, setup,
            teardown),
        cmocka_unit_test_setup_teardown(an_address_is_found_once_a_session_and_once_a_list, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(another_server_in_the_same_slot_is_another_target, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(panic_changes_every_row, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
