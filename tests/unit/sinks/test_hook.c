/* Events that wait for a command or a URL: order, retries, and what is left out. */
#include "../words.h"

#include "sinks/hook.h"

#include <qhcp/error.h>

#define S NSEC_PER_SEC

static struct hook make(unsigned at_most, unsigned retries)
{
    return (struct hook){.at_most = at_most, .retries = retries, .kinds = UINT32_MAX};
}

static void add(struct hook *h, uint64_t key, uint64_t seq)
{
    struct fleet_change c = {
        .seq = seq, .key = key, .kind = FLEET_STATE, .from = QHCP_UP, .to = QHCP_DOWN};

    hook_add(h, &c);
}

/* The next event is number seq. */
static struct hook_event *next(struct hook *h, qhcp_nsec now, unsigned seq)
{
    struct hook_event *e = hook_next(h, now, 0);
    char words[40];

    snprintf(words, sizeof words, "{\"seq\":%u,", seq);
    assert_non_null(e);
    assert_says(e->json, words);
    return e;
}

static void none(struct hook *h, qhcp_nsec now, qhcp_nsec wakes)
{
    assert_null(hook_next(h, now, 0));
    assert_int_equal(hook_deadline(h), wakes);
}

static void events_of_one_server_come_one_after_the_other(void **state)
{
    struct hook h = make(4, 0);
    struct hook_event *a, *b;

    (void)state;
    add(&h, 1, 1);
    add(&h, 1, 2);
    add(&h, 2, 3);
    a = next(&h, 0, 1);
    b = next(&h, 0, 3);
    none(&h, 0, NSEC_NEVER);
    assert_true(hook_done(&h, a, HOOK_TAKEN, 0));
    a = next(&h, 0, 2);
    assert_true(hook_done(&h, b, HOOK_TAKEN, 0));
    assert_true(hook_done(&h, a, HOOK_TAKEN, 0));
    assert_int_equal(h.n, 0);
    hook_clear(&h);
}

static void so_many_at_once_and_no_more(void **state)
{
    struct hook h = make(2, 0);
    struct hook_event *a;

    (void)state;
    for (unsigned i = 1; i <= 3; i++)
        add(&h, i, i);
    a = next(&h, 0, 1);
    (void)next(&h, 0, 2);
    none(&h, 0, NSEC_NEVER);
    hook_done(&h, a, HOOK_TAKEN, 0);
    (void)next(&h, 0, 3);
    hook_clear(&h);
}

static void what_is_refused_is_tried_again_and_others_pass_it(void **state)
{
    struct hook h = make(1, 2);

    (void)state;
    add(&h, 1, 1);
    add(&h, 1, 2);
    add(&h, 2, 3);
    assert_true(hook_done(&h, next(&h, 0, 1), HOOK_REFUSED, 10 * S));
    assert_true(hook_done(&h, next(&h, 10 * S, 3), HOOK_TAKEN, 10 * S));
    none(&h, 10 * S, 11 * S);
    assert_true(hook_done(&h, next(&h, 11 * S, 1), HOOK_REFUSED, 11 * S));
    none(&h, 12 * S, 13 * S); /* after 1 s, then 2 s */
    assert_false(hook_done(&h, next(&h, 13 * S, 1), HOOK_REFUSED, 13 * S));
    assert_int_equal(h.missed_ever, 1);
    assert_int_equal(h.missed, 0); /* who refused it has heard of it */
    assert_true(hook_done(&h, next(&h, 13 * S, 2), HOOK_TAKEN, 13 * S));
    hook_clear(&h);
}

static void while_nobody_answers_all_wait_and_one_is_tried(void **state)
{
    struct hook h = make(4, 9);
    struct hook_event *a, *b;

    (void)state;
    for (unsigned i = 1; i <= 3; i++)
        add(&h, i, i);
    a = next(&h, 0, 1);
    b = next(&h, 0, 2);
    hook_done(&h, a, HOOK_SILENT, 0);
    none(&h, 5 * S, NSEC_NEVER); /* (b is under way) */
    hook_done(&h, b, HOOK_SILENT, 5 * S);
    none(&h, 6 * S, 7 * S);
    a = next(&h, 7 * S, 1);
    none(&h, 7 * S, NSEC_NEVER);
    hook_done(&h, a, HOOK_TAKEN, 8 * S);
    (void)next(&h, 8 * S, 2);
    (void)next(&h, 8 * S, 3);
    hook_clear(&h);
}

static void pauses_grow_to_a_minute(void **state)
{
    struct hook h = make(1, HOOK_RETRIES);
    qhcp_nsec now = 0;

    (void)state;
    add(&h, 1, 1);
    for (unsigned i = 0; i < 50; i++) {
        hook_done(&h, next(&h, now, 1), HOOK_SILENT, now);
        now = hook_deadline(&h);
    }
    hook_done(&h, next(&h, now, 1), HOOK_SILENT, now);
    assert_int_equal(hook_deadline(&h), now + 60 * S);
    hook_clear(&h);
}

