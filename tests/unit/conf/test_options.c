/* A table of options as an owner makes it: what follows from its rows alone. */
#include "../words.h"

#include <unistd.h>

#include "cli/options_doc.h"
#include "conf/args.h"
#include "conf/change.h"
#include "conf/print.h"
#include "conf/yaml.h"

static int check_color(const char *text, char *words, size_t words_cap)
{
    if (strcmp(text, "pink") != 0)
        return 0;
    snprintf(words, words_cap, "\"pink\" is taken");
    return QHCP_E_ARG;
}

/* What a process that runs counts of its live functions. */
struct process {
    struct made_options *in_force;
    unsigned sized, colored, filed;
    bool stubborn;             /* colors cannot change now */
    uint64_t size_when_called; /* the last time */
};

#define MADE_OPTIONS(X)                                                                            \
    X(size, "size", NUMBER, .def = "7", .min = 1, .max = 9, .live = live_size, .doc = "How big.")  \
    X(color, "color", LIST, .key = "colors", .max = 3, .check = check_color, .live = live_color,   \
      .doc = "Which colors. All of them.")                                                         \
    X(port, "port", PORT, .letter = 'p', .doc = "Where it listens.")                               \
    X(edge, "edge", NUMBER, .alias = "rim", .max = 9, .live = live_size,                           \
      .doc = "How wide its edge is.")                                                              \
    X(part, "part", NUMBER, .arg = "PERCENT", .def = "50", .max = 100, .doc = "How much of it.")   \
    X(key, "key", FILE, .live = live_file, .doc = "Its key.")

struct made_options {
    struct options head;
    MADE_OPTIONS(OPTIONS_MEMBER)
};

static int live_size(void *ctx, const struct options *before, char *words, size_t words_cap)
{
    struct process *p = ctx;

    (void)before, (void)words, (void)words_cap;
    p->sized++;
    p->size_when_called = p->in_force->size;
    return 0;
}

static int live_color(void *ctx, const struct options *before, char *words, size_t words_cap)
{
    struct process *p = ctx;

    (void)before;
    p->colored++;
    if (!p->stubborn)
        return 0;
    snprintf(words, words_cap, "no color today");
    return QHCP_E_IO;
}

static int live_file(void *ctx, const struct options *before, char *words, size_t words_cap)
{
    struct process *p = ctx;

    (void)before, (void)words, (void)words_cap;
    p->filed++;
    return 0;
}

static void check_made(const struct options *o, struct faults *f)
{
    const struct made_options *m = (const struct made_options *)o;

    options_check_pair(o, &m->color, &m->edge, f);
}

#define ROW(...) OPTIONS_ROW(struct made_options, __VA_ARGS__)
static const struct options_row rows[] = {MADE_OPTIONS(ROW)};
static const struct options_table table = OPTIONS_TABLE(struct made_options, check_made);
static const struct args_spec spec = {
    .options = &table, .name = "made", .doc = "Made.", .usage_status = 2};

static char words[900];

/* What *f says, in words; it is empty then. */
static int said(struct faults *f, int r)
{
    snprintf(words, sizeof words, "%s", faults_text(f));
    faults_deinit(f);
    return r;
}

static int parse(struct made_options *ret, const char *first, const char *second)
{
    char made[] = "made";
    char *argv[] = {made, (char *)(uintptr_t)first, (char *)(uintptr_t)second, NULL};

    struct faults f = {.n = 0};

    return said(&f, args_reload(&spec, second ? 3 : first ? 2 : 1, argv, NULL, &ret->head, &f));
}

static int yaml(struct made_options *ret, const char *text)
{
    struct faults f = {.n = 0};

    options_init(&ret->head, &table);
    return said(&f, yaml_parse("t.yaml", text, strlen(text), &ret->head, &f));
}

static void the_command_line_fills_the_members(void **state)
{
    struct made_options o;

    (void)state;
    assert_int_equal(parse(&o, NULL, NULL), 0);
    assert_int_equal(o.size, 7);
    assert_false(options_given(&o.head, &o.size));
    assert_int_equal(o.color.n, 0);
    assert_null(o.key);
    options_deinit(&o.head);
    assert_int_equal(parse(&o, "--color=red,blue", "--edge=2"), 0);
    assert_int_equal(o.color.n, 2);
    assert_string_equal(o.color.at[1], "blue");
    assert_int_equal(o.edge, 2);
    assert_true(options_given(&o.head, &o.edge));
    options_deinit(&o.head);
    assert_int_equal(parse(&o, "-p80", NULL), 0);
    assert_int_equal(o.port, 80);
    options_deinit(&o.head);
}

