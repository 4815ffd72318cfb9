/* Who follows the changes that the core announces has the picture that its views show. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "lb/internal.h"
#include "pair.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)
#define SLOW_STEP 25 /* permille that slow start adds from check to check here, at most */

/* A picture of the servers that only announcements change. */
struct picture {
    struct qhcp_view views[PAIR_SERVERS];
    struct qhcp_check_view checks[PAIR_SERVERS][QHCP_CHECKS];
    unsigned all[PAIR_SERVERS]; /* every change that was announced */
    unsigned announced, states;
    bool more; /* as the newest said */
    size_t ids[PAIR_SERVERS];
};

static struct picture picture;

static void on_changed(void *ctx, const struct qhcp_changed *changed)
{
    struct pair *p = ctx;
    size_t i = changed->index;

    assert_true(i < PAIR_SERVERS && changed->what != 0);
    assert_int_equal(p->lb->depth, 1); /* not in the middle of a call */
    assert_int_equal(qhcp_lb_view(p->lb, i, &picture.views[i]), 0);
    assert_string_equal(picture.views[i].address, changed->address);
    (void)qhcp_lb_checks(p->lb, i, picture.checks[i], QHCP_CHECKS);
    picture.all[i] |= changed->what;
    picture.ids[i] = changed->id;
    picture.more = changed->more;
    picture.announced++;
    picture.states += (changed->what & QHCP_CHANGE_STATE) != 0;
}

/* Calls in from within a call, as an owner may that probes data ports. */
static void on_session(void *ctx, size_t index)
{
    struct pair *p = ctx;
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, index, &v), 0);
    assert_int_equal(qhcp_lb_data_port(p->lb, p->now, v.address, true, ""), 0);
}

static void assert_same(const struct qhcp_view *mine, const struct qhcp_view *v)
{
    assert_int_equal(mine->state, v->state);
    assert_int_equal(mine->cause, v->cause);
    assert_int_equal(mine->spare, v->spare);
    assert_true(mine->since == v->since);
    assert_string_equal(mine->reason, v->reason);
    assert_string_equal(mine->evidence, v->evidence);
    assert_string_equal(mine->notice, v->notice);
    assert_string_equal(mine->server_id, v->server_id);
    assert_memory_equal(&mine->remote, &v->remote, sizeof v->remote);
    assert_true(mine->certificate_expires == v->certificate_expires);
    assert_in_range(v->share, mine->share, mine->share + SLOW_STEP);
    assert_in_range(v->own_share, mine->own_share, mine->own_share + SLOW_STEP);
    assert_int_equal(mine->n_values, v->n_values);
    for (size_t i = 0; i < v->n_values; i++)
        assert_true(mine->values[i].value == v->values[i].value);
}

/* True never: it is asked after every step. */
static bool differs(struct pair *p)
{
    struct qhcp_view v;

    for (size_t i = 0; i < qhcp_lb_count(p->lb); i++) {
        assert_int_equal(qhcp_lb_view(p->lb, i, &v), 0);
        assert_same(&picture.views[i], &v);
    }
    return false;
}

static const struct qhcp_lb_config quick = {.liveness_interval = 100 * MSEC,
                                            .reconnect_interval = SEC,
                                            .slow_start = 5 * SEC,
                                            .session = on_session,
                                            .changed = on_changed};

static void watch(struct pair *p, int n)
{
    memset(&picture, 0, sizeof picture);
    for (int i = 0; i < n; i++)
        pair_start(p, i);
    pair_watch(p, n, &quick);
    assert_false(pair_run(p, SEC, differs));
    assert_true(pair_all_up(p));
}

static void servers_that_come_are_announced(void **state)
{
    struct pair *p = *state;

    watch(p, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            picture.all[i] &
                (QHCP_CHANGE_ADDED | QHCP_CHANGE_STATE | QHCP_CHANGE_SESSION | QHCP_CHANGE_SHARE),
            QHCP_CHANGE_ADDED | QHCP_CHANGE_STATE | QHCP_CHANGE_SESSION | QHCP_CHANGE_SHARE);
    assert_true(picture.ids[0] != picture.ids[1]);
    assert_int_equal(picture.states, 2);
}

