/* Consistent hashing: who stays where it was, and what the bound keeps. */
#include "table.h"

#define KEYS 200000

static void map(struct table *t, uint32_t *ret)
{
    for (uint32_t i = 0; i < KEYS; i++) {
        t->request.key = i * UINT64_C(0x9e3779b97f4a7c15) + 1;
        ret[i] = table_pick(t);
    }
}

static void the_same_source_comes_to_the_same_server(void **state)
{
    static uint32_t one[KEYS], other[KEYS];
    struct table t;

    (void)state;
    table_init(&t, 100);
    table_use(&t, "maglev");
    map(&t, one);
    table_use(&t, "maglev");
    map(&t, other);
    assert_memory_equal(one, other, sizeof one);
    table_deinit(&t);
}

static void goes_down(struct table *t, size_t at)
{
    t->servers[at].share = 0;
}

static void begins_gently(struct table *t, size_t at)
{
    t->servers[at].share = FLEET_SHARE / 2;
}

static void leaves_the_list(struct table *t, size_t at)
{
    t->fleet.n--;
    memmove(&t->servers[at], &t->servers[at + 1], (t->fleet.n - at) * sizeof *t->servers);
}

/* How many times the least that must move (the part of a key that it loses) does move, at most,
 * when that happens to one of a thousand. */
static double moved_by(void (*change)(struct table *, size_t), double part)
{
    static uint32_t before[KEYS], after[KEYS];
    double most = 0;

    for (size_t at = 0; at < 1000; at += 333) {
        unsigned its = 0, moved = 0;
        struct table t;

        table_init(&t, 1000);
        table_use(&t, "maglev");
        map(&t, before);
        change(&t, at);
        table_use(&t, "maglev");
        map(&t, after);
        for (size_t i = 0; i < KEYS; i++) {
            uint32_t now = after[i] + (t.fleet.n < 1000 && after[i] >= at);

            its += before[i] == at;
            moved += before[i] != now;
        }
        most = moved / (its * part) > most ? moved / (its * part) : most;
        table_deinit(&t);
    }
    print_message("moved, in times the least: %.2f\n", most);
    return most;
}

static void one_of_a_thousand_that_goes_down_moves_little_more_than_the_least(void **state)
{
    (void)state;
    assert_true(moved_by(goes_down, 1) < 1.5);
    assert_true(moved_by(begins_gently, 0.5) < 1.5);
}

static void one_of_a_thousand_that_leaves_the_list_moves_no_more_either(void **state)
{
    (void)state;
    assert_true(moved_by(leaves_the_list, 1) < 1.5);
}

/* Two are down: the second one's going moves what it had, and little of what the first had left. */
static void the_second_that_goes_down_moves_little_more_than_the_least(void **state)
{
    static uint32_t before[KEYS], after[KEYS];
    unsigned its = 0, moved = 0;
    struct table t;

    (void)state;
    table_init(&t, 1000);
    t.servers[17].share = 0;
    table_use(&t, "maglev");
    map(&t, before);
    t.servers[500].share = 0;
    table_use(&t, "maglev");
    map(&t, after);
    for (size_t i = 0; i < KEYS; i++) {
        its += before[i] == 500;
        moved += before[i] != after[i];
    }
    print_message("moved, in times the least: %.2f\n", (double)moved / its);
    assert_true(moved < 1.5 * its);
    table_deinit(&t);
}

/* Whatever comes and goes, with a source that comes more often than all others. */
static void no_server_ever_has_more_than_a_quarter_above_its_part(void **state)
{
    enum { N = 50 };
    static uint32_t held[5000];
    unsigned n = 0, total = 0;
    uint64_t random = 1;
    struct table t;

    (void)state;
    table_init(&t, N);
    for (size_t i = 0; i < N; i++) {
        t.servers[i].weight = i % 5 == 0 ? 3 : 1;
        total += t.servers[i].weight;
    }
    table_use(&t, "maglev");
    for (unsigned i = 0; i < 200000; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        if (n < 5000 && (random >> 33) % 100 < 60) {
            uint32_t picked;

            t.request.key = (random >> 40) % 4 == 0 ? random : 7;
            picked = table_pick(&t);
            load_begin(t.servers[picked].load, t.fleet.all);
            held[n++] = picked;
            /* the bound, rounded up, and 16; weights are floats */
            assert_true(load_in_flight(t.servers[picked].load) <
                        1.25 * t.servers[picked].weight * n / total + 17.001);
        } else if (n > 0) {
            unsigned at = (unsigned)(random >> 35) % n;

            load_end(t.servers[held[at]].load, t.fleet.all, false);
            held[at] = held[--n];
        }
    }
    table_deinit(&t);
}

static void each_gets_its_part_of_many_sources(void **state)
{
    struct table t;
    unsigned counts[700];

    (void)state;
    table_init(&t, 700);
    table_use(&t, "maglev");
    table_count(&t, 700000, counts);
    for (size_t i = 0; i < 700; i++)
        assert_in_range(counts[i], 700, 1300);
    table_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_source_comes_to_the_same_server),
        cmocka_unit_test(one_of_a_thousand_that_goes_down_moves_little_more_than_the_least),
        cmocka_unit_test(the_second_that_goes_down_moves_little_more_than_the_least),
        cmocka_unit_test(one_of_a_thousand_that_leaves_the_list_moves_no_more_either),
        cmocka_unit_test(no_server_ever_has_more_than_a_quarter_above_its_part),
        cmocka_unit_test(each_gets_its_part_of_many_sources),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