static void an_alias_is_the_same_option(void **state)
{
    struct made_options o;
    struct text t = {0};

    (void)state;
    assert_int_equal(parse(&o, "--color=red", "--rim=2"), 0);
    assert_int_equal(o.edge, 2);
    print_options(&o.head, &t);
    assert_says(t.at, "\nedge: 2");
    text_deinit(&t);
    options_deinit(&o.head);
    assert_int_equal(parse(&o, "--edge=1", "--rim=2"), QHCP_E_EXISTS);
    assert_int_equal(yaml(&o, "rim: 3\n"), 0);
    assert_int_equal(o.edge, 3);
    options_deinit(&o.head);
    assert_int_equal(yaml(&o, "rim: 3\nedge: 3\n"), QHCP_E_EXISTS);
    options_deinit(&o.head);
}

static void a_percentage_may_have_its_sign(void **state)
{
    static const char *const bad[] = {"--part=%", "--part=5%%", "--part=5%0", "--part=101%"};
    struct made_options o;

    (void)state;
    assert_int_equal(parse(&o, "--part=20%", NULL), 0);
    assert_int_equal(o.part, 20);
    options_deinit(&o.head);
    assert_int_equal(yaml(&o, "part: 30%\n"), 0);
    assert_int_equal(o.part, 30);
    options_deinit(&o.head);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_true(parse(&o, bad[i], NULL) < 0);
    assert_true(parse(&o, "--size=5%", NULL) < 0); /* which is no percentage */
}

static void the_owner_of_a_row_judges_its_entries_and_of_a_table_the_whole(void **state)
{
    struct made_options o;

    (void)state;
    assert_int_equal(parse(&o, "--color=red,pink", "--edge=2"), QHCP_E_ARG);
    assert_says(words, "--color: \"pink\" is taken");
    assert_int_equal(yaml(&o, "size: 3\ncolor: [red, pink]\n"), QHCP_E_ARG);
    assert_says(words, "t.yaml:2:14: \"pink\" is taken");
    options_deinit(&o.head);
    assert_int_equal(parse(&o, "--color=red", NULL), QHCP_E_ARG);
    assert_says(words, "--color goes with --edge: give both or neither");
    assert_int_equal(parse(&o, "--color=red", "--edge=2"), 0); /* the twin */
    options_deinit(&o.head);
}

static void a_configuration_fills_them_too(void **state)
{
    struct made_options o;

    (void)state;
    assert_int_equal(yaml(&o, "size: 3\ncolor:\n - red\nport: 4\n"), 0);
    assert_int_equal(o.size, 3);
    assert_int_equal(o.color.n, 1);
    assert_int_equal(o.port, 4);
    options_deinit(&o.head);
}

static void a_list_may_have_a_key_of_its_own_in_the_file(void **state)
{
    struct made_options o;
    struct text t = {0};

    (void)state;
    assert_int_equal(yaml(&o, "colors: [red]\ncolor: blue\n"), 0);
    assert_int_equal(o.color.n, 2);
    print_options(&o.head, &t);
    assert_says(t.at, "\ncolors:\n  - \"red\"");
    text_deinit(&t);
    options_deinit(&o.head);
    assert_int_equal(yaml(&o, "colours: [red]\n"), QHCP_E_PARSE);
    assert_says(words, "did you mean \"colors\"");
    options_deinit(&o.head);
    assert_int_equal(yaml(&o, "colors: {a: 1}\n"), QHCP_E_PARSE);
    assert_says(words, "t.yaml:1:9: colors: expected a list");
    options_deinit(&o.head);
    assert_int_equal(parse(&o, "--color=red", NULL), QHCP_E_ARG);
    assert_says(words, "--color goes with --edge"); /* the command line has the name */
}

static void a_manual_page_shows_each_row(void **state)
{
    char text[900] = "";
    FILE *out = fmemopen(text, sizeof text, "w");

    (void)state;
    options_doc_mdoc(out, "made", &table);
    fclose(out);
    assert_says(text, ".It Fl \\-size Ar COUNT\nHow big.\nDefault:\n.Cm 7 .\n");
    assert_says(text, ".It Fl \\-color Ar LIST\nWhich colors.\nAll of them.\n");
    assert_says(text, ".It Fl \\-edge , Fl \\-rim Ar COUNT\nHow wide its edge is.\n");
    assert_says(text, ".It Fl p , Fl \\-port Ar PORT\nWhere it listens.\n");
}

