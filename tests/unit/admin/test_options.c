/* The options as JSON, and a JSON object that changes them. */
#include "../words.h"

#include "admin/admin_options.h"
#include "conf/yaml.h"
#include "daemon/lb_options.h"

static struct in_force in_force;
static struct lb_options options;
static const struct in_force_copy *copy;

static int setup(void **state)
{
    static const char yaml[] = "servers: [a:1]\nrise: 4\nbrake: 20%\nmetrics: [x, y]\n"
                               "id: \"a \\\"b\"\nliveness: listen\n";
    struct faults f = {.n = 0};

    (void)state;
    options_init(&options.head, &lb_options_table);
    options.head.no_files = true;
    if (yaml_parse("t.yaml", yaml, strlen(yaml), &options.head, &f) < 0)
        return -1;
    in_force_init(&in_force);
    in_force_put(&in_force, &options.head);
    copy = in_force_hold(&in_force);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    in_force_let_go(&in_force, copy);
    in_force_deinit(&in_force);
    options_deinit(&options.head);
    return 0;
}

static json_t *shown(const struct options *o)
{
    struct text t = {0};
    json_error_t e;
    json_t *json;

    admin_options_json(&t, o, true);
    json = json_loadb(t.at, t.n, JSON_REJECT_DUPLICATES, &e);
    if (!json)
        fail_msg("%s at %d of %s", e.text, e.position, t.at);
    text_deinit(&t);
    return json;
}

/* The faults of a body, as JSON; "" for none: then *p is made. */
static size_t patch(struct patch *p, const char *body, struct text *faults)
{
    json_t *json = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
    size_t n;

    assert_non_null(json);
    assert_int_equal(patch_init(p, copy), 0);
    n = admin_options_patch(p, json, faults);
    json_decref(json);
    return n;
}

static const char *text_of(const json_t *options_json, const char *name, const char *member)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(options_json, name), member));

    return text ? text : "";
}

static void each_option_has_its_value_and_its_place(void **state)
{
    json_t *json = shown(copy->options), *all = json_object_get(json, "options");
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < options.head.table->n; i++)
        n += options_in_file(&options.head.table->rows[i]);
    assert_int_equal(json_object_size(all), n);
    assert_string_equal(json_string_value(json_object_get(json, "file")), "t.yaml");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(all, "rise"), "value")), 4);
    assert_string_equal(text_of(all, "rise", "from"), "t.yaml:2:7");
    assert_string_equal(text_of(all, "rise", "changes"), "now");
    assert_string_equal(text_of(all, "rise", "expected"), "a whole number from 1 to 1000");
    assert_string_equal(text_of(all, "id", "value"), "a \"b");
    assert_string_equal(text_of(all, "id", "changes"), "restart");
    assert_string_equal(text_of(all, "slow-start", "value"), "10s");
    assert_string_equal(text_of(all, "slow-start", "from"), "default");
    assert_true(json_is_null(json_object_get(json_object_get(all, "servers"), "value")));
    assert_true(json_is_null(json_object_get(json_object_get(all, "min-silence"), "value")));
    assert_int_equal(json_array_size(json_object_get(json, "unsaved")), 0);
    json_decref(json);
}

/* What is shown can be sent back as it is. */
static void what_is_shown_is_what_a_change_takes(void **state)
{
    json_t *json = shown(copy->options), *all = json_object_get(json, "options"), *body, *option;
    struct text faults = {0};
    const char *name;
    struct patch p;
    char *sent;

    (void)state;
    body = json_object();
    json_object_foreach(all, name, option)
    {
        if (strcmp(text_of(all, name, "changes"), "now") == 0)
            json_object_set(body, name, json_object_get(option, "value"));
    }
    sent = json_dumps(body, 0);
    if (patch(&p, sent, &faults) != 0)
        fail_msg("%s: %s", sent, faults.at);
    assert_int_equal(p.n, json_object_size(body));
    for (size_t i = 0; i < options.head.table->n; i++)
        if (options_differ(p.options, copy->options, &options.head.table->rows[i]))
            fail_msg("%s", options.head.table->rows[i].name);
    json_decref(json);
    json = shown(p.options);
    assert_int_equal(json_array_size(json_object_get(json, "unsaved")), p.n);
    assert_string_equal(text_of(json_object_get(json, "options"), "rise", "from"),
                        "admin interface");
    assert_string_not_equal(json_string_value(json_object_get(json, "note")), "");
    patch_deinit(&p);
    free(sent);
    json_decref(body);
    json_decref(json);
}

