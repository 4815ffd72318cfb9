/* Parts of a loop that has no core, as the thread that serves has one. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actor.h"

static unsigned yields;

/* Instead of the C library's. */
int sched_yield(void)
{
    yields++;
    return 0;
}

static void hand_on(struct actor *a)
{
    if (a->other)
        a->other->at = loop_now() + NSEC_PER_MSEC;
}

/* One is due soon, the others in an hour; the next one's time comes nearer then. */
static void the_earliest_deadline_counts_whatever_the_order_of_the_parts(void **state)
{
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct actor actors[3] = {{.letter = 0}};
        struct loop *l = actor_begin();
        qhcp_nsec now = loop_now();

        for (unsigned k = 0; k < 3; k++) {
            unsigned n = orders[i][k];

            actors[n].at = now + (n == 0 ? NSEC_PER_MSEC : 3600 * NSEC_PER_SEC);
            actors[n].act = hand_on;
            actors[n].other = n < 2 ? &actors[n + 1] : NULL;
            actors[n].most = n == 2;
            actor_add(l, &actors[n], (char)('0' + n), false);
        }
        loop_run(l);
        assert_string_equal(actor_order, "012");
        for (size_t k = 0; k < 3; k++)
            loop_remove(&actors[k].part);
        actor_end(l);
    }
}

static void all_that_are_due_are_called_in_one_round(void **state)
{
    struct actor a = {.at = 0}, b = {.at = NSEC_NEVER}, c = {.at = 0, .most = 1};
    struct loop *l = actor_begin();

    (void)state;
    actor_add(l, &a, 'a', false);
    actor_add(l, &b, 'b', false);
    actor_add(l, &c, 'c', false);
    loop_run(l);
    assert_string_equal(actor_order, "ac");
    loop_remove(&a.part);
    loop_remove(&b.part);
    loop_remove(&c.part);
    actor_end(l);
}

static qhcp_nsec this_moment(void *ctx)
{
    return ((struct actor *)ctx)->expired ? NSEC_NEVER : loop_now();
}

static void a_deadline_that_is_this_moment_has_come(void **state)
{
    struct actor a = {.most = 1};
    struct loop *l = actor_begin();

    (void)state;
    actor_add(l, &a, 'a', false);
    a.part.deadline = this_moment;
    loop_run(l);
    assert_int_equal(a.expired, 1);
    loop_remove(&a.part);
    actor_end(l);
}

static void leave(struct actor *a)
{
    loop_remove(&a->part);
}

static void a_part_may_remove_itself(void **state)
{
    struct actor once = {.at = 0, .act = leave}, turns = {.act = leave}, last = {.most = 1};
    struct loop *l = actor_begin();

    (void)state;
    last.at = loop_now() + 2 * NSEC_PER_MSEC;
    actor_add(l, &once, 'o', false);
    actor_add(l, &turns, 't', true);
    actor_add(l, &last, 'l', false);
    loop_run(l);
    assert_string_equal(actor_order, "ol");
    assert_int_equal(turns.turns, 1);
    loop_remove(&once.part); /* a second time: nothing happens */
    loop_remove(&last.part);
    actor_end(l);
}

static void remove_other(struct actor *a)
{
    struct actor *other = a->other;

    if (!other)
        return;
    loop_remove(&other->part);
    memset(other, 0xff, sizeof *other);
    free(other);
    a->other = NULL;
}

/* Both are due in one round; who is removed and freed by the other is not called. */
static void a_part_may_remove_the_next_one_and_the_one_before(void **state)
{
    (void)state;
    for (int before = 0; before < 2; before++) {
        struct actor *gone = calloc(1, sizeof *gone);
        struct actor a = {.at = 0, .act = remove_other, .other = gone, .most = 1};
        struct loop *l = actor_begin();

        assert_non_null(gone);
        if (before)
            actor_add(l, gone, 'g', false);
        actor_add(l, &a, 'a', false);
        if (!before)
            actor_add(l, gone, 'g', false);
        loop_run(l);
        assert_string_equal(actor_order, before ? "ga" : "a");
        loop_remove(&a.part);
        actor_end(l);
    }
}

