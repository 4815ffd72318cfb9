/* A wish from another thread becomes an intent, and is answered once that is published. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/publisher.h"
#include "daemon/wishes.h"
#include "stop.h"

static struct publisher publisher;
static struct wishes wishes;
static struct loop *loop;
static _Atomic unsigned done;

static int setup(void **state)
{
    struct fleet_entry *e;
    uint32_t slot;

    (void)state;
    done = 0;
    wishes = (struct wishes){.feed = NULL};
    if (loop_new(NULL, &loop) != 0 || publisher_init(&publisher, loop, 1) != 0 ||
        feed_add(publisher.feed, "10.0.0.1:4242", &slot) != 0)
        return -1;
    e = feed_change(publisher.feed, slot);
    e->verdict.state = QHCP_UP;
    e->verdict.own_share = 1000;
    wishes_begin(&wishes, loop, publisher.feed, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    wishes_end(&wishes);
    publisher_deinit(&publisher);
    loop_free(loop);
    return 0;
}

/* What the snapshot shows when the answer is there. */
struct outcome {
    int result;
    char words[256];
    enum qhcp_state state;
    uint16_t weight;
    unsigned share;
    struct fleet_change change;
    struct fleet_intent intent;
};

static struct outcome ask(struct feed_reader *r, enum wish_kind kind, const char *server,
                          uint64_t number)
{
    struct wish w = {.kind = kind, .number = number, .words = "new disks", .who = "the test"};
    struct outcome o = {.result = 1};
    const struct fleet_snapshot *s;
    const struct fleet_entry *e;
    struct fleet_change change;
    struct wish_answer answer;
    uint32_t token, slot;

    if (kind == WISH_MAINTENANCE)
        w.lasts = NSEC_PER_MSEC;
    snprintf(w.server, sizeof w.server, "%s", server);
    (void)reader_hold(r);
    if (wish_ask(r, &w, &token) != 0)
        return o;
    while (!wish_answered(r, &answer)) {
        struct pollfd p = {.fd = reader_fd(r), .events = POLLIN};

        (void)reader_hold(r);
        if (reader_sleep(r)) {
            poll(&p, 1, -1);
            reader_woken(r);
        }
    }
    s = reader_hold(r);
    e = snapshot_find(s, "10.0.0.1:4242", &slot);
    while (reader_next(r, &change) == READER_CHANGE)
        o.change = change;
    o.result = answer.result;
    snprintf(o.words, sizeof o.words, "%s", answer.words);
    o.state = e->state;
    o.intent = e->intent;
    o.weight = e->intent.weight;
    o.share = fleet_share(e, QHCP_USE_HEALTHY);
    return s->version >= answer.version ? o : (struct outcome){.result = 2};
}

static struct outcome outcomes[7];
static struct fleet_change ended;

/* The next change that leads back into use. */
static void wait_for_end(struct feed_reader *r)
{
    struct pollfd p = {.fd = reader_fd(r), .events = POLLIN};

    do {
        (void)reader_hold(r);
        while (reader_next(r, &ended) == READER_CHANGE)
            if (ended.to == FLEET_IN_USE)
                return;
        if (reader_sleep(r)) {
            poll(&p, 1, -1);
            reader_woken(r);
        }
    } while (true);
}

static void *asker(void *arg)
{
    struct fleet_change change;
    struct feed_reader *r;

    (void)arg;
    if (reader_open(publisher.feed, &r) != 0)
        return NULL;
    (void)reader_hold(r);
    (void)reader_next(r, &change);
    outcomes[0] = ask(r, WISH_DRAIN, "10.0.0.1:4242", 0);
    outcomes[1] = ask(r, WISH_WEIGHT, "10.0.0.1:4242", 7);
    outcomes[2] = ask(r, WISH_WEIGHT, "10.0.0.1:4242", FLEET_WEIGHT_MAX + 1);
    outcomes[3] = ask(r, WISH_UNDRAIN, "10.0.0.1:4242", 0);
    outcomes[4] = ask(r, WISH_DRAIN, "10.0.0.2:4242", 0);
    outcomes[5] = ask(r, WISH_RELOAD, "", 0);
    outcomes[6] = ask(r, WISH_MAINTENANCE, "10.0.0.1:4242", 0);
    if (outcomes[6].intent.use != FLEET_IN_USE)
        wait_for_end(r);
    reader_close(r);
    atomic_store(&done, 1);
    return NULL;
}

static qhcp_nsec look_at;

static qhcp_nsec deadline(void *ctx)
{
    (void)ctx;
    return look_at;
}

static void look(void *ctx, qhcp_nsec now)
{
    (void)ctx;
    look_at = nsec_add(now, NSEC_PER_MSEC);
    if (atomic_load(&done))
        loop_stop(loop);
}

