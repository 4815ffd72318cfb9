/* What is told at a hand-over comes back as it was, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/address.h"
#include "daemon/inherit.h"

static void what_was_written_is_read(void **state)
{
    struct inherit_server one = {.share = 1000}, other = {.share = 7, .degraded = true};
    const struct inherit_server *found;
    struct inherited *all;
    struct address a;
    struct text t = {0};
    char words[300];

    (void)state;
    assert_int_equal(address_parse("192.0.2.1:80", &a, words, sizeof words), 0);
    one.target = a.addr;
    assert_int_equal(address_parse("[2001:db8::1]:80", &a, words, sizeof words), 0);
    other.target = a.addr;
    inherit_write(&t, "a.example:4243", &one);
    inherit_write(&t, "[::1]:4243", &other);
    all = inherit_read(t.at);
    found = inherit_find(all, "a.example:4243");
    assert_non_null(found);
    assert_int_equal(found->share, 1000);
    assert_false(found->degraded);
    assert_true(address_equal(&found->target, &one.target));
    found = inherit_find(all, "[::1]:4243");
    assert_non_null(found);
    assert_int_equal(found->share, 7);
    assert_true(found->degraded);
    assert_true(address_equal(&found->target, &other.target));
    assert_null(inherit_find(all, "b.example:4243"));
    inherit_free(all);
    text_deinit(&t);
}

static void lines_that_do_not_parse_are_left_out(void **state)
{
    static const char text[] =
        "\n\na:1\na:1 1000\na:1 1000 0\na:1 1000 0 nowhere:1\na:1 0 0 192.0.2.1:1\n"
        "a:1 1001 0 192.0.2.1:1\na:1 1000 2 192.0.2.1:1\na:1 x 0 192.0.2.1:1\n"
        "c:1 1000 0\n192.0.2.9:1 1 0 192.0.2.1:1\n"
        "b:1 1000 0 192.0.2.1:1 more\nb:1 5 0 192.0.2.2:1";
    struct inherited *all = inherit_read(text);

    (void)state;
    assert_null(inherit_find(all, "a:1"));
    assert_null(inherit_find(all, "c:1")); /* its target is not on the next line */
    assert_non_null(inherit_find(all, "b:1"));
    assert_int_equal(inherit_find(all, "b:1")->share, 1000); /* the first counts */
    inherit_free(all);
    assert_null(inherit_read(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(lines_that_do_not_parse_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
