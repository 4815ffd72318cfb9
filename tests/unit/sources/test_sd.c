/* Prometheus' list of targets. */
#include "../words.h"

#include "sources/sd.h"

static char words[900];

static int parse(const char *text, struct list *l)
{
    *l = (struct list){0};
    return sd_parse("f.json", text, strlen(text), l, words, sizeof words);
}

static void targets_and_our_labels_are_entries(void **state)
{
    struct list l;

    (void)state;
    assert_int_equal(parse("[{\"targets\":[\"a:1\",\"b:2\"],\"labels\":{\"env\":\"x\",\"rack\":"
                           "\"no tag\",\"__meta\":\"1\","
                           "\"qhcp_weight\":\"4\",\"qhcp_priority\":\"1\"}},"
                           "{\"targets\":[\"A:1\",\"c:3\"]},{\"targets\":[]}]",
                           &l),
                     0);
    assert_int_equal(l.n, 3); /* the first group's "a:1" counts */
    assert_string_equal(l.at[0], "a:1 tags=env=x weight=4 priority=1");
    assert_string_equal(l.at[1], "b:2 tags=env=x weight=4 priority=1");
    assert_string_equal(l.at[2], "c:3");
    list_deinit(&l);
    assert_int_equal(parse("[]", &l), 0);
    assert_int_equal(l.n, 0);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text, *what;
    } bad[] = {
        {"", "f.json: line 1"},
        {"[{\"targets\":[\"a:1\"]}", "f.json: line 1"},
        {"{}", "expected [{"},
        {"[1]", "group 1"},
        {"[{}]", "\"targets\" is no array"},
        {"[{\"targets\":[1]}]", "no string"},
        {"[{\"targets\":[\"a:1\"]},{\"targets\":[\"a\"]}]", "group 2: \"a\" is not a target"},
        {"[{\"targets\":[\"\"]}]", "is not a target"},
        {"[{\"targets\":[\"a:1 weight=3\"]}]", "is not a target"},
        {"[{\"targets\":[\"a:1\"],\"labels\":[]}]", "\"labels\" is no object"},
        {"[{\"targets\":[\"a:1\"],\"labels\":{\"qhcp_weight\":4}}]", "qhcp_weight"},
        {"[{\"targets\":[\"a:1\"],\"labels\":{\"qhcp_weight\":\"4 priority=1\"}}]", "qhcp_weight"},
        {"[{\"targets\":[],\"targets\":[]}]", "duplicate"},
    };
    struct list l;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(bad[i].text, &l) == 0)
            fail_msg("%s was taken", bad[i].text);
        assert_says(words, bad[i].what);
        list_deinit(&l);
    }
}

static void json_is_told_from_lines(void **state)
{
    (void)state;
    assert_true(sd_is(" \n[ {\"targets\""));
    assert_true(sd_is("[]"));
    assert_false(sd_is("[::1]:4243\n"));
    assert_false(sd_is("a:1\n[{"));
    assert_false(sd_is(""));
    assert_false(sd_is("["));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_and_our_labels_are_entries),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(json_is_told_from_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