static void add_other(struct actor *a)
{
    if (a->other && !a->other->part.loop)
        actor_add(a->loop, a->other, 'n', false);
}

static void a_part_may_add_another_which_is_due_at_once(void **state)
{
    struct actor added = {.at = 0, .most = 1}, a = {.at = 0, .act = add_other, .other = &added};
    struct loop *l = actor_begin();

    (void)state;
    actor_add(l, &a, 'a', false);
    loop_run(l);
    assert_string_equal(actor_order, "an");
    loop_remove(&a.part);
    loop_remove(&added.part);
    actor_end(l);
}

static void leave_and_come_back(struct actor *a)
{
    loop_remove(&a->part);
    loop_add(a->loop, &a->part);
}

static void a_part_that_comes_back_in_each_turn_does_not_hold_the_round(void **state)
{
    struct actor a = {.act = leave_and_come_back}, b = {.act = leave_and_come_back};
    struct actor last = {.most = 1};
    struct loop *l = actor_begin();

    (void)state;
    last.at = loop_now() + 2 * NSEC_PER_MSEC;
    actor_add(l, &a, 'a', true);
    actor_add(l, &b, 'b', true);
    actor_add(l, &last, 'l', false);
    loop_run(l);
    assert_string_equal(actor_order, "l");
    assert_int_equal(a.turns, b.turns);
    assert_in_range(a.turns, 1, 3);
    loop_remove(&a.part);
    loop_remove(&b.part);
    loop_remove(&last.part);
    actor_end(l);
}

static void ask_again(struct actor *a)
{
    if (a->turns == 1)
        loop_again(a->loop);
}

/* The part before it has had its turn by then. */
static void who_has_news_in_its_turn_is_followed_by_another_round_at_once(void **state)
{
    struct actor before = {.most = 2}, a = {.act = ask_again};
    struct loop *l = actor_begin();

    (void)state;
    actor_add(l, &before, 'b', true);
    actor_add(l, &a, 'a', true);
    loop_run(l);
    assert_int_equal(before.turns, 2);
    assert_in_range(a.turns, 1, 2);
    loop_remove(&before.part);
    loop_remove(&a.part);
    actor_end(l);
}

static void give_way(struct actor *a)
{
    loop_give_way(a->loop);
}

static void other_work_gives_way_while_something_is_due_and_while_it_is_done(void **state)
{
    struct actor a = {.at = loop_now() + 3600 * NSEC_PER_SEC, .act = give_way, .most = 1};
    struct actor turn = {.most = 1};
    struct loop *l = actor_begin();

    (void)state;
    actor_add(l, &a, 'a', false);
    actor_add(l, &turn, 't', true);
    yields = 0;
    loop_give_way(NULL);
    loop_run(l); /* it ends before it would wait, and knows when it is due */
    loop_give_way(l);
    assert_int_equal(yields, 0);
    a.at = 1;
    turn.most = 2;
    loop_run(l);
    loop_give_way(l);
    assert_int_equal(yields, 1);
    turn.most = 0;
    loop_run(l);
    assert_string_equal(actor_order, "a");
    assert_int_equal(yields, 2);
    loop_remove(&a.part);
    loop_remove(&turn.part);
    actor_end(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_deadline_counts_whatever_the_order_of_the_parts),
        cmocka_unit_test(all_that_are_due_are_called_in_one_round),
        cmocka_unit_test(a_deadline_that_is_this_moment_has_come),
        cmocka_unit_test(a_part_may_remove_itself),
        cmocka_unit_test(a_part_may_remove_the_next_one_and_the_one_before),
        cmocka_unit_test(a_part_may_add_another_which_is_due_at_once),
        cmocka_unit_test(who_has_news_in_its_turn_is_followed_by_another_round_at_once),
        cmocka_unit_test(a_part_that_comes_back_in_each_turn_does_not_hold_the_round),
        cmocka_unit_test(other_work_gives_way_while_something_is_due_and_while_it_is_done),
    };

    return cmocka_run_group_tests_name("loop-parts", tests, NULL, NULL);
}
