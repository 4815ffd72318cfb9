/* What threads hand to the thread of a loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include "actor.h"
#include "loop/mailbox.h"

#define THREADS 4
#define EACH 20000
#define ROOM 100 /* far fewer than there are */

struct letter {
    struct mail item;
    struct loop *loop;
    unsigned from, number;
    size_t *opened, *dropped;
    size_t most; /* the loop stops when so many were opened */
};

static unsigned next_of[THREADS]; /* of each sender */

static void on_open(struct mail *item, qhcp_nsec now)
{
    struct letter *l = (struct letter *)item;

    (void)now;
    assert_int_equal(l->number, next_of[l->from]++);
    if (++*l->opened == l->most)
        loop_stop(l->loop);
    free(l);
}

static void on_drop(struct mail *item)
{
    struct letter *l = (struct letter *)item;

    ++*l->dropped;
    free(l);
}

static struct letter *make(const struct letter *like, unsigned number)
{
    struct letter *l = malloc(sizeof *l);

    if (!l)
        abort();
    *l = *like;
    l->item = (struct mail){.open = on_open, .drop = on_drop};
    l->number = number;
    return l;
}

struct sender {
    pthread_t thread;
    struct mailbox *mailbox;
    struct letter like;
};

static void *send_all(void *arg)
{
    struct sender *s = arg;

    for (unsigned i = 0; i < EACH; i++) {
        struct letter *l = make(&s->like, i);

        while (mailbox_put(s->mailbox, &l->item) == QHCP_E_FULL)
            sched_yield();
    }
    return NULL;
}

static void all_that_threads_put_is_opened_once_and_in_order(void **state)
{
    struct sender senders[THREADS];
    struct loop *l = actor_begin();
    struct mailbox *mailbox;
    size_t opened = 0;

    (void)state;
    memset(next_of, 0, sizeof next_of);
    assert_int_equal(mailbox_new(l, ROOM, &mailbox), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        senders[i].mailbox = mailbox;
        senders[i].like =
            (struct letter){.loop = l, .from = i, .opened = &opened, .most = THREADS * EACH};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    loop_run(l);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
    assert_int_equal(opened, THREADS * EACH);
    mailbox_free(mailbox);
    actor_end(l);
}

static void a_full_mailbox_refuses_and_what_is_left_at_the_end_is_dropped(void **state)
{
    size_t opened = 0, dropped = 0;
    struct loop *l = actor_begin();
    struct letter like = {.loop = l, .opened = &opened, .dropped = &dropped, .most = 2}, *last;
    struct mailbox *mailbox;

    (void)state;
    memset(next_of, 0, sizeof next_of);
    assert_int_equal(mailbox_new(l, 2, &mailbox), 0);
    assert_int_equal(mailbox_put(mailbox, &make(&like, 0)->item), 0);
    assert_int_equal(mailbox_put(mailbox, &make(&like, 1)->item), 0);
    last = make(&like, 2);
    assert_int_equal(mailbox_put(mailbox, &last->item), QHCP_E_FULL);
    loop_run(l);
    assert_int_equal(opened, 2);
    assert_int_equal(mailbox_put(mailbox, &last->item), 0); /* there is room again */
    mailbox_free(mailbox);
    assert_int_equal(opened, 2);
    assert_int_equal(dropped, 1);
    actor_end(l);
}

/* How many are opened before a part that is due gets its call. */
static size_t opened_so_far, opened_then;

static void look(struct actor *a)
{
    (void)a;
    opened_then = opened_then > 0 ? opened_then : opened_so_far;
}

static void a_heap_of_items_delays_no_part(void **state)
{
    struct loop *l = actor_begin();
    struct letter like = {.loop = l, .opened = &opened_so_far, .most = 1000};
    struct actor a = {.act = look};
    struct mailbox *mailbox;

    (void)state;
    memset(next_of, 0, sizeof next_of);
    opened_so_far = opened_then = 0;
    assert_int_equal(mailbox_new(l, 1000, &mailbox), 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(mailbox_put(mailbox, &make(&like, i)->item), 0);
    actor_add(l, &a, 'a', true);
    loop_run(l);
    assert_int_equal(opened_so_far, 1000);
    assert_in_range(opened_then, 1, 64);
    loop_remove(&a.part);
    mailbox_free(mailbox);
    actor_end(l);
}

/* An item that is handed on: it puts itself again. */
struct circling {
    struct mail item;
    struct mailbox *mailbox;
    struct loop *loop;
    unsigned left;
};

static void put_again(struct mail *item, qhcp_nsec now)
{
    struct circling *c = (struct circling *)item;

    (void)now;
    if (c->left-- == 0)
        loop_stop(c->loop);
    else
        assert_int_equal(mailbox_put(c->mailbox, item), 0);
}

static void an_item_may_be_put_again_when_it_is_opened(void **state)
{
    struct circling c = {.item.open = put_again, .left = 10};

    (void)state;
    c.loop = actor_begin();
    assert_int_equal(mailbox_new(c.loop, 1, &c.mailbox), 0);
    assert_int_equal(mailbox_put(c.mailbox, &c.item), 0);
    loop_run(c.loop);
    mailbox_free(c.mailbox);
    actor_end(c.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_threads_put_is_opened_once_and_in_order),
        cmocka_unit_test(a_full_mailbox_refuses_and_what_is_left_at_the_end_is_dropped),
        cmocka_unit_test(a_heap_of_items_delays_no_part),
        cmocka_unit_test(an_item_may_be_put_again_when_it_is_opened),
    };

    return cmocka_run_group_tests_name("loop-mailbox", tests, NULL, NULL);
}
