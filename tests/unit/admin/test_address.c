#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "admin/admin_address.h"

#include <qhcp/error.h>

static void addresses_and_sockets_are_told_apart(void **state)
{
    struct admin_address at;
    char words[300];

    (void)state;
    assert_int_equal(admin_address_parse("127.0.0.1:4280", &at, words, sizeof words), 0);
    assert_true(!at.local && at.loopback && at.given);
    assert_int_equal(admin_address_parse("[::1]:1", &at, words, sizeof words), 0);
    assert_true(!at.local && at.loopback);
    assert_int_equal(admin_address_parse("10.1.2.3:80", &at, words, sizeof words), 0);
    assert_true(!at.local && !at.loopback);
    assert_int_equal(admin_address_parse("0.0.0.0:80", &at, words, sizeof words), 0);
    assert_false(at.loopback);
    assert_int_equal(admin_address_parse("unix:/run/a.sock", &at, words, sizeof words), 0);
    assert_true(at.local);
    assert_string_equal(at.path, "/run/a.sock");
    assert_int_equal(at.mode, 0600);
    assert_int_equal(admin_address_parse("unix:a,mode=0660", &at, words, sizeof words), 0);
    assert_string_equal(at.path, "a");
    assert_int_equal(at.mode, 0660);
}

static void what_is_no_place_is_refused_and_quoted(void **state)
{
    static const char *const bad[] = {
        "",      "127.0.0.1",        "localhost:4280",    "::1:80",           "127.0.0.1:0",
        "unix:", "unix:a,mode=0666", "unix:a,mode=0600x", "unix:a,mode=0060", "127.0.0.1:65536"};
    struct admin_address at;
    char words[300];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        words[0] = '\0';
        if (admin_address_parse(bad[i], &at, words, sizeof words) != QHCP_E_PARSE)
            fail_msg("%s", bad[i]);
        assert_non_null(strstr(words, bad[i]));
    }
}

static void list_of(struct list *l, const char *a, const char *b)
{
    list_deinit(l);
    *l = (struct list){0};
    if (a)
        assert_int_equal(list_add(l, a, strlen(a), NULL), 0);
    if (b)
        assert_int_equal(list_add(l, b, strlen(b), NULL), 0);
}

static void off_is_alone_and_nothing_is_there_twice(void **state)
{
    struct admin_address at[ADMIN_ADDRESSES];
    struct list l = {0};
    char words[300];
    size_t n = 99;

    (void)state;
    list_of(&l, "off", NULL);
    assert_int_equal(admin_address_all(&l, 1, at, &n, words, sizeof words), 0);
    assert_int_equal(n, 0);
    list_of(&l, "127.0.0.1:1", "off");
    assert_int_equal(admin_address_all(&l, 1, at, &n, words, sizeof words), QHCP_E_EXISTS);
    list_of(&l, "127.0.0.1:1", "127.0.0.1:1");
    assert_int_equal(admin_address_all(&l, 1, at, &n, words, sizeof words), QHCP_E_EXISTS);
    list_of(&l, "127.0.0.1:1", "127.0.0.1:2");
    assert_int_equal(admin_address_all(&l, 1, at, &n, words, sizeof words), 0);
    assert_int_equal(n, 2);
    list_deinit(&l);
}

static void by_default_it_is_a_socket_and_4280(void **state)
{
    struct admin_address at[ADMIN_ADDRESSES];
    char directory[] = "/tmp/qhcp-admin-XXXXXX", words[300];
    struct list none = {0};
    size_t n;

    (void)state;
    assert_non_null(mkdtemp(directory));
    setenv("QHCP_STATE_DIR", directory, 1);
    assert_int_equal(admin_address_all(&none, 4242, at, &n, words, sizeof words), 0);
    assert_int_equal(n, 2);
    assert_true(at[0].loopback && !at[0].given);
    assert_true(at[1].local && !at[1].given);
    assert_non_null(strstr(at[1].path, "/admin-4242.sock"));
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_sockets_are_told_apart),
        cmocka_unit_test(what_is_no_place_is_refused_and_quoted),
        cmocka_unit_test(off_is_alone_and_nothing_is_there_twice),
        cmocka_unit_test(by_default_it_is_a_socket_and_4280),
    };

    return cmocka_run_group_tests_name("admin address", tests, NULL, NULL);
}
