/* What is wrong in a configuration file: each fault with line and column, all of them, and the twin
 * that is taken. */
#include "../words.h"

#include <unistd.h>

#include "conf/nearest.h"
#include "conf/tree.h"
#include "conf/yaml.h"
#include "daemon/lb_options.h"

static char words[8000];

/* 0, or the first error, with what is said in words. */
static int read_text(const char *yaml, size_t n)
{
    struct faults f = {.n = 0};
    struct lb_options o;
    int r;

    options_init(&o.head, &lb_options_table);
    r = yaml_parse("t.yaml", yaml, n, &o.head, &f);
    if (o.head.file && options_check(&o.head, &f) < 0)
        r = f.error;
    snprintf(words, sizeof words, "%s", faults_text(&f));
    assert_int_equal(r != 0, f.n > 0);
    faults_deinit(&f);
    options_deinit(&o.head);
    return r;
}

static int read_yaml(const char *yaml)
{
    return read_text(yaml, strlen(yaml));
}

/* `says` is all that is said. */
struct bad {
    const char *yaml, *says, *twin;
};

static void check(const struct bad *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (read_yaml(rows[i].twin) != 0)
            fail_msg("%s: refused: %s", rows[i].twin, words);
        if (read_yaml(rows[i].yaml) == 0)
            fail_msg("taken: %s", rows[i].yaml);
        assert_string_equal(words, rows[i].says);
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows)[0])

#define TWIN "servers: [a:1]\nport: 1\n"

static void a_value_that_is_wrong_is_named_with_line_column_and_what_is_expected(void **state)
{
    static const struct bad rows[] = {
        {"servers: [a:1]\nport: 70000\n",
         "t.yaml:2:7: port: \"70000\" is out of range: a port is 1 to 65535\n", TWIN},
        {"servers: [a:1]\ncheck-interval: 5sec\n",
         "t.yaml:2:17: check-interval: \"5sec\" is not a duration: write seconds (10) or a unit "
         "(250ms, 1.5s, 2m), 1ms to 1h\n",
         "servers: [a:1]\ncheck-interval: 5s\n"},
        {"servers: [a:1]\ncheck-interval:\n",
         "t.yaml:2:16: check-interval: no value: expected a duration, as in 500ms or 5s, or leave "
         "the key out for the default\n",
         "servers: [a:1]\ncheck-interval: 2m\n"},
        {"servers: [a:1]\non-down: ~\n",
         "t.yaml:2:10: on-down: no value: expected keep or reset, or leave the key out for the "
         "default\n",
         "servers: [a:1]\non-down: reset\n"},
        {"servers: [a:1]\nport: [1]\n",
         "t.yaml:2:7: port: expected a port, 1 to 65535, not a list\n", TWIN},
        {"servers: [a:1]\nbind: {a: b}\n",
         "t.yaml:2:7: bind: expected a list, one \"- entry\" a line, not a mapping (key: value)\n",
         "servers: [a:1]\nbind: [\"::1\"]\n"},
        {"servers:\n - a:1\n - [b:1]\n",
         "t.yaml:3:4: servers: expected a single value in the list, not a list\n",
         "servers:\n - a:1\n - b:1\n"},
        {"servers:\n - a:1\n - b:0\n",
         "t.yaml:3:4: \"b:0\": \"0\" is out of range: a port is 1 to 65535\n",
         "servers:\n - a:1\n - b:9\n"},
        {"servers:\n - a:1\n -\n",
         "t.yaml:3:3: servers: no value: expected a list, one \"- entry\" a line, or leave the key "
         "out "
         "for the default\n",
         "servers:\n - a:1\n"},
    };

    (void)state;
    CHECK(rows);
}

static void a_key_that_is_not_known_or_twice_is_named_with_the_nearest(void **state)
{
    static const struct bad rows[] = {
        {"servers: [a:1]\ncheck_interval: 5s\n",
         "t.yaml:2:1: there is no option \"check_interval\": did you mean \"check-interval\"?\n",
         "servers: [a:1]\ncheck-interval: 5s\n"},
        {"servers: [a:1]\nPort: 5\n",
         "t.yaml:2:1: there is no option \"Port\": did you mean \"port\"?\n", TWIN},
        {"servers: [a:1]\n--port: 5\n",
         "t.yaml:2:1: there is no option \"--port\": did you mean \"port\"?\n", TWIN},
        {"servers: [a:1]\nnonesuch: 5\n", "t.yaml:2:1: there is no option \"nonesuch\"\n", TWIN},
        {"servers: [a:1]\nconfig: a.yaml\n", "t.yaml:2:1: there is no option \"config\"\n", TWIN},
        {"servers: [a:1]\nport: 1\nport: 2\n", "t.yaml:3:1: \"port\" is there twice\n", TWIN},
        {"servers: [a:1, A:1]\n",
         "t.yaml:1:16: \"A:1\" is in the list twice, first on line 1 of t.yaml\n", TWIN},
        {"client-cert: /etc/passwd\nservers: [a:1]\n",
         "t.yaml:1:14: client-cert goes with client-key: give both or neither\n", TWIN},
        {"port: 1\n",
         "t.yaml: servers is missing: name the servers to watch, as in servers: [localhost:4243], "
         "or "
         "where they come from (sources)\n",
         TWIN},
    };

    (void)state;
    CHECK(rows);
}

