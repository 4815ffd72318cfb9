/* No secret comes through, and what is none does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "cli/redact.h"

static void assert_redacted(const char *text, const char *want)
{
    struct text t = {0};

    text_add(&t, "");
    redact_text(&t, text);
    assert_false(t.failed);
    assert_string_equal(t.at, want);
    text_deinit(&t);
}

static void keys_are_removed(void **state)
{
    (void)state;
    assert_redacted("a\n-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIB\nq2+/x==\n-----END EC PRIVATE "
                    "KEY-----\nb\n",
                    "a\n[private key removed]\nb\n");
    assert_redacted("-----BEGIN PRIVATE KEY-----\nMHcC", "[private key removed]");
    assert_redacted("-----BEGIN CERTIFICATE-----\nabc\n", "-----BEGIN CERTIFICATE-----\nabc\n");
    assert_redacted("{\"x\": \"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
                    "{\"x\": \"[removed]\"}");
    assert_redacted("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                    "[removed]");
}

static void tokens_are_removed(void **state)
{
    (void)state;
    assert_redacted("got eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJsYiJ9.c2ln-_x, ok",
                    "got [token removed], ok");
    assert_redacted("eyJh", "eyJh");
}

static void passwords_are_removed(void **state)
{
    (void)state;
    assert_redacted("--check http://joe:pw@10.0.0.1:80/health?a=b x",
                    "--check http://[removed]@10.0.0.1:80/health?a=b x");
    assert_redacted("http://10.0.0.1/a@b", "http://10.0.0.1/a@b");
    assert_redacted("db_password: hunter2\nport: 1\n", "db_password: [removed]\nport: 1\n");
    assert_redacted("exec /bin/x PASSWORD=hunter2", "exec /bin/x PASSWORD=[removed]");
    assert_redacted("\"token\": \"abc def\", \"x\": 1", "\"token\": \"[removed]\", \"x\": 1");
    assert_redacted("Authorization: Bearer abc", "Authorization: [removed]");
    assert_redacted("token-file: /etc/qhcp/token", "token-file: /etc/qhcp/token");
    assert_redacted("token: /etc/qhcp/token", "token: /etc/qhcp/token");
    assert_redacted("token refused: expired", "token refused: expired");
}

static void a_webhook_s_path_is_removed(void **state)
{
    (void)state;
    assert_redacted("  - webhook https://chat.example/T0/hush kinds=all",
                    "  - webhook https://chat.example/[removed] kinds=all");
    assert_redacted("--sink 'webhook https://[::1]:8443?key=hush'",
                    "--sink 'webhook https://[::1]:8443/[removed]'");
    assert_redacted("webhook \"HTTPS://joe:hush@chat.example/hush\" x",
                    "webhook \"HTTPS:///[removed]\" x");
    assert_redacted("webhook kinds=all https://chat.example/hush",
                    "webhook kinds=all https://chat.example/[removed]");
    assert_redacted("  - webhook\n    https://chat.example/hush\n  - consul http://a.b/c",
                    "  - webhook\n    https://chat.example/[removed]\n  - consul http://a.b/c");
    assert_redacted("webhook https://chat.example", "webhook https://chat.example");
    assert_redacted("webhook https://chat.example kinds=a/b",
                    "webhook https://chat.example kinds=a/b");
    assert_redacted("webhook @/etc/qhcp/chat.url", "webhook @/etc/qhcp/chat.url");
    assert_redacted("check https://web1.example/health", "check https://web1.example/health");
}

static void what_is_no_secret_stays(void **state)
{
    static const char *const well[] = {
        "",
        "\n\n",
        "web1.example:4243 is down: no answer to 3 checks",
        "/var/lib/QHCP/a/very/long/path/that/has/Upper/and/lower/case/and/digits/0123456789",
        "1970-01-01T00:00:00.000Z info watching 2 servers from UDP port 4242",
        "web-7d9f8b6c5d-x2x9z.my-namespace.svc.cluster.local:4243",
        "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof well / sizeof well[0]; i++)
        assert_redacted(well[i], well[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_removed),        cmocka_unit_test(tokens_are_removed),
        cmocka_unit_test(passwords_are_removed),   cmocka_unit_test(a_webhook_s_path_is_removed),
        cmocka_unit_test(what_is_no_secret_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
