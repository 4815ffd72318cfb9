/* Servers in the configuration file: mappings, defaults and groups. */
#include "../words.h"

#include <unistd.h>

#include "conf/yaml.h"
#include "daemon/lb_options.h"

static char words[8000];
static struct lb_options o;

static int read_yaml(const char *yaml)
{
    struct faults f = {.n = 0};
    int r;

    options_deinit(&o.head);
    options_init(&o.head, &lb_options_table);
    r = yaml_parse("t.yaml", yaml, strlen(yaml), &o.head, &f);
    if (o.head.file && options_check(&o.head, &f) < 0)
        r = f.error;
    snprintf(words, sizeof words, "%s", faults_text(&f));
    faults_deinit(&f);
    return r;
}

/* The servers, one a line. */
static void assert_servers(const char *yaml, const char *expected)
{
    char all[2000] = "";
    size_t n = 0;

    if (read_yaml(yaml) != 0)
        fail_msg("%s: refused: %s", yaml, words);
    for (size_t i = 0; i < o.servers.n; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s\n", o.servers.at[i]);
    assert_string_equal(all, expected);
}

static void a_server_may_be_a_mapping(void **state)
{
    (void)state;
    assert_servers("servers:\n"
                   "  - address: 10.0.0.1:4243\n"
                   "    name: web1\n"
                   "    weight: 0\n"
                   "    priority: 1\n"
                   "    service: tcp:8080\n"
                   "    tags: [a, env=prod]\n"
                   "  - {address: \"[::1]:4243\", tags: b}\n"
                   "  - 10.0.0.3:4243 weight=2\n",
                   "10.0.0.1:4243 name=web1 weight=0 priority=1 service=tcp:8080 "
                   "tags=a|env=prod\n"
                   "[::1]:4243 tags=b\n"
                   "10.0.0.3:4243 weight=2\n");
    assert_servers("servers: {address: a:1, weight: 2}\n", "a:1 weight=2\n");
}

static void defaults_fill_what_nobody_says(void **state)
{
    (void)state;
    assert_servers("servers: [a:1, b:1 weight=3, {address: c:1, priority: 0}]\n"
                   "defaults: {weight: 10, priority: 2}\n",
                   "a:1 weight=10 priority=2\n"
                   "b:1 weight=3 priority=2\n"
                   "c:1 priority=0 weight=10\n");
}

static void a_group_stands_between_the_server_and_the_defaults_and_is_a_tag(void **state)
{
    (void)state;
    assert_servers("defaults: {weight: 10, tags: all}\n"
                   "servers: [z:1 tags=own]\n"
                   "groups:\n"
                   "  db:\n"
                   "    weight: 5\n"
                   "    tags: [x, y]\n"
                   "    servers:\n"
                   "      - a:1 tags=own weight=1\n"
                   "      - {address: b:1}\n"
                   "  web:\n"
                   "    servers: c:1\n",
                   "z:1 tags=own|all weight=10\n"
                   "a:1 weight=1 tags=own|db|x|y|all\n"
                   "b:1 tags=db|x|y|all weight=5\n"
                   "c:1 tags=web|all weight=10\n");
}

static void a_file_of_servers_has_a_group_too(void **state)
{
    char path[] = "/tmp/qhcp-group-XXXXXX", yaml[200], place[100];
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a:1 # first\nb:1 weight=2\n", 25), 25);
    close(fd);
    snprintf(yaml, sizeof yaml, "groups: {g: {weight: 7, servers: [\"@%s\"]}}\n", path);
    assert_servers(yaml, "a:1 tags=g weight=7\nb:1 weight=2 tags=g\n");
    snprintf(yaml, sizeof yaml, "groups: {g: {servers: [\"@%s\", b:1]}}\n", path);
    assert_int_equal(read_yaml(yaml), QHCP_E_EXISTS);
    snprintf(place, sizeof place, "first on line 2 of %s\n", path);
    assert_says(words, place);
    unlink(path);
}

static void a_fault_is_told_at_its_value(void **state)
{
    static const struct {
        const char *yaml, *says;
    } rows[] = {
        {"servers:\n  - {address: a:1, weight: 1001}\n",
         "t.yaml:2:28: weight: \"1001\" is out of range: a weight is 0 to 1000\n"},
        {"servers:\n  - address: a:1\n    nmae: web1\n",
         "t.yaml:3:5: \"nmae\" is not a setting: did you mean \"name\"?\n"},
        {"servers: [{adress: a:1}]\n",
         "t.yaml:1:12: \"adress\" is not a setting: did you mean \"address\"?\n"},
        {"servers: [{name: web1}]\n", "t.yaml:1:11: \"address\" is missing\n"},
        {"servers: [{address: a}]\n", "t.yaml:1:21: address: \"a\": no port: expected host:port\n"},
        {"servers: [{address: a:1 weight=2}]\n", "t.yaml:1:21: address: expected one value without "
                                                 "blanks and commas; settings have keys of "
                                                 "their own here\n"},
        {"servers: [{address: a:1, tags: {a: b}}]\n",
         "t.yaml:1:32: tags: expected a value, or a list of values\n"},
        {"servers: [{address: a:1, name: web1}, {address: b:1, name: web1}]\n",
         "t.yaml:1:39: \"web1\" is in the list twice, first on line 1 of t.yaml\n"},
        {"servers: [a:1]\ndefaults: {wieght: 1}\n",
         "t.yaml:2:12: \"wieght\" is not a setting: did you mean \"weight\"?\n"},
        {"servers: [a:1]\ndefaults: 5\n",
         "t.yaml:2:11: defaults: expected a mapping (key: value), not a single value\n"},
        {"servers: [a:1]\ngroups: {web: {server: [b:1]}}\n",
         "t.yaml:2:16: \"server\" is not a setting: did you mean \"servers\"?\n"},
        {"servers: [a:1]\ngroups: {web: [b:1]}\n",
         "t.yaml:2:15: web: expected a mapping (key: value), not a list\n"},
        {"servers: [a:1]\ngroups: {web: {weight: 1}}\n", "t.yaml:2:10: the group has no servers\n"},
        {"servers: [a:1]\ngroups: {\"a b\": {servers: [b:1]}}\n",
         "t.yaml:2:10: \"a b\": a tag is 1 to 64 of A-Z a-z 0-9 . _ - : = /, a letter or a digit "
         "first, with | between two\n"},
        {"servers: [a:1]\ngroup: {}\n",
         "t.yaml:2:1: there is no option \"group\": did you mean \"groups\"?\n"},
        {"groups: {web: {servers: [b]}}\n", "t.yaml:1:26: \"b\": no port: expected host:port\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (read_yaml(rows[i].yaml) == 0)
            fail_msg("taken: %s", rows[i].yaml);
        assert_string_equal(words, rows[i].says);
    }
    assert_int_equal(read_yaml("groups: {web: {servers: [b:1]}}\n"), 0); /* the twin */
}

static int tidy(void **state)
{
    (void)state;
    options_deinit(&o.head);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_may_be_a_mapping),
        cmocka_unit_test(defaults_fill_what_nobody_says),
        cmocka_unit_test(a_group_stands_between_the_server_and_the_defaults_and_is_a_tag),
        cmocka_unit_test(a_file_of_servers_has_a_group_too),
        cmocka_unit_test(a_fault_is_told_at_its_value),
    };

    return cmocka_run_group_tests_name("conf-entries", tests, NULL, tidy);
}