static void what_is_no_yaml_is_refused_at_its_place(void **state)
{
    static const struct bad rows[] = {
        {"servers:\n  - a:1\n\t- b:1\n", "t.yaml:3:1: a tab: YAML is indented with blanks\n",
         "servers:\n  - a:1\n  - b:1\n"},
        {"servers: [a:1]\nport:\t\tx: 1\n",
         "t.yaml:2:9: a colon is not expected here: does the line begin in the same column as its "
         "neighbours, and is a text with \": \" in it in quotes?\n",
         TWIN},
        {"servers: [a:1,\n  b:1\nport: 1\n", "t.yaml:3:5: expected a comma, or ] to end the list\n",
         "servers: [a:1,\n  b:1]\nport: 1\n"},
        {"servers: [a:1]\nid: \"half\n",
         "t.yaml:3:1: the file ends within quotes: is it half written?\n",
         "servers: [a:1]\nid: \"half\"\n"},
        {"servers: [a:1]\nid: \xc3\xbc\nid\xff: x\n",
         "t.yaml:3:3: this byte is not UTF-8, or not text: is it a text file?\n",
         "servers: [a:1]\nid: \xc3\xbc\n"},
        {"port: &a 1\nservers: [a:1]\nrise: *a\n",
         "t.yaml:3:7: aliases (*name) are not allowed: write the value itself\n",
         "port: 1\nservers: [a:1]\nrise: 1\n"},
        {"servers: [a:1]\nport: !!int 1\n", "t.yaml:2:7: tags (!name) are not allowed here\n",
         TWIN},
        {"servers: [a:1]\nport: 1\n---\nport: 1\n",
         "t.yaml:3:1: a second document (after ---) is not allowed\n", "---\n" TWIN "...\n"},
        {"servers: [[[[[[[[[[a]]]]]]]]]]\n", "t.yaml:1:17: nested too deep\n", TWIN},
        {"[a]: 1\n", "t.yaml:1:1: a list or a mapping cannot be a key\n", TWIN},
        {"- a\n", "t.yaml:1:1: expected lines of the form \"option: value\", not a list\n", TWIN},
        {"port\n", "t.yaml:1:1: expected lines of the form \"option: value\", not a single value\n",
         TWIN},
    };

    (void)state;
    CHECK(rows);
    assert_int_equal(read_text("servers: [a:1]\n\0", 16), QHCP_E_PARSE);
    assert_int_equal(read_text("servers: [a:1]\n", 15), 0);
    assert_int_equal(read_yaml("servers: [a:1]\nid: \"a\\0b\"\n"), QHCP_E_PARSE);
    assert_says(words, "t.yaml:2:5: a NUL character");
}

static void anchors_cannot_make_a_small_file_large(void **state)
{
    char bomb[2000] = "a: &a [x, x]\n";
    size_t n = strlen(bomb);

    (void)state;
    for (char c = 'b'; c <= 'z'; c++)
        n +=
            (size_t)snprintf(bomb + n, sizeof bomb - n, "%c: &%c [*%c, *%c]\n", c, c, c - 1, c - 1);
    assert_int_equal(read_yaml(bomb), QHCP_E_PARSE);
    assert_string_equal(words, "t.yaml:2:8: aliases (*name) are not allowed: write the value "
                               "itself\n");
}

