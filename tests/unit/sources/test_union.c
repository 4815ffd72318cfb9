/* The lists of several sources as one, and the difference of two. */
#include "../words.h"

#include "sources/union.h"

static struct list make(const char *const *at, size_t n)
{
    return (struct list){.at = (char **)(uintptr_t)at, .n = n};
}

static void the_first_that_names_a_server_counts(void **state)
{
    static const char *const one[] = {"a.example:1 weight=2", "[::1]:1"};
    static const char *const two[] = {"A.example.:1 weight=3", "b:1", "[0:0::1]:1"};
    const struct list first = make(one, 2), second = make(two, 3);
    struct list added = {0}, changed = {0}, removed = {0};
    struct united none, u;

    (void)state;
    united_init(&none);
    united_init(&u);
    assert_int_equal(united_add(&u, "first", &first), 0);
    assert_int_equal(united_add(&u, "second", &second), 0);
    assert_int_equal(united_count(&u), 3);
    assert_int_equal(u.twice, 2);
    assert_string_equal(u.twice_key, "a.example:1");
    assert_string_equal(u.twice_first, "first");
    assert_string_equal(u.twice_second, "second");
    assert_int_equal(united_difference(&none, &u, &added, &changed, &removed), 0);
    assert_int_equal(added.n, 3);
    assert_string_equal(added.at[0], "a.example:1 weight=2");
    assert_string_equal(added.at[2], "b:1");
    assert_int_equal(changed.n + removed.n, 0);
    list_deinit(&added);
    united_deinit(&u);
}

static void only_what_differs_is_in_the_difference(void **state)
{
    static const char *const old[] = {"a:1", "b:1 weight=2", "c:1"};
    static const char *const fresh[] = {"d:1", "b:1 weight=3", "a:1"};
    const struct list l = make(old, 3), m = make(fresh, 3);
    struct list added = {0}, changed = {0}, removed = {0};
    struct united before, after;

    (void)state;
    united_init(&before);
    united_init(&after);
    assert_int_equal(united_add(&before, "", &l), 0);
    assert_int_equal(united_add(&after, "", &m), 0);
    assert_int_equal(united_difference(&before, &after, &added, &changed, &removed), 0);
    assert_int_equal(added.n, 1);
    assert_string_equal(added.at[0], "d:1");
    assert_int_equal(changed.n, 1);
    assert_string_equal(changed.at[0], "b:1 weight=3");
    assert_int_equal(removed.n, 1);
    assert_string_equal(removed.at[0], "c:1");
    assert_int_equal(united_keep(&after, &before), 0);
    assert_int_equal(united_count(&after), 4);
    list_deinit(&added);
    list_deinit(&changed);
    list_deinit(&removed);
    united_deinit(&before);
    united_deinit(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_names_a_server_counts),
        cmocka_unit_test(only_what_differs_is_in_the_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
