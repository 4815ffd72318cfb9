/* A change of some options by name, and the copy that other threads read. */
#include "../words.h"

#include "conf/change.h"
#include "conf/patch.h"
#include "conf/yaml.h"
#include "daemon/lb_options.h"

static struct in_force in_force;
static struct lb_options options;
static char words[900];

static void begin(const char *yaml)
{
    struct faults f = {.n = 0};

    options_init(&options.head, &lb_options_table);
    options.head.no_files = true;
    if (yaml_parse("t.yaml", yaml, strlen(yaml), &options.head, &f) < 0)
        fail_msg("%s: %s", yaml, faults_text(&f));
    in_force_init(&in_force);
    in_force_put(&in_force, &options.head);
}

static void end(void)
{
    in_force_deinit(&in_force);
    options_deinit(&options.head);
}

static void make(struct patch *p)
{
    const struct in_force_copy *copy = in_force_hold(&in_force);

    assert_non_null(copy);
    assert_int_equal(patch_init(p, copy), 0);
    in_force_let_go(&in_force, copy);
}

/* Sets one option of a patch; text NULL: none.  What is wrong is in words. */
static bool set(struct patch *p, const char *name, const char *text)
{
    struct faults f = {.n = 0};
    const struct options_row *row = patch_row(p, name, &f);

    if (row && text)
        (void)patch_set(p, row, text, &f);
    if (row && f.n == 0)
        patch_take(p, row);
    snprintf(words, sizeof words, "%s", faults_text(&f));
    faults_deinit(&f);
    return words[0] == '\0';
}

static bool check(struct patch *p)
{
    struct faults f = {.n = 0};
    int r = patch_check(p, &f);

    snprintf(words, sizeof words, "%s", faults_text(&f));
    faults_deinit(&f);
    return r == 0;
}

/* Exchanges what the patch names; no live function of the load balancer is called. */
static void apply(struct patch *p)
{
    for (size_t i = 0; i < options.head.table->n; i++)
        if (p->rows[i])
            options_exchange(&options.head, p->options, &options.head.table->rows[i]);
}

static void a_copy_is_the_holders_however_the_options_change(void **state)
{
    const struct in_force_copy *old, *new;
    const struct lb_options *o;

    (void)state;
    begin("servers: [a:1, b:1]\nsources: [list c:1]\nid: here\nmetrics: [x, y]\nrise: 4\n");
    old = in_force_hold(&in_force);
    options_deinit(&options.head);
    options_init(&options.head, &lb_options_table);
    in_force_put(&in_force, &options.head);
    new = in_force_hold(&in_force);
    assert_int_equal(new->number, old->number + 1);
    o = (const struct lb_options *)old->options;
    assert_string_equal(o->id, "here");
    assert_string_equal(o->head.file, "t.yaml");
    assert_string_equal(o->metrics.at[1], "y");
    assert_int_equal(o->sources.n, 1);
    assert_int_equal(o->rise, 4);
    assert_int_equal(o->servers.n, 0); /* the fleet has them */
    assert_true(options_given(&o->head, &o->servers));
    assert_int_equal(((const struct lb_options *)new->options)->rise, 2);
    in_force_let_go(&in_force, old);
    in_force_let_go(&in_force, new);
    end();
}

static void what_is_named_changes_and_nothing_else(void **state)
{
    struct text t = {0};
    struct patch p;

    (void)state;
    begin("servers: [a:1]\nrise: 4\nhold: 1s\nmetrics: [x]\n");
    make(&p);
    assert_true(set(&p, "rise", "5"));
    assert_true(set(&p, "metrics", "y"));
    assert_true(set(&p, "brake", "20%"));
    assert_true(set(&p, "slow-start", "10s"));
    assert_int_equal(p.n, 4);
    assert_true(check(&p));
    apply(&p);
    assert_int_equal(options.rise, 5);
    assert_int_equal(options.hold, NSEC_PER_SEC);
    assert_int_equal(options.metrics.n, 1);
    assert_string_equal(options.metrics.at[0], "y");
    assert_string_equal(options.servers.at[0], "a:1");
    patch_words(&p, &options.head, &t);
    assert_string_equal(t.at, "rise is 5, was 4; slow-start stays 10s; brake is \"20%\", was none; "
                              "metrics is [\"y\"], was [\"x\"]");
    assert_true(options_asked(&options.head, options_find(options.head.table, "rise")));
    assert_false(options_asked(&options.head, options_find(options.head.table, "hold")));
    text_deinit(&t);
    patch_deinit(&p);
    end();
}