static void all_faults_are_told_within_reason(void **state)
{
    char many[3000] = "servers: [a:1]\n";
    size_t n = strlen(many), lines = 0;

    (void)state;
    assert_int_equal(read_yaml("prot: 1\nport: x\nservers: [b, a:1, a:1, c:1 weight=x]\nrise: 0\n"),
                     QHCP_E_PARSE);
    assert_string_equal(
        words, "t.yaml:1:1: there is no option \"prot\": did you mean \"port\"?\n"
               "t.yaml:2:7: port: \"x\" is not a port: expected a whole number from 1 to 65535\n"
               "t.yaml:3:11: \"b\": no port: expected host:port\n"
               "t.yaml:3:24: \"x\" is not a weight: expected a whole number from 0 to 1000\n"
               "t.yaml:4:7: rise: \"0\" is out of range: a number is 1 to 1000\n"
               "t.yaml:3:19: \"a:1\" is in the list twice, first on line 3 of t.yaml\n");
    for (unsigned i = 0; i < FAULTS_SHOWN + 7; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, "zzz%u: 1\n", i);
    assert_int_equal(read_yaml(many), QHCP_E_PARSE);
    for (const char *p = words; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, FAULTS_SHOWN + 1);
    assert_says(words, "zzz19\"\nand 7 more errors\n");
}

static void a_list_of_one_may_be_written_without_a_dash(void **state)
{
    (void)state;
    assert_int_equal(read_yaml("servers: a:1\nprobe: tcp every=1s timeout=300ms\n"), 0);
}

/* Lines of a file that a list names. */
static void a_fault_in_a_file_of_servers_is_told_with_its_line(void **state)
{
    static const char content[] = "# fleet\na:1\n  b # no port\n\xc3\xbc:1 x\nA:1\n";
    char path[] = "/tmp/qhcp-fleet-XXXXXX", yaml[100], expected[400];
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, sizeof content - 1), sizeof content - 1);
    close(fd);
    snprintf(yaml, sizeof yaml, "servers: [\"@%s\", a.example:1]\n", path);
    assert_int_equal(read_yaml(yaml), QHCP_E_PARSE);
    snprintf(expected, sizeof expected,
             "%s:3:3: \"b\": no port: expected host:port\n%s:4:1: \"x\" is not", path, path);
    assert_says(words, expected);
    snprintf(expected, sizeof expected,
             "%s:5:1: \"A:1\" is in the list twice, first on line 2 of %s\n", path, path);
    assert_says(words, expected);
    unlink(path);
}

static void a_tree_is_bounded(void **state)
{
    struct faults f = {.n = 0};
    char *text = malloc((TREE_KEYS + 1) * 10);
    struct tree *t;
    size_t n = 0;

    (void)state;
    assert_non_null(text);
    for (unsigned i = 0; i < TREE_KEYS; i++)
        n += (size_t)sprintf(text + n, "k%u: 1\n", i);
    assert_int_equal(tree_parse("t.yaml", text, n, &t, &f), 0);
    assert_int_equal(t->n, TREE_KEYS);
    tree_free(t);
    n += (size_t)sprintf(text + n, "more: 1\n");
    assert_int_equal(tree_parse("t.yaml", text, n, &t, &f), QHCP_E_FULL);
    assert_null(t);
    assert_string_equal(faults_text(&f), "t.yaml:1001:1: too many keys in one mapping\n");
    faults_deinit(&f);
    free(text);
}

static void the_nearest_name_is_near(void **state)
{
    struct nearest n = {.word = "lable"};

    (void)state;
    assert_int_equal(nearest_distance("check_interval", "Check-Interval"), 0);
    assert_int_equal(nearest_distance("lable", "label"), 1);
    assert_int_equal(nearest_distance("", "abc"), 3);
    assert_int_equal(nearest_distance("abc", "ac"), 1);
    nearest_offer(&n, "table");
    nearest_offer(&n, "label");
    nearest_offer(&n, "cable");
    assert_non_null(n.name); /* all are one letter away: the first stays */
    assert_string_equal(n.name, "table");
    n = (struct nearest){.word = "xyz"};
    nearest_offer(&n, "port");
    assert_null(n.name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_that_is_wrong_is_named_with_line_column_and_what_is_expected),
        cmocka_unit_test(a_key_that_is_not_known_or_twice_is_named_with_the_nearest),
        cmocka_unit_test(what_is_no_yaml_is_refused_at_its_place),
        cmocka_unit_test(anchors_cannot_make_a_small_file_large),
        cmocka_unit_test(all_faults_are_told_within_reason),
        cmocka_unit_test(a_list_of_one_may_be_written_without_a_dash),
        cmocka_unit_test(a_fault_in_a_file_of_servers_is_told_with_its_line),
        cmocka_unit_test(a_tree_is_bounded),
        cmocka_unit_test(the_nearest_name_is_near),
    };

    return cmocka_run_group_tests_name("conf-faults", tests, NULL, NULL);
}
