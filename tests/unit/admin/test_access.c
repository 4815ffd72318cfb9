#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "admin/admin_access.h"

/* A page of evil.example that resolves to 127.0.0.1 sends its own name. */
static void a_host_is_an_address_or_localhost(void **state)
{
    static const char *const good[] = {"localhost", "LocalHost:4280", "127.0.0.1", "127.0.0.1:4280",
                                       "[::1]",     "[::1]:4280",     "10.0.0.2:1"};
    static const char *const bad[] = {"",
                                      "evil.example",
                                      "evil.example:4280",
                                      "localhost.evil.example",
                                      "127.0.0.1.evil.example",
                                      "localhost:",
                                      "localhost:x",
                                      "localhost:4280:1",
                                      "localhost:123456",
                                      "[::1",
                                      "[::1]x",
                                      "[evil]:80",
                                      "[]",
                                      "::1",
                                      ":80",
                                      "127.0.0.1/",
                                      "user@127.0.0.1"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!admin_access_host(good[i]))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (admin_access_host(bad[i]))
            fail_msg("%s", bad[i]);
}

static void an_origin_is_the_page_of_its_host(void **state)
{
    (void)state;
    assert_true(admin_access_origin("http://localhost:4280", "localhost:4280", false));
    assert_true(admin_access_origin("HTTP://LOCALHOST:4280", "localhost:4280", false));
    assert_true(admin_access_origin("https://lb.example:4280", "lb.example:4280", true));
    assert_false(admin_access_origin("https://localhost:4280", "localhost:4280", false));
    assert_false(admin_access_origin("http://localhost:4281", "localhost:4280", false));
    assert_false(admin_access_origin("http://localhost:4280.evil", "localhost:4280", false));
    assert_false(admin_access_origin("null", "localhost:4280", false));
    assert_false(admin_access_origin("http://localhost:4280", NULL, false));
}

static void a_target_is_visible_ascii_and_escapes(void **state)
{
    static const char *const good[] = {"/", "/a?b=c&d=%20%ff", "/%2e", "*"};
    static const char *const bad[] = {"/%",    "/%2", "/%zz",      "/a%00",
                                      "/\x01", "/ ",  "/\xc3\xa4", "/\x7f"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(admin_access_uri(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(admin_access_uri(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_an_address_or_localhost),
        cmocka_unit_test(a_target_is_visible_ascii_and_escapes),
        cmocka_unit_test(an_origin_is_the_page_of_its_host),
    };

    return cmocka_run_group_tests_name("admin access", tests, NULL, NULL);
}
