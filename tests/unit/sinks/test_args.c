/* A sink as its owner writes it. */
#include "../words.h"

#include "sinks/sink.h"

static char words[900];

static void taken(const char *text)
{
    if (sink_check(text, words, sizeof words) != 0)
        fail_msg("%s: %s", text, words);
}

static void refused(const char *text, const char *what)
{
    words[0] = '\0';
    if (sink_check(text, words, sizeof words) == 0)
        fail_msg("%s was taken", text);
    assert_says(words, what);
}

static void what_is_wrong_is_said(void **state)
{
    char many[400] = "haproxy-agent 1", *longer = calloc(1, SINK_TEXT + 20);

    (void)state;
    assert_non_null(longer);
    for (int i = 0; i < 60; i++)
        strcat(many, " a=b");
    memset(longer, 'a', SINK_TEXT);
    taken("haproxy-agent 4281");
    taken("  haproxy-agent\t127.0.0.1:4281  backend='be one' weights=no ");
    taken("haproxy-agent [::1]:4281 admin=no");
    refused("", "is not a kind of sink: use haproxy-agent");
    refused("haproxy_agent 4281", "is not a kind of sink");
    refused("haproxy-agent", "needs more: use haproxy-agent [ADDRESS:]PORT");
    refused("haproxy-agent 4281 4282", "\"4282\" is a word too many");
    refused("haproxy-agent web1:4281", "expected a port, or an address");
    refused("haproxy-agent 0", "expected a port");
    refused("haproxy-agent 4281 backed=be", "\"backed\" is not a setting of haproxy-agent");
    refused("haproxy-agent 4281 backend=a backend=b", "\"backend\" is given twice");
    refused("haproxy-agent 4281 admin=perhaps", "admin: ");
    refused("haproxy-agent 4281 admin=no weights=no", "exclude each other");
    refused("haproxy-agent '4281", "has a quote that does not end");
    refused("haproxy-agent 4281\nbackend=a", "has a line end in it");
    refused(many, "has more than 57 words");
    refused(longer, "is longer than 4095 bytes");
    free(longer);
}

/* All beside each other, as the options have them. */
static int check_all(char *const *texts, size_t n)
{
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = sink_check_beside(texts, i, words, sizeof words);
    return r;
}

static void a_weight_has_one_master(void **state)
{
    char *two[] = {"haproxy-agent 1", "haproxy /a backend=be", "haproxy /a backend=be weights=no",
                   "haproxy /b backend=be", "haproxy-agent 2 weights=no"};

    (void)state;
    taken("haproxy /run/h.sock backend=be names=a=b,c=d every=1s");
    taken("haproxy 127.0.0.1:9999 backend=be manage=yes add='check inter 1s' tag=be");
    refused("haproxy /run/h.sock", "haproxy needs backend=NAME");
    refused("haproxy h.sock backend=be", "expected a port, or an address");
    refused("haproxy /a backend='b;e'", "haproxy needs backend=NAME");
    refused("haproxy /a backend=be add=check", "need manage=yes");
    refused("haproxy /a backend=be manage=yes add='check; quit'", "without ;");
    assert_int_equal(check_all(two, 2), QHCP_E_ARG);
    assert_says(words, "haproxy-agent 1 and haproxy /a be both write the weights of HAProxy");
    two[1] = two[2];
    assert_int_equal(check_all(two, 2), 0);
    assert_int_equal(check_all(two + 2, 3), 0); /* of two backends */
}

static void two_sinks_do_not_write_one_thing(void **state)
{
    char *two[][2] = {{"haproxy /a backend=be", "haproxy /a backend=be weights=no manage=yes"},
                      {"nginx /a reload=r", "nginx /a reload=s"},
                      {"envoy /a cluster=b", "envoy /a cluster=c"},
                      {"file_sd /a", "file_sd /a port=1"},
                      {"track-file /a", "track-file /a"}};
    char *others[] = {"haproxy /a backend=be", "haproxy /a backend=b2",
                      "haproxy /b backend=be", "nginx /a reload=r",
                      "nginx /b reload=r",     "webhook https://a.b/c retries=1",
                      "webhook https://a.b/d"};

    (void)state;
    for (size_t i = 0; i < sizeof two / sizeof two[0]; i++) {
        assert_int_equal(check_all(two[i], 2), QHCP_E_ARG);
        assert_says(words, "is there twice");
    }
    assert_int_equal(check_all(others, sizeof others / sizeof others[0]), 0);
}