static void every_fault_is_named_with_its_value_and_what_was_expected(void **state)
{
    struct text faults = {0};
    struct patch p;

    (void)state;
    assert_int_equal(patch(&p,
                           "{\"rise\":0,\"slow-start\":{},\"balanse\":\"random\",\"metrics\":"
                           "[\"a\",\"B\",[]],\"port\":1,\"hold\":\"1s\"}",
                           &faults),
                     7);
    assert_int_equal(p.n, 0);
    assert_says(faults.at,
                "{\"message\":\"\\\"0\\\" is out of range: a number is 1 to 1000\",\"option\":"
                "\"rise\",\"value\":0,\"expected\":\"a whole number from 1 to 1000\"}");
    assert_says(faults.at, "\"option\":\"slow-start\",\"value\":{},\"expected\":\"a duration");
    assert_says(faults.at, "did you mean \\\"balance\\\"?\",\"option\":\"balanse\"");
    assert_says(faults.at, "\\\"B\\\" is not a metric's name");
    text_deinit(&faults);
    patch_deinit(&p);
    assert_int_equal(patch(&p,
                           "{\"rise\":1,\"slow-start\":1.5,\"balance\":\"random\",\"metrics\":"
                           "[\"a\"],\"liveness-interval\":null}",
                           &faults),
                     0); /* the twin */
    assert_int_equal(((struct lb_options *)p.options)->slow_start, 1500 * NSEC_PER_MSEC);
    assert_int_equal(p.n, 5);
    patch_deinit(&p);
}

static void a_crowd_of_members_is_one_fault(void **state)
{
    struct text body = {0}, faults = {0};
    struct patch p;

    (void)state;
    for (int i = 0; i < 1000; i++)
        text_printf(&body, "%s\"x%d\":1", i ? "," : "{", i);
    text_add(&body, "}");
    assert_int_equal(patch(&p, body.at, &faults), 1);
    assert_says(faults.at, "more members than there are options");
    text_deinit(&body);
    text_deinit(&faults);
    patch_deinit(&p);
}

static void a_tag_is_of_what_is_in_force(void **state)
{
    static const char *const good[] = {"\"a\"", "*", "\"b\", \"a\"", " \"a\" ", "W/\"x\",\"a\""};
    static const char *const bad[] = {"", "\"b\"", "a", "W/\"a\"", "\"a", "\"aa\"", "**"};
    char tag[ADMIN_OPTIONS_TAG], other[ADMIN_OPTIONS_TAG];
    struct text t = {0};

    (void)state;
    admin_options_json(&t, copy->options, true);
    admin_options_tag(&t, tag);
    assert_int_equal(strlen(tag), 18);
    text_add(&t, " ");
    admin_options_tag(&t, other);
    assert_string_not_equal(tag, other);
    text_deinit(&t);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!admin_options_match(good[i], "\"a\""))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (admin_options_match(bad[i], "\"a\""))
            fail_msg("%s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_option_has_its_value_and_its_place),
        cmocka_unit_test(what_is_shown_is_what_a_change_takes),
        cmocka_unit_test(every_fault_is_named_with_its_value_and_what_was_expected),
        cmocka_unit_test(a_crowd_of_members_is_one_fault),
        cmocka_unit_test(a_tag_is_of_what_is_in_force),
    };

    return cmocka_run_group_tests_name("admin-options", tests, setup, teardown);
}