static void without_a_value_it_is_the_default(void **state)
{
    struct patch p;

    (void)state;
    begin("servers: [a:1]\nrise: 4\nbrake: 20%\nmetrics: [x]\n");
    make(&p);
    assert_true(set(&p, "rise", NULL) && set(&p, "brake", NULL) && set(&p, "metrics", NULL));
    assert_true(check(&p));
    apply(&p);
    assert_int_equal(options.rise, 2);
    assert_null(options.brake);
    assert_int_equal(options.metrics.n, 0);
    patch_deinit(&p);
    end();
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *name, *text, *words;
    } wrong[] = {
        {"rise", "0", "\"0\" is out of range"},
        {"ris", "3", "did you mean \"rise\"?"},
        {"config", "/x", "there is no option"},
        {"print-config", "true", "there is no option"},
        {"servers", "b:1", "only the configuration file changes this"},
        {"sources", "list b:1", "only the configuration file changes this"},
        {"source", "list b:1", "only the configuration file changes this"},
        {"cert-file", "/etc/passwd", "only the configuration file changes this"},
        {"port", "4000", "cannot change while the process runs"},
        {"insecure", "true", "cannot change while the process runs"},
        {"brake", "xx", "is not a brake"},
        {"balance", "best", "use round-robin"},
        {"metrics", "a,b", "is not a metric's name"},
        {"metrics", "@/etc/passwd", "is not a metric's name"},
    };
    struct patch p;

    (void)state;
    begin("servers: [a:1]\n");
    make(&p);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (set(&p, wrong[i].name, wrong[i].text))
            fail_msg("%s: %s was taken", wrong[i].name, wrong[i].text);
        assert_says(words, wrong[i].words);
    }
    assert_int_equal(p.n, 0);
    assert_true(set(&p, "rise", "3")); /* the twins */
    assert_true(set(&p, "balance", "random"));
    assert_false(set(&p, "rise", "4"));
    assert_says(words, "given twice");
    patch_deinit(&p);
    end();
}

/* Who may change options over the network brings in no command, no file and no address. */
static void nothing_that_names_files_commands_or_sources_changes_by_a_patch(void **state)
{
    const struct options_table *table = &lb_options_table;
    size_t now = 0;

    (void)state;
    for (size_t i = 0; i < table->n; i++) {
        const struct options_row *row = &table->rows[i];

        if (patch_way(row) != PATCH_NOW)
            continue;
        now++;
        assert_non_null(row->live);
        assert_true(row->kind != OPTIONS_FILE && row->kind != OPTIONS_ITEM && !row->fields);
        if (row->kind == OPTIONS_TEXT)
            assert_non_null(row->check); /* else it might be a path */
    }
    assert_in_range(now, 10, table->n);
    assert_int_equal(patch_way(options_find(table, "servers")), PATCH_RELOAD);
    assert_int_equal(patch_way(options_find(table, "port")), PATCH_RESTART);
}

static int ignore(void *ctx, const struct options *before, char *ret, size_t cap)
{
    (void)before, (void)ret, (void)cap;
    (*(unsigned *)ctx)++;
    return 0;
}

#define FEW_OPTIONS(X)                                                                             \
    X(size, "size", NUMBER, .max = 9, .live = ignore, .doc = "Size.")                              \
    X(key, "key", FILE, .live = ignore, .doc = "Key.")                                             \
    X(color, "color", LIST, .max = 9, .live = ignore, .doc = "Color.")

struct few_options {
    struct options head;
    FEW_OPTIONS(OPTIONS_MEMBER)
};
#define ROW(...) OPTIONS_ROW(struct few_options, __VA_ARGS__)
static const struct options_row rows[] = {FEW_OPTIONS(ROW)};
static const struct options_table few = OPTIONS_TABLE(struct few_options, NULL);

static void rows_that_are_not_named_stay_and_no_file_is_read_again(void **state)
{
    const bool which[OPTIONS_MAX] = {true}, files[OPTIONS_MAX] = {false, true};
    const char *yaml = "size: 3\ncolor: [red]\n";
    struct few_options o, fresh;
    struct faults f = {.n = 0};
    unsigned called = 0;

    (void)state;
    options_init(&o.head, &few);
    options_init(&fresh.head, &few);
    assert_int_equal(yaml_parse("t.yaml", yaml, strlen(yaml), &fresh.head, &f), 0);
    assert_int_equal(change_apply(&called, &o.head, &fresh.head, which, words, sizeof words), 0);
    assert_int_equal(called, 1);
    assert_int_equal(o.size, 3);
    assert_int_equal(o.color.n, 0);
    assert_int_equal(change_apply(&called, &o.head, &fresh.head, files, words, sizeof words), 0);
    assert_int_equal(called, 2); /* the twin: it is named */
    fresh.size = o.size;
    assert_int_equal(change_apply(&called, &o.head, &fresh.head, which, words, sizeof words), 0);
    assert_int_equal(called, 3); /* what is named is followed, though it is the same */
    options_deinit(&o.head);
    options_deinit(&fresh.head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_the_holders_however_the_options_change),
        cmocka_unit_test(what_is_named_changes_and_nothing_else),
        cmocka_unit_test(without_a_value_it_is_the_default),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(nothing_that_names_files_commands_or_sources_changes_by_a_patch),
        cmocka_unit_test(rows_that_are_not_named_stay_and_no_file_is_read_again),
    };

    return cmocka_run_group_tests_name("conf-patch", tests, NULL, NULL);
}
