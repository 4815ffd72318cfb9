/* What goes into a request, and what is read from an answer. */
#include "../words.h"

#include "cli/admin_client.h"

#include <qhcp/error.h>

static void a_name_is_one_segment_of_the_path(void **state)
{
    struct text t = {0};

    (void)state;
    admin_client_path(&t, "/servers/", "web1.example:4243", "/drain");
    assert_string_equal(t.at, "/servers/web1.example%3A4243/drain");
    text_reset(&t);
    admin_client_path(&t, "/servers/", "../a b?\xc3\xa4", "");
    assert_string_equal(t.at, "/servers/..%2Fa%20b%3F%C3%A4");
    text_deinit(&t);
}

static void a_time_is_read_to_the_millisecond(void **state)
{
    static const char *const none[] = {"", "2026-11-28", "2026-11-28T05:00:0",
                                       "yesterday, at noon, UTC"};

    (void)state;
    assert_int_equal(admin_client_time("2026-11-23T15:43:17.123Z"), 1795448597123);
    assert_int_equal(admin_client_time("2026-11-23T15:43:17.003Z"), 1795448597003);
    assert_int_equal(admin_client_time("2026-11-23T15:43:17Z"), 1795448597000);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(admin_client_time(none[i]), -1);
}

static void a_path_that_is_too_long_for_a_socket_is_refused(void **state)
{
    char path[PRIVATE_SOCKET_PATH + 1], words[300] = "";
    const struct words w = {words, sizeof words};
    struct admin_client c;

    (void)state;
    memset(path, 'a', sizeof path);
    path[PRIVATE_SOCKET_PATH] = '\0';
    assert_int_equal(admin_client_find(&c, path, 0, &w), QHCP_E_FULL);
    assert_says(words, "too long for a socket's name");
    path[PRIVATE_SOCKET_PATH - 1] = '\0';
    assert_int_equal(admin_client_find(&c, path, 0, &w), 0);
    assert_string_equal(c.path, path);
}

static void a_socket_is_named_as_its_load_balancer_names_it(void **state)
{
    static const struct {
        const char *text, *path;
    } rows[] = {{"unix:/run/q.sock", "/run/q.sock"},
                {"unix:/run/q.sock,mode=0660", "/run/q.sock"},
                {"/run/q.sock,mode=0660", "/run/q.sock,mode=0660"},
                {"unix", "unix"}};
    char words[300] = "";
    const struct words w = {words, sizeof words};
    struct admin_client c;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(admin_client_find(&c, rows[i].text, 0, &w), 0);
        assert_string_equal(c.path, rows[i].path);
    }
}

static void a_socket_that_is_not_there_is_no_load_balancer(void **state)
{
    const struct admin_client c = {.path = "/nonesuch/admin.sock"};
    char words[300] = "";
    const struct words w = {words, sizeof words};
    struct admin_answer answer;

    (void)state;
    assert_int_equal(admin_client_ask(&c, "/", NULL, &answer, &w), QHCP_E_NOT_FOUND);
    assert_says(words, "/nonesuch/admin.sock: no load balancer runs there");
    assert_int_equal(answer.status, 0);
    admin_client_release(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_one_segment_of_the_path),
        cmocka_unit_test(a_time_is_read_to_the_millisecond),
        cmocka_unit_test(a_path_that_is_too_long_for_a_socket_is_refused),
        cmocka_unit_test(a_socket_is_named_as_its_load_balancer_names_it),
        cmocka_unit_test(a_socket_that_is_not_there_is_no_load_balancer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
