/* --print-config: what is in force, where it comes from, and that it can be read again. */
#include "../words.h"

#include "conf/print.h"
#include "conf/yaml.h"
#include "daemon/lb_options.h"

static void read_yaml(struct lb_options *ret, const char *yaml)
{
    struct faults f = {.n = 0};

    options_init(&ret->head, &lb_options_table);
    ret->head.no_files = true;
    if (yaml_parse("t.yaml", yaml, strlen(yaml), &ret->head, &f) < 0)
        fail_msg("%s: %s", yaml, faults_text(&f));
}

/* What two lines say of one value without the comment. */
static void strip_comments(char *text)
{
    char *to = text;

    for (char *line = text, *next; *line != '\0'; line = next) {
        size_t n = strcspn(line, "\n");
        next = line + n + (line[n] == '\n');
        for (size_t i = 0; i < n; i++)
            if (line[i] == '#' && (i == 0 || line[i - 1] == ' '))
                n = i;
        memmove(to, line, n);
        to += n;
        *to++ = '\n';
    }
    *to = '\0';
}

static void each_value_has_its_place(void **state)
{
    const struct place flag = {.option = "hold"};
    struct faults f = {.n = 0};
    struct lb_options o;
    struct text t = {0};

    (void)state;
    read_yaml(&o, "port: 4300\nservers:\n  - a:1 name=web1\n  - b:1\non-down: reset\n"
                  "id: \"l\\\"b\"\ninsecure: yes\n");
    assert_int_equal(options_set(&o.head, options_find(o.head.table, "hold"), "1500ms",
                                 LIST_TEXT_ONLY, &flag, &f),
                     0);
    print_options(&o.head, &t);
    assert_says(t.at, "servers:\n"
                      "  - \"a:1 name=web1\"                     # t.yaml:3:5\n"
                      "  - \"b:1\"                               # t.yaml:4:5\n");
    assert_says(t.at, "\nport: 4300                              # t.yaml:1:7\n");
    assert_says(t.at, "\nrise: 2                                 # default\n");
    assert_says(t.at, "\nhold: 1.5s                              # --hold\n");
    assert_says(t.at, "\non-down: reset                          # t.yaml:5:10\n");
    assert_says(t.at, "\nid: \"l\\\"b\"                              # t.yaml:6:5\n");
    assert_says(t.at, "\ninsecure: true                          # t.yaml:7:11\n");
    assert_says(t.at, "\n# min-silence: not given\n");
    assert_null(strstr(t.at, "print-config"));
    assert_null(strstr(t.at, "check-config"));
    text_deinit(&t);
    options_deinit(&o.head);
}

static void what_is_printed_can_be_read_again(void **state)
{
    struct lb_options o, again;
    struct text t = {0}, second = {0};

    (void)state;
    read_yaml(&o, "defaults: {weight: 2}\nservers: [{address: a:1, tags: [x, y]}]\n"
                  "groups: {g: {servers: [b:1, c:1 weight=0]}}\nbind: [\"::1\", 127.0.0.1]\n"
                  "probe: tcp every=1s timeout=300ms\ncert-file: \"/a b#c\"\nflap-hold: 0\n"
                  "liveness: listen\nlog-level: debug\nmin-silence: 9\n");
    print_options(&o.head, &t);
    read_yaml(&again, t.at);
    for (size_t i = 0; i < o.head.table->n; i++)
        if (options_differ(&o.head, &again.head, &o.head.table->rows[i]))
            fail_msg("%s differs: %s", o.head.table->rows[i].name, t.at);
    print_options(&again.head, &second);
    strip_comments(t.at);
    strip_comments(second.at);
    assert_string_equal(t.at, second.at);
    text_deinit(&t);
    text_deinit(&second);
    options_deinit(&o.head);
    options_deinit(&again.head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_has_its_place),
        cmocka_unit_test(what_is_printed_can_be_read_again),
    };

    return cmocka_run_group_tests_name("conf-print", tests, NULL, NULL);
}
