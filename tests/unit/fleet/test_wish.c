/* Wishes: asked from other threads, done at the writer's turn, answered after its publication. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "fleet/feed.h"

#include <qhcp/error.h>

static struct feed *f;
static struct feed_reader *r;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(feed_new(0, &f), 0);
    return reader_open(f, &r);
}

static int teardown(void **state)
{
    (void)state;
    reader_close(r);
    feed_free(f);
    return 0;
}

static bool readable(int fd, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, wait_ms) == 1;
}

static uint32_t ask(const char *server)
{
    struct wish w = {.kind = WISH_DRAIN};
    uint32_t token;

    snprintf(w.server, sizeof w.server, "%s", server);
    assert_int_equal(wish_ask(r, &w, &token), 0);
    return token;
}

static void an_answer_comes_with_the_publication_that_has_what_was_done(void **state)
{
    struct wish_answer answer;
    struct wish w;
    uint32_t slot, token;

    (void)state;
    feed_add(f, "a:1", &slot);
    feed_publish(f, 1, 0);
    reader_hold(r);
    assert_false(readable(wish_fd(f), 0));
    token = ask("a:1");
    assert_true(readable(wish_fd(f), 0));
    assert_true(reader_sleep(r));
    assert_true(wish_take(f, &w));
    assert_int_equal(w.kind, WISH_DRAIN);
    assert_string_equal(w.server, "a:1");
    assert_false(wish_take(f, &w));
    assert_false(readable(wish_fd(f), 0));
    feed_change(f, slot)->intent.use = FLEET_DRAIN;
    wish_answer(f, &w, 0, "draining");
    assert_false(wish_answered(r, &answer));
    feed_publish(f, 2, 0);
    assert_true(readable(reader_fd(r), 0));
    assert_true(wish_answered(r, &answer));
    assert_int_equal(answer.token, token);
    assert_int_equal(answer.result, 0);
    assert_string_equal(answer.words, "draining");
    assert_int_equal(answer.version, reader_hold(r)->version);
    assert_int_equal(snapshot_at(reader_hold(r), slot)->intent.use, FLEET_DRAIN);
    assert_false(wish_answered(r, &answer));
}

static void what_is_refused_is_answered_too_though_nothing_is_published(void **state)
{
    struct wish_answer answer;
    struct wish w;

    (void)state;
    ask("nobody:1");
    reader_hold(r);
    assert_true(reader_sleep(r));
    assert_true(wish_take(f, &w));
    wish_answer(f, &w, QHCP_E_NOT_FOUND, "no such server");
    feed_publish(f, 1, 0);
    assert_true(readable(reader_fd(r), 0));
    assert_true(wish_answered(r, &answer));
    assert_int_equal(answer.result, QHCP_E_NOT_FOUND);
    assert_int_equal(answer.version, feed_current(f)->version);
}

static void a_wish_that_lacks_what_its_kind_needs_is_not_asked(void **state)
{
    struct wish w = {.kind = WISH_WEIGHT, .server = "a:1"};
    uint32_t token;

    (void)state;
    assert_int_equal(wish_ask(r, &w, &token), 0); /* its weight may be 0 */
    w.server[0] = '\0';
    assert_int_equal(wish_ask(r, &w, &token), QHCP_E_ARG);
    w.kind = WISH_RELOAD;
    assert_int_equal(wish_ask(r, &w, &token), 0);
    w.kind = WISH_KINDS;
    assert_int_equal(wish_ask(r, &w, &token), QHCP_E_ARG);
    assert_string_equal(wish_row(WISH_UNDRAIN)->name, "undrain");
}