static void of_a_full_queue_the_oldest_goes_and_that_is_told_first(void **state)
{
    struct hook h = make(1, 0);
    struct hook_event *running, *e;

    (void)state;
    for (unsigned i = 1; i <= HOOK_QUEUE; i++)
        add(&h, i, i);
    running = next(&h, 0, 1);
    add(&h, 9999, 9001);
    add(&h, 9998, 9002);
    assert_int_equal(h.n, HOOK_QUEUE);
    assert_int_equal(h.missed, 2);
    hook_done(&h, running, HOOK_TAKEN, 0);
    e = hook_next(&h, 0, 1000);
    assert_says(e->json, "\"time\":\"1970-01-01T00:00:01.000Z\",\"kind\":\"missed\"");
    assert_says(e->json, "2 or more events are missing");
    hook_done(&h, e, HOOK_TAKEN, 0);
    for (unsigned i = 4; i <= HOOK_QUEUE; i++)
        hook_done(&h, next(&h, 0, i), HOOK_TAKEN, 0);
    hook_done(&h, next(&h, 0, 9001), HOOK_TAKEN, 0);
    hook_done(&h, next(&h, 0, 9002), HOOK_TAKEN, 0);
    none(&h, 0, NSEC_NEVER);
    assert_int_equal(h.n, 0);
    hook_clear(&h);
}

static void how_many_are_missing_is_not_forgotten_in_a_full_queue(void **state)
{
    struct hook h = make(1, 3);
    struct hook_event *e;

    (void)state;
    for (int i = 0; i < 3; i++)
        hook_add(&h, NULL);
    e = hook_next(&h, 0, 0);
    assert_true(hook_done(&h, e, HOOK_REFUSED, 0)); /* that they are missing waits for a second */
    for (unsigned i = 1; i <= HOOK_QUEUE + 1; i++)
        add(&h, i, i);
    assert_int_equal(h.n, HOOK_QUEUE);
    assert_int_equal(h.missed_ever, 3 + 1);
    assert_says(hook_next(&h, 0, 0)->json, "4 or more events are missing");
    hook_clear(&h);
}

static void one_server_alone_fills_no_more_than_the_queue(void **state)
{
    struct hook h = make(1, 0);

    (void)state;
    add(&h, 1, 1);
    (void)next(&h, 0, 1);
    for (unsigned i = 2; i <= 2 * HOOK_QUEUE; i++)
        add(&h, 1, i);
    assert_in_range(h.n, HOOK_QUEUE, HOOK_QUEUE + HOOK_AT_MOST);
    hook_clear(&h);
}

static void that_some_are_missing_is_told_again_later_and_not_at_once(void **state)
{
    struct hook h = make(1, 0);
    struct hook_event *e;

    (void)state;
    hook_add(&h, NULL);
    e = hook_next(&h, S, 0);
    assert_says(e->json, "\"kind\":\"missed\"");
    assert_false(hook_done(&h, e, HOOK_REFUSED, S));
    none(&h, S, 61 * S);
    add(&h, 1, 5);
    assert_true(hook_done(&h, next(&h, S, 5), HOOK_TAKEN, S)); /* others go on */
    e = hook_next(&h, 61 * S, 0);
    assert_says(e->json, "1 or more events are missing");
    assert_true(hook_done(&h, e, HOOK_TAKEN, 61 * S));
    assert_int_equal(h.n, 0);
    hook_clear(&h);
}

static void kinds_are_chosen_by_name(void **state)
{
    char words[300] = "";
    uint32_t kinds;

    (void)state;
    assert_int_equal(hook_kinds("state,panic", &kinds, words, sizeof words), 0);
    assert_int_equal(kinds, 1u << FLEET_STATE | 1u << FLEET_PANIC);
    assert_int_equal(hook_kinds("all", &kinds, words, sizeof words), 0);
    assert_int_equal(kinds, UINT32_MAX);
    assert_int_equal(hook_kinds(NULL, &kinds, words, sizeof words), 0);
    assert_true(kinds & 1u << FLEET_STATE && kinds & 1u << FLEET_INTENT);
    assert_false(kinds & 1u << FLEET_ADDED || kinds & 1u << FLEET_SESSION);
    assert_int_equal(hook_kinds("state,", &kinds, words, sizeof words), QHCP_E_PARSE);
    assert_int_equal(hook_kinds("down", &kinds, words, sizeof words), QHCP_E_PARSE);
    assert_says(words, "kinds: \"down\" is not a kind of event: use all, or some of added, ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_of_one_server_come_one_after_the_other),
        cmocka_unit_test(so_many_at_once_and_no_more),
        cmocka_unit_test(what_is_refused_is_tried_again_and_others_pass_it),
        cmocka_unit_test(while_nobody_answers_all_wait_and_one_is_tried),
        cmocka_unit_test(pauses_grow_to_a_minute),
        cmocka_unit_test(of_a_full_queue_the_oldest_goes_and_that_is_told_first),
        cmocka_unit_test(how_many_are_missing_is_not_forgotten_in_a_full_queue),
        cmocka_unit_test(one_server_alone_fills_no_more_than_the_queue),
        cmocka_unit_test(that_some_are_missing_is_told_again_later_and_not_at_once),
        cmocka_unit_test(kinds_are_chosen_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
