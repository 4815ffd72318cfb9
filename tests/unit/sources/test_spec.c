/* A source as its owner writes it. */
#include "../words.h"

#include "sources/source_kind.h"
#include "sources/source_spec.h"

static struct source_spec s;
static char words[900];

static void taken(const char *text)
{
    if (source_spec_parse(text, &s, words, sizeof words) != 0)
        fail_msg("%s: %s", text, words);
}

static void refused(const char *text, const char *what)
{
    words[0] = '\0';
    if (source_spec_parse(text, &s, words, sizeof words) == 0)
        fail_msg("%s was taken", text);
    assert_says(words, what);
}

static void words_and_settings_are_taken_apart(void **state)
{
    (void)state;
    taken("file /etc/a.txt");
    assert_ptr_equal(s.kind, &kind_file);
    assert_string_equal(s.argv[0], "/etc/a.txt");
    assert_string_equal(s.each, "");
    assert_false(s.allow_empty);
    taken("  file\t'/etc/with blank' weight=2 allow-empty priority=1 ");
    assert_string_equal(s.argv[0], "/etc/with blank");
    assert_string_equal(s.each, " weight=2 priority=1");
    assert_true(s.allow_empty);
    taken("exec /bin/list --weight=3 \"a b\" every=5s timeout=500ms");
    assert_int_equal(s.argc, 3);
    assert_string_equal(s.argv[1], "--weight=3");
    assert_string_equal(s.argv[2], "a b");
    assert_null(s.argv[3]);
    assert_int_equal(s.every, 5 * NSEC_PER_SEC);
    assert_int_equal(s.timeout, 500 * NSEC_PER_MSEC);
    assert_string_equal(s.name, "exec /bin/list"); /* arguments may be secrets */
    taken("exec /bin/list 'every=5s'");            /* in quotes it is an argument */
    assert_int_equal(s.argc, 2);
    assert_int_equal(s.every, SOURCE_EVERY);
    taken("dns web.example:4243 resolver=127.0.0.1:5353 service=tcp:80");
    assert_string_equal(s.resolver, "127.0.0.1:5353");
    taken("dns web.example:4243 resolver=::1");
    taken("srv _qhcp._udp.web.example");
    taken("list a:1,b:2");
    taken("file_sd /etc/*.json");
}

static void what_is_wrong_is_quoted(void **state)
{
    (void)state;
    refused("", "is not a kind of source: use list, file, file_sd, dns, srv or exec");
    refused("files /a", "\"files\" is not a kind");
    refused("file", "\"file\" needs more: use file PATH");
    refused("file /a /b", "\"/b\" has a word too many");
    refused("file /a every=3s", "\"every=3s\" has a word too many");
    refused("file '/a", "has a quote that does not end");
    refused("file /a weight=2000", "weight");
    refused("file /a weight=2 weight=3", "set twice");
    refused("exec list", "\"list\" is not a path");
    refused("exec /a every=10ms", "every");
    refused("exec /a every=x", "every");
    refused("dns web.example", "web.example");
    refused("dns 10.0.0.1:4243", "is not a name: use dns NAME:PORT");
    refused("dns web.example:4243 resolver=ns.example", "resolver=ns.example");
    refused("srv _qhcp._udp.web.example:1", "is not a name: use srv");
    refused("list a:1,a:1", "twice");
    refused("list a", "a");
}

static void too_much_is_refused(void **state)
{
    char text[8000] = "exec /a";

    (void)state;
    while (strlen(text) < 300)
        strcat(text, " b");
    refused(text, "words");
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "file ", 5);
    refused(text, "is longer than");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_settings_are_taken_apart),
        cmocka_unit_test(what_is_wrong_is_quoted),
        cmocka_unit_test(too_much_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