static void who_asks_too_much_is_told_so(void **state)
{
    struct wish w = {.kind = WISH_RELOAD}, taken;
    struct wish_answer answer;
    uint32_t token;

    (void)state;
    for (unsigned i = 0; i < WISH_QUEUE; i++)
        assert_int_equal(wish_ask(r, &w, &token), 0);
    assert_int_equal(wish_ask(r, &w, &token), QHCP_E_FULL);
    assert_true(wish_take(f, &taken));
    assert_int_equal(wish_ask(r, &w, &token), QHCP_E_FULL); /* its own are not answered */
    wish_answer(f, &taken, 0, "");
    feed_publish(f, 1, 0);
    assert_true(wish_answered(r, &answer));
    assert_int_equal(wish_ask(r, &w, &token), 0);
}

/* An answer to somebody who has gone is nobody's, and the place is free only after it. */
static void who_leaves_is_not_taken_for_the_next_one(void **state)
{
    struct feed_reader *second, *third;
    struct wish_answer answer;
    struct wish w;

    (void)state;
    ask("a:1");
    reader_close(r);
    assert_int_equal(reader_open(f, &second), 0);
    assert_ptr_not_equal(second, r);
    assert_true(wish_take(f, &w));
    wish_answer(f, &w, 0, "");
    feed_publish(f, 1, 0);
    assert_int_equal(reader_open(f, &third), 0);
    assert_ptr_equal(third, r);
    assert_false(wish_answered(third, &answer));
    reader_close(second);
}

#define ASKERS 4
#define WISHES 2000

static void *asker(void *arg)
{
    struct wish w = {.kind = WISH_WEIGHT, .server = "a:1"};
    unsigned asked = 0, answered = 0;
    struct feed_reader *mine;
    struct wish_answer answer;
    uint32_t token;

    (void)arg;
    assert_int_equal(reader_open(f, &mine), 0);
    while (answered < WISHES) {
        w.number = asked + 1;
        if (asked < WISHES && wish_ask(mine, &w, &token) == 0) {
            asked++;
            continue;
        }
        reader_hold(mine);
        if (!wish_answered(mine, &answer)) {
            if (answered == asked) /* the others have filled the queue */
                continue;
            if (reader_sleep(mine)) {
                readable(reader_fd(mine), -1);
                reader_woken(mine);
            }
            continue;
        }
        assert_int_equal(answer.result, (int)++answered); /* each its own, in its order */
    }
    reader_close(mine);
    return NULL;
}

/* An asker that stands still between its wish and the wake-up for it: the wish is done by then. */
static void a_wake_up_that_comes_late_does_not_come_again_and_again(void **state)
{
    const uint64_t one = 1;
    struct wish w;

    (void)state;
    ask("a:1");
    assert_true(wish_take(f, &w));
    assert_false(wish_take(f, &w));
    assert_int_equal(write(wish_fd(f), &one, sizeof one), sizeof one);
    assert_false(wish_take(f, &w));
    assert_false(readable(wish_fd(f), 0));
    ask("a:2");
    assert_true(readable(wish_fd(f), 0));
    assert_true(wish_take(f, &w));
    assert_string_equal(w.server, "a:2");
}

static void askers_on_threads_get_their_own_answers_in_order(void **state)
{
    pthread_t threads[ASKERS];
    unsigned done = 0;
    struct wish w;

    (void)state;
    for (unsigned i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, asker, NULL), 0);
    while (done < ASKERS * WISHES) {
        readable(wish_fd(f), -1);
        while (wish_take(f, &w)) {
            wish_answer(f, &w, (int)w.number, "");
            done++;
        }
        feed_publish(f, 1, 0);
    }
    for (unsigned i = 0; i < ASKERS; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_comes_with_the_publication_that_has_what_was_done,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_is_answered_too_though_nothing_is_published,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_wish_that_lacks_what_its_kind_needs_is_not_asked, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_asks_too_much_is_told_so, setup, teardown),
        cmocka_unit_test_setup_teardown(who_leaves_is_not_taken_for_the_next_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wake_up_that_comes_late_does_not_come_again_and_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(askers_on_threads_get_their_own_answers_in_order, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