static void touch(struct pair *p, const char *name, int seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    char path[128];

    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* The answer comes at once, from within the call that asks for it. */
static void a_name_that_is_resolved_at_once_is_announced_when_all_is_settled(void **state)
{
    struct pair *p = *state;
    char words[QHCP_TEXT];

    watch(p, 1);
    assert_int_equal(qhcp_lb_add(p->lb, p->now, "localhost:4244", words, sizeof words), 0);
    pair_start(p, 1);
    assert_false(pair_run(p, SEC, differs));
    assert_true(pair_all_up(p));
    p->cut[1] = p->cut[2] = true;
    for (int i = 0; i < 10; i++) { /* dialled again and again, with files that have changed */
        touch(p, "lb/token-key.json", i);
        assert_false(pair_run(p, 3 * SEC, differs));
    }
    assert_int_equal(picture.views[1].state, QHCP_DOWN);
    p->cut[1] = p->cut[2] = false;
    assert_false(pair_run(p, 30 * SEC, differs));
    assert_true(pair_all_up(p));
}

static void checks_that_change_nothing_are_not_announced(void **state)
{
    struct pair *p = *state;
    unsigned announced;
    struct qhcp_view before, after;

    watch(p, 1);
    assert_int_equal(qhcp_lb_view(p->lb, 0, &before), 0);
    announced = picture.announced;
    picture.all[0] = 0; /* the first answer was news */
    assert_false(pair_run(p, 2 * SEC, differs));
    assert_int_equal(qhcp_lb_view(p->lb, 0, &after), 0);
    assert_true(after.checks_ok >= before.checks_ok + 18);
    assert_true(picture.announced <= announced + 3); /* what it measured anew */
    assert_int_equal(picture.all[0] & QHCP_CHANGE_REPORT, 0);
}

/* Down, words that change while it is down, up again, slow start. */
static void a_server_that_goes_and_comes(void **state)
{
    struct pair *p = *state;

    watch(p, 1);
    p->cut[0] = true;
    assert_false(pair_run(p, 2 * SEC, differs));
    assert_int_equal(picture.views[0].state, QHCP_DOWN);
    assert_int_equal(picture.views[0].cause, QHCP_CAUSE_SILENCE);
    pair_start_stranger(p, 0);
    p->cut[0] = false;
    assert_false(pair_run(p, 3 * SEC, differs));
    assert_int_equal(picture.views[0].cause, QHCP_CAUSE_REFUSED);
    assert_true(picture.all[0] & QHCP_CHANGE_REASON);
    assert_int_equal(picture.states, 2);
    pair_start(p, 0);
    assert_false(pair_run(p, 10 * SEC, differs));
    assert_int_equal(picture.views[0].state, QHCP_UP);
    assert_int_equal(picture.views[0].share, 1000);
}

/* Panic changes the share of servers that nothing befell. */
static void panic_is_announced_of_every_server_that_it_concerns(void **state)
{
    struct pair *p = *state;

    watch(p, 4);
    for (int i = 0; i < 3; i++)
        p->cut[i] = true;
    picture.all[0] = 0;
    assert_false(pair_run(p, 5 * SEC, differs));
    assert_int_equal(picture.views[0].state, QHCP_DOWN);
    assert_int_equal(picture.views[0].share, 1000);
    assert_true(picture.all[0] & QHCP_CHANGE_SHARE);
}

static void what_a_server_says_is_announced(void **state)
{
    struct pair *p = *state;

    watch(p, 1);
    qhcp_server_set_status(p->servers[0], p->now, QHCP_STATUS_MAINTENANCE, "new disks");
    assert_false(pair_run(p, SEC, differs));
    assert_int_equal(picture.views[0].state, QHCP_MAINTENANCE);
    assert_int_equal(picture.views[0].cause, QHCP_CAUSE_STATUS);
    assert_true(picture.all[0] & QHCP_CHANGE_REPORT);
}

static void outcomes_of_its_checks_are_announced_but_not_how_long_they_took(void **state)
{
    struct pair *p = *state;

    watch(p, 1);
    for (int i = 0; i < 4; i++) { /* the reason changes at the third */
        picture.all[0] = 0;
        assert_int_equal(qhcp_server_set_check(p->servers[0], p->now, "http", QHCP_SERVING,
                                               i >= 2 ? "slowly" : "", (qhcp_nsec)i * MSEC),
                         0);
        assert_false(pair_run(p, SEC, differs));
        assert_int_equal((picture.all[0] & QHCP_CHANGE_REPORT) != 0, i % 2 == 0);
        assert_string_equal(picture.checks[0][0].name, "http");
        assert_string_equal(picture.checks[0][0].reason, i >= 2 ? "slowly" : "");
    }
}

static void a_server_that_is_removed_is_announced_last(void **state)
{
    struct pair *p = *state;
    size_t id;

    watch(p, 2);
    id = picture.ids[0];
    assert_int_equal(qhcp_lb_remove(p->lb, p->now, "127.0.0.1:4243"), 0);
    assert_true(picture.all[0] & QHCP_CHANGE_REMOVED);
    assert_int_equal(picture.ids[0], id);
    picture.views[0] = picture.views[1];
    assert_false(pair_run(p, SEC, differs));
    assert_int_equal(picture.all[1] & QHCP_CHANGE_REMOVED, 0);
    assert_true(picture.ids[0] == id || picture.ids[0] == picture.ids[1]);
}

/* Each is announced at the index that it had before all of it; one that is not there is passed
 * over. */
static void many_that_are_removed_together_move_the_others_once(void **state)
{
    static const char *const gone[] = {"127.0.0.1:4246", "127.0.0.1:9", "127.0.0.1:4244",
                                       "127.0.0.1:4246"};
    struct pair *p = *state;
    size_t ids[4];

    watch(p, 4);
    memcpy(ids, picture.ids, sizeof ids);
    memset(picture.all, 0, sizeof picture.all);
    assert_int_equal(qhcp_lb_remove_many(p->lb, p->now, gone, 4), 2);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal((picture.all[i] & QHCP_CHANGE_REMOVED) != 0, i % 2 == 1);
        assert_int_equal(picture.ids[i], ids[i]);
    }
    assert_false(picture.more);
    assert_int_equal(qhcp_lb_count(p->lb), 2);
    picture.views[1] = picture.views[2];
    assert_false(pair_run(p, SEC, differs));
    assert_true(pair_all_up(p));
    assert_int_equal(lb_index(p->lb, ids[2]), 1);
    assert_int_equal(qhcp_lb_remove_many(p->lb, p->now, gone, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(servers_that_come_are_announced, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(
            a_name_that_is_resolved_at_once_is_announced_when_all_is_settled, pair_setup,
            pair_teardown),
        cmocka_unit_test_setup_teardown(checks_that_change_nothing_are_not_announced, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(a_server_that_goes_and_comes, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(panic_is_announced_of_every_server_that_it_concerns,
                                        pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(what_a_server_says_is_announced, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(
            outcomes_of_its_checks_are_announced_but_not_how_long_they_took, pair_setup,
            pair_teardown),
        cmocka_unit_test_setup_teardown(a_server_that_is_removed_is_announced_last, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(many_that_are_removed_together_move_the_others_once,
                                        pair_setup, pair_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