static void a_wish_is_done_published_and_answered(void **state)
{
    struct loop_part part = {.name = "test", .deadline = deadline, .expire = look};
    pthread_t thread;

    (void)state;
    look_at = loop_now();
    loop_add(loop, &part);
    assert_int_equal(pthread_create(&thread, NULL, asker, NULL), 0);
    loop_run(loop);
    pthread_join(thread, NULL);
    loop_remove(&part);
    assert_int_equal(outcomes[0].result, 0);
    assert_string_equal(outcomes[0].words, "10.0.0.1:4242 gets no new traffic");
    assert_int_equal(outcomes[0].state, QHCP_DRAINING);
    assert_int_equal(outcomes[0].share, 0);
    assert_int_equal(outcomes[0].change.kind, FLEET_INTENT);
    assert_int_equal(outcomes[0].change.to, FLEET_DRAIN);
    assert_string_equal(outcomes[0].change.words, "new disks");
    assert_int_equal(outcomes[1].weight, 7);
    assert_int_equal(outcomes[2].result, QHCP_E_ARG);
    assert_int_equal(outcomes[2].weight, 7);
    assert_int_equal(outcomes[3].state, QHCP_UP);
    assert_int_equal(outcomes[3].share, 1000);
    assert_int_equal(outcomes[4].result, QHCP_E_NOT_FOUND);
    assert_string_equal(outcomes[4].words,
                        "\"10.0.0.2:4242\" is not watched: qhcp status shows which servers are");
    assert_string_equal(outcomes[0].change.who, "the test");
    assert_int_equal(outcomes[5].result, QHCP_E_ARG);
    assert_int_equal(outcomes[6].result, 0);
    assert_string_equal(outcomes[6].words, "10.0.0.1:4242 is in maintenance for 1ms");
    if (outcomes[6].intent.use != FLEET_IN_USE) { /* (its millisecond may be over by then) */
        assert_int_equal(outcomes[6].state, QHCP_MAINTENANCE);
        assert_int_equal(ended.from, FLEET_MAINTENANCE);
        assert_string_equal(ended.words, "the time that was given is over");
        assert_string_equal(ended.who, "");
    }
}

/* ---- a file that cannot be written ---- */

static struct feed_reader *reader;
static unsigned answered;
static bool (*until)(void);
static qhcp_nsec give_up_at;

static void wait_for_answers(void *ctx, qhcp_nsec now)
{
    struct wish_answer answer;

    (void)ctx;
    look_at = nsec_add(now, NSEC_PER_MSEC);
    (void)reader_hold(reader);
    while (wish_answered(reader, &answer))
        answered++;
    if (until() || now > give_up_at)
        loop_stop(loop);
}

static bool both_answered(void)
{
    return answered == 2;
}

static bool file_is_there(void)
{
    return access(wishes.kept.path, F_OK) == 0;
}

static void run(bool (*condition)(void))
{
    struct loop_part part = {.name = "test", .deadline = deadline, .expire = wait_for_answers};

    until = condition;
    look_at = loop_now();
    give_up_at = nsec_add(look_at, 60 * NSEC_PER_SEC);
    loop_add(loop, &part);
    loop_run(loop);
    loop_remove(&part);
}

static void wishes_are_answered_and_kept_though_their_file_could_not_be_written(void **state)
{
    char directory[] = "/tmp/qhcp-wishes-XXXXXX", missing[60];
    struct wish w = {.kind = WISH_DRAIN, .server = "10.0.0.1:4242", .who = "the test"};
    struct serve *serve;
    uint32_t token;

    (void)state;
    answered = 0;
    assert_non_null(mkdtemp(directory));
    snprintf(missing, sizeof missing, "%s/state", directory);
    assert_int_equal(serve_new(loop, &serve), 0);
    assert_int_equal(serve_start(serve), 0);
    wishes.kept.serve = serve;
    snprintf(wishes.kept.path, sizeof wishes.kept.path, "%s/intents", missing);
    assert_int_equal(reader_open(publisher.feed, &reader), 0);
    (void)reader_hold(reader);
    assert_int_equal(wish_ask(reader, &w, &token), 0);
    assert_int_equal(wish_ask(reader, &w, &token), 0); /* comes while the first is written */
    run(both_answered);
    assert_int_equal(answered, 2);
    assert_int_equal(mkdir(missing, 0700), 0);
    run(file_is_there);
    assert_true(file_is_there());
    stop_serving(serve);
    reader_close(reader);
    unlink(wishes.kept.path);
    rmdir(missing);
    rmdir(directory);
    wishes_end(&wishes);
    serve_free(serve);
    wishes_begin(&wishes, loop, publisher.feed, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_wish_is_done_published_and_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(
            wishes_are_answered_and_kept_though_their_file_could_not_be_written, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
