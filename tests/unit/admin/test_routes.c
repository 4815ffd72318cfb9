#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "admin/admin_http.h"

static const struct admin_route *find(const char *method, const char *path, char *name, char *allow)
{
    return admin_routes_find(method, path, name, allow);
}

static void a_path_finds_its_row(void **state)
{
    char name[ADMIN_NAME], allow[64];

    (void)state;
    assert_string_equal(find("GET", "/healthz", name, allow)->path, "/healthz");
    assert_string_equal(find("HEAD", "/healthz", name, allow)->method, "GET");
    assert_string_equal(find("GET", "/api/v1/servers", name, allow)->path, "/api/v1/servers");
    assert_string_equal(find("GET", "/api/v1/servers/[::1]:4243", name, allow)->path,
                        "/api/v1/servers/*");
    assert_string_equal(name, "[::1]:4243");
}

static void what_no_row_has_is_not_found(void **state)
{
    static const char *const strange[] = {"",

                                          "//healthz",
                                          "/healthz/",
                                          "/health",
                                          "healthz",
                                          "/api/v1/servers/",
                                          "/api/v1/servers//",
                                          "/api/v1/servers/a/b/c",
                                          "/../healthz",
                                          "/api/v1",
                                          "/api/v2/servers",
                                          "*"};
    char name[ADMIN_NAME], allow[64], longer[ADMIN_NAME + 64];

    (void)state;
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        if (find("GET", strange[i], name, allow))
            fail_msg("%s", strange[i]);
        assert_string_equal(allow, "");
    }
    strcpy(longer, "/api/v1/servers/");
    memset(longer + strlen(longer), 'a', ADMIN_NAME);
    longer[strlen("/api/v1/servers/") + ADMIN_NAME - 1] = '\0';
    assert_non_null(find("GET", longer, name, allow));
    longer[strlen(longer)] = 'a';
    longer[strlen("/api/v1/servers/") + ADMIN_NAME] = '\0';
    assert_null(find("GET", longer, name, allow));
}

static void another_method_is_told_which_there_are(void **state)
{
    char name[ADMIN_NAME], allow[64];

    (void)state;
    assert_null(find("POST", "/healthz", name, allow));
    assert_string_equal(allow, "GET, HEAD");
    assert_null(find("get", "/healthz", name, allow));
    assert_string_equal(allow, "GET, HEAD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_finds_its_row),
        cmocka_unit_test(what_no_row_has_is_not_found),
        cmocka_unit_test(another_method_is_told_which_there_are),
    };

    return cmocka_run_group_tests_name("admin routes", tests, NULL, NULL);
}
