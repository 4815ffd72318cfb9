/* The list of servers: one entry, and the list as a whole. */
#include "../words.h"

#include "sources/listed.h"
#include "sources/servers.h"

static char words[900];

static void settings_stand_behind_the_address(void **state)
{
    struct listed l;

    (void)state;
    assert_int_equal(listed_parse("a.example:1", &l, words, sizeof words), 0);
    assert_string_equal(l.address, "a.example:1");
    assert_int_equal(l.weight, 1);
    assert_int_equal(l.priority, 0);
    assert_int_equal(l.port, 0);
    assert_int_equal(listed_parse("[::1]:1\tpriority=15  weight=1000 service=tcp:[::2]:80", &l,
                                  words, sizeof words),
                     0);
    assert_string_equal(l.address, "[::1]:1");
    assert_int_equal(l.weight, 1000);
    assert_int_equal(l.priority, 15);
    assert_int_equal(l.port, 80);
    assert_int_equal(l.service.sa.sa_family, AF_INET6);
}

static void a_server_has_a_name_tags_and_a_weight_from_0(void **state)
{
    char text[600], long_name[LISTED_NAME + 2];
    struct listed l;

    (void)state;
    assert_int_equal(listed_parse("a:1 name=web-1.b_c tags=env=prod|rack/7|a:b weight=0", &l, words,
                                  sizeof words),
                     0);
    assert_string_equal(l.name, "web-1.b_c");
    assert_string_equal(l.tags, "env=prod|rack/7|a:b");
    assert_int_equal(l.weight, 0);
    assert_int_equal(listed_parse("a:1", &l, words, sizeof words), 0);
    assert_string_equal(l.name, "");
    memset(long_name, 'x', sizeof long_name);
    snprintf(text, sizeof text, "a:1 name=%.*s", LISTED_NAME, long_name);
    assert_int_equal(listed_parse(text, &l, words, sizeof words), 0);
    snprintf(text, sizeof text, "a:1 name=%.*s", LISTED_NAME + 1, long_name);
    assert_int_equal(listed_parse(text, &l, words, sizeof words), QHCP_E_PARSE);
    snprintf(text, sizeof text, "a:1 tags=%.*s|%.*s|%.*s|%.*s", 64, long_name, 63, long_name, 63,
             long_name, 62, long_name);
    assert_int_equal(listed_parse(text, &l, words, sizeof words), 0);
    assert_int_equal(strlen(l.tags), LISTED_TAGS);
    strcat(text, "x");
    assert_int_equal(listed_parse(text, &l, words, sizeof words), QHCP_E_FULL);
}

static void a_server_has_checks_of_its_own(void **state)
{
    struct listed l;

    (void)state;
    assert_int_equal(listed_parse("a:1 liveness=listen probe=tcp:80", &l, words, sizeof words), 0);
    assert_true(l.listen && !l.ask);
    assert_int_equal(l.probe, LISTED_PROBE);
    assert_int_equal(l.probe_port, 80);
    assert_int_equal(listed_parse("a:1 liveness=ask probe=off", &l, words, sizeof words), 0);
    assert_true(l.ask && !l.listen);
    assert_int_equal(l.probe, LISTED_NO_PROBE);
    assert_int_equal(listed_parse("a:1 probe=tcp", &l, words, sizeof words), 0);
    assert_int_equal(l.probe, LISTED_PROBE);
    assert_int_equal(l.probe_port, 0);
    assert_int_equal(listed_parse("a:1", &l, words, sizeof words), 0);
    assert_true(!l.ask && !l.listen && l.probe == LISTED_AS_ALL);
}

