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
    assert_int_equal(u.twice.n, 2);
    assert_string_equal(u.twice.what, "a.example:1");
    assert_string_equal(u.twice.first, "first");
    assert_string_equal(u.twice.second, "second");
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

static void of_two_servers_of_one_name_the_first_has_it(void **state)
{
    static const char *const one[] = {"a:1 name=web1 weight=2", "b:1 name=web2"};
    static const char *const two[] = {"c:1 weight=3 name=web1", "d:1  name=web2 tags=x",
                                      "e:1 name=web", "f:1 tags=name=web1"};
    const struct list first = make(one, 2), second = make(two, 4);
    struct list added = {0}, changed = {0}, removed = {0};
    struct united none, both, alone;

    (void)state;
    united_init(&none);
    united_init(&both);
    united_init(&alone);
    assert_int_equal(united_add(&both, "first", &first), 0);
    assert_int_equal(united_add(&both, "second", &second), 0);
    united_complete(&both);
    assert_int_equal(united_count(&both), 6);
    assert_int_equal(both.names.n, 2);
    assert_string_equal(both.names.what, "web1");
    assert_string_equal(both.names.first, "a:1");
    assert_string_equal(both.names.second, "c:1");
    assert_int_equal(united_difference(&none, &both, &added, &changed, &removed), 0);
    assert_string_equal(added.at[0], "a:1 name=web1 weight=2");
    assert_string_equal(added.at[2], "c:1 weight=3");
    assert_string_equal(added.at[3], "d:1  tags=x");
    assert_string_equal(added.at[4], "e:1 name=web");
    assert_string_equal(added.at[5], "f:1 tags=name=web1");
    list_deinit(&added);
    assert_int_equal(united_add(&alone, "second", &second), 0); /* the first source is gone */
    assert_int_equal(alone.names.n, 0);
    assert_int_equal(united_difference(&both, &alone, &added, &changed, &removed), 0);
    assert_int_equal(changed.n, 2);
    assert_string_equal(changed.at[0], "c:1 weight=3 name=web1");
    list_deinit(&changed);
    list_deinit(&removed);
    united_deinit(&both);
    united_deinit(&alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_names_a_server_counts),
        cmocka_unit_test(only_what_differs_is_in_the_difference),
        cmocka_unit_test(of_two_servers_of_one_name_the_first_has_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