/* What --help prints, through a child, for it ends the process. */
static void help_shows_each_row(void **state)
{
    char text[2000] = "";
    int ends[2];
    size_t n = 0;
    ssize_t r;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    if (fork() == 0) {
        char made[] = "made", help[] = "--help";
        char *argv[] = {made, help, NULL};
        struct made_options o;

        dup2(ends[1], STDOUT_FILENO);
        args_parse(&spec, 2, argv, &o.head, NULL);
        _exit(1);
    }
    close(ends[1]);
    while ((r = read(ends[0], text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)r;
    close(ends[0]);
    assert_says(text, "--size=COUNT");
    assert_says(text, "How big. Default: 7.");
    assert_says(text, "-p, --port=PORT");
    assert_says(text, "Where it listens.");
}

static void change(struct made_options *in_force, const char *before, const char *after,
                   struct made_options *ret)
{
    assert_int_equal(yaml(in_force, before), 0);
    assert_int_equal(yaml(ret, after), 0);
}

static void what_changed_is_followed_once_and_nothing_else(void **state)
{
    struct made_options o, fresh;
    struct process p = {.in_force = &o};

    (void)state;
    change(&o, "size: 3\nedge: 1\ncolor: [red]\n", "size: 4\nedge: 2\ncolor: [red]\n", &fresh);
    assert_int_equal(change_apply(&p, &o.head, &fresh.head, NULL, words, sizeof words), 0);
    assert_int_equal(p.sized, 1); /* for two rows that differ */
    assert_int_equal(p.size_when_called, 4);
    assert_int_equal(p.colored, 0);
    assert_int_equal(p.filed, 1); /* a file may have changed under its name */
    assert_int_equal(o.size, 4);
    assert_int_equal(o.edge, 2);
    assert_int_equal(fresh.size, 3);
    options_deinit(&o.head);
    options_deinit(&fresh.head);
}

static void what_is_not_live_stays_and_is_named(void **state)
{
    struct made_options o, fresh;
    struct process p = {.in_force = &o};
    size_t i = 0;

    (void)state;
    change(&o, "port: 1\n", "port: 2\nsize: 4\n", &fresh);
    assert_string_equal(change_frozen(&o.head, &fresh.head, &i), "port");
    assert_null(change_frozen(&o.head, &fresh.head, &i));
    assert_int_equal(change_apply(&p, &o.head, &fresh.head, NULL, words, sizeof words), 0);
    assert_int_equal(o.port, 1);
    assert_int_equal(o.size, 4);
    i = 0;
    assert_string_equal(change_frozen(&o.head, &fresh.head, &i), "port"); /* it still differs */
    options_deinit(&o.head);
    options_deinit(&fresh.head);
}

static void a_change_that_fails_half_way_is_taken_back(void **state)
{
    struct made_options o, fresh;
    struct process p = {.in_force = &o, .stubborn = true};

    (void)state;
    change(&o, "size: 3\ncolor: [red]\n", "size: 4\ncolor: [blue]\n", &fresh);
    assert_int_equal(change_apply(&p, &o.head, &fresh.head, NULL, words, sizeof words), QHCP_E_IO);
    assert_says(words, "no color today");
    assert_int_equal(p.sized, 2);
    assert_int_equal(p.size_when_called, 3);
    assert_int_equal(p.filed, 0); /* it stands behind the one that failed */
    assert_int_equal(o.size, 3);
    assert_string_equal(o.color.at[0], "red");
    p.stubborn = false; /* the twin */
    assert_int_equal(change_apply(&p, &o.head, &fresh.head, NULL, words, sizeof words), 0);
    assert_int_equal(o.size, 4);
    assert_string_equal(o.color.at[0], "blue");
    options_deinit(&o.head);
    options_deinit(&fresh.head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command_line_fills_the_members),
        cmocka_unit_test(an_alias_is_the_same_option),
        cmocka_unit_test(a_percentage_may_have_its_sign),
        cmocka_unit_test(the_owner_of_a_row_judges_its_entries_and_of_a_table_the_whole),
        cmocka_unit_test(a_configuration_fills_them_too),
        cmocka_unit_test(a_list_may_have_a_key_of_its_own_in_the_file),
        cmocka_unit_test(a_manual_page_shows_each_row),
        cmocka_unit_test(help_shows_each_row),
        cmocka_unit_test(what_changed_is_followed_once_and_nothing_else),
        cmocka_unit_test(what_is_not_live_stays_and_is_named),
        cmocka_unit_test(a_change_that_fails_half_way_is_taken_back),
    };

    return cmocka_run_group_tests_name("conf-options", tests, NULL, NULL);
}