static void a_bad_setting_is_named(void **state)
{
    static const struct {
        const char *text, *word;
    } bad[] = {
        {"a:1 weight=-1", "weight"},
        {"a:1 name=", "\"\" is not a name: use 1 to 64 of A-Z a-z 0-9 . _ -"},
        {"a:1 name=-web", "is not a name"},
        {"a:1 name=web:1", "is not a name"},
        {"a:1 name=w\xc3\xa4", "is not a name"},
        {"a:1 name=a/b", "is not a name"},
        {"a:1 tags=", "a tag is 1 to 64 of"},
        {"a:1 tags=a||b", "a tag is 1 to 64 of"},
        {"a:1 tags=a|b|", "a tag is 1 to 64 of"},
        {"a:1 tags=.a", "a tag is 1 to 64 of"},
        {"a:1 nam=x", "did you mean \"name\"?"},
        {"a:1 weight=1001", "weight"},
        {"a:1 priority=16", "priority"},
        {"a:1 weigth=1", "\"weigth=1\" is not a setting"},
        {"a:1 weight", "\"weight\" is not"},
        {"a:1 service=80", "\"80\" is not a service"},
        {"a:1 service=tcp:0", "is not a serv"},
        {"a:1 service=tcp:b.example:80", "with an IP address"},
        {"a:1 weight=1 weight=1", "weight is set twice"},
        {"a:1 service=tcp:1 weight=2 service=tcp:2", "service is set twice"},
        {"a:1 =", "is not a setting"},
        {"a:1 service=udp:80", "is not a service"},
        {"a:1 liveness=hear", "\"hear\" is not a way to check: use ask or listen"},
        {"a:1 probe=http", "\"http\" is not a probe: use off, tcp or tcp:PORT"},
        {"a:1 probe=tcp:0", "is not a probe"},
        {"a:1 probe=tcp80", "is not a probe"},
    };
    struct listed l;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (listed_parse(bad[i].text, &l, words, sizeof words) == 0)
            fail_msg("%s was taken", bad[i].text);
        assert_says(words, bad[i].word);
    }
}

static void check(const char *a, const char *b, int expected)
{
    struct faults f = {.n = 0};
    struct list list = {0};
    int r = list_add(&list, a, strlen(a), NULL);

    if (r == 0)
        r = list_add(&list, b, strlen(b), &(struct place){.file = "b.txt", .line = 7, .column = 3});
    if (r == 0)
        r = servers_check(&list, "servers", &f);
    snprintf(words, sizeof words, "%s", faults_text(&f));
    faults_deinit(&f);
    list_deinit(&list);

    if (r != expected)
        fail_msg("%s, %s: %d (%s)", a, b, r, words);
}

static void the_same_place_twice_is_refused_however_it_is_typed(void **state)
{
    (void)state;
    check("localhost:4243", "localhost:4243", QHCP_E_EXISTS);
    assert_string_equal(words,
                        "b.txt:7:3: \"localhost:4243\" is in the list twice, first as number "
                        "1\n");
    check("localhost:4243", "LOCALHOST:4243", QHCP_E_EXISTS);
    check("a.example:1", "a.example.:1", QHCP_E_EXISTS);
    check("[::1]:1", "[0:0::1]:1", QHCP_E_EXISTS);
    check("localhost:4243", "localhost:4244", 0);
    check("localhost:4243", "127.0.0.1:4243", 0);
    check("[::1]:1", "[::2]:1", 0);
}

static void the_same_name_twice_is_refused(void **state)
{
    (void)state;
    check("a:1 name=web1", "b:1 weight=2 name=web1", QHCP_E_EXISTS);
    assert_string_equal(words, "b.txt:7:3: \"web1\" is in the list twice, first as number 1\n");
    check("a:1 name=web1", "b:1 name=WEB1", 0);
    check("a:1 name=web1", "b:1", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_stand_behind_the_address),
        cmocka_unit_test(a_server_has_checks_of_its_own),
        cmocka_unit_test(a_bad_setting_is_named),
        cmocka_unit_test(a_server_has_a_name_tags_and_a_weight_from_0),
        cmocka_unit_test(the_same_name_twice_is_refused),
        cmocka_unit_test(the_same_place_twice_is_refused_however_it_is_typed),
    };

    return cmocka_run_group_tests_name("sources-servers", tests, NULL, NULL);
}