static void words_are_taken_apart(void **state)
{
    const struct sink_kind *kind;
    struct sink_args a;

    (void)state;
    assert_int_equal(sink_args_parse("haproxy-agent 4281 backend='a b'\"c\" admin=", &a, &kind,
                                     words, sizeof words),
                     0);
    assert_string_equal(kind->name, "haproxy-agent");
    assert_string_equal(a.argv[0], "4281");
    assert_null(a.argv[1]);
    assert_string_equal(sink_args_get(&a, "backend"), "a bc");
    assert_string_equal(sink_args_get(&a, "admin"), "");
    assert_null(sink_args_get(&a, "weights"));
    assert_string_equal(a.name, "haproxy-agent 4281");
    /* A key in quotes is none, and neither is what has other letters. */
    assert_int_equal(sink_args_parse("haproxy-agent 'a=b'", &a, &kind, words, sizeof words), 0);
    assert_string_equal(a.argv[0], "a=b");
    assert_int_equal(sink_args_parse("haproxy-agent http://x/?a=b", &a, &kind, words, sizeof words),
                     0);
    assert_string_equal(a.argv[0], "http://x/?a=b");
}

static void a_path_does_not_depend_on_where_the_process_starts(void **state)
{
    static const char *const texts[] = {"nginx %sbe.conf",
                                        "envoy %sbe.json cluster=be",
                                        "file_sd %sbe.json",
                                        "track-file %strack",
                                        "exec %snotify.sh",
                                        "webhook @%surl",
                                        "webhook https://a.b/c token-file=%stoken",
                                        "consul http://127.0.0.1:8500 ca-file=%sca.pem",
                                        "dns-update 127.0.0.1 zone=a.b name=c.a.b key-file=%skey"};
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        snprintf(text, sizeof text, texts[i], "/etc/");
        taken(text);
        snprintf(text, sizeof text, texts[i], "etc/");
        refused(text, "is a relative path: use an absolute one");
        snprintf(text, sizeof text, texts[i], "");
        refused(text, "is a relative path");
    }
}

static void what_is_wrong_with_a_file_is_said(void **state)
{
    static const struct {
        const char *text, *said;
    } bad[] = {
        {"track-file", "track-file PATH"},
        {"track-file /a fault=101", "101"},
        {"track-file /a fault=-1", "-1"},
        {"file_sd /a port=0", "0"},
        {"file_sd /a port=65536", "65536"},
        {"file_sd /a /b", "/b"},
        {"envoy /a", "cluster=NAME is missing"},
        {"envoy /a cluster=", "cluster=NAME is missing"},
        {"nginx /a upstream='a b'", "upstream=a b is not a name"},
        {"nginx /a upstream=a;b", "upstream=a;b is not a name"},
        {"nginx /a reload=off", "reload= needs a command"},
        {"nginx /a reload=", "reload= needs a command"},
        {"nginx /a test=", "test= needs a command"},
        {"nginx /a every=1ms", "every"},
        {"nginx /a weight=1", "weight"},
    };
    static const char *const good[] = {
        "track-file /a",
        "track-file /a fault=100",
        "file_sd /a port=65535",
        "envoy /a cluster=be",
        "nginx /a",
        "nginx /a upstream=a-b.c_1 reload='systemctl reload nginx' test=off every=100ms",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused(bad[i].text, bad[i].said);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        taken(good[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_path_does_not_depend_on_where_the_process_starts),
        cmocka_unit_test(what_is_wrong_with_a_file_is_said),
        cmocka_unit_test(words_are_taken_apart),
        cmocka_unit_test(a_weight_has_one_master),
        cmocka_unit_test(two_sinks_do_not_write_one_thing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
