/* Rotations, and bundles made anew: no server loses what it was promised. */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qhcp/error.h>

#define NOW PLACE_NOW
#define WEEK (7 * PLACE_DAY)
#define LB_A "a/" STATE_TOKEN_KEY
#define OLD_A "a/" STATE_TOKEN_KEY_OLD

/* One of the old keys as a file of its own, for exchange_ask. */
static void save_old(const struct place *p, size_t at, const char *file)
{
    json_t *doc = exchange_load(p, OLD_A);
    json_t *jwk = json_array_get(json_object_get(doc, "keys"), at);

    assert_non_null(jwk);
    exchange_save(p, file, json_incref(jwk));
    json_decref(doc);
}

static size_t count_old(const struct place *p)
{
    json_t *doc = exchange_load(p, OLD_A);
    size_t n = json_array_size(json_object_get(doc, "keys"));

    json_decref(doc);
    return n;
}

static void a_server_keeps_its_load_balancer_over_two_rotations(void **state)
{
    struct place *p = *state;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    MUST(exchange_rotate(p, "a", WEEK, NOW));
    place_says(p, "stays accepted for 7 days (until 2027-01-22)");
    MUST(exchange_rotate(p, "a", WEEK, NOW + 1));
    assert_int_equal(count_old(p), 2);
    save_old(p, 1, "first");
    assert_int_equal(exchange_ask(p, "b", "first", "b.example", NOW + 1, NULL), 0);
    assert_int_equal(exchange_ask(p, "a", "first", "localhost", NOW + WEEK - 1, NULL), 0);
    assert_int_equal(exchange_ask(p, "b", LB_A, "b.example", NOW + 1, NULL), QHCP_E_TOKEN_KEY);
}

static void a_shorter_grace_does_not_break_an_earlier_promise(void **state)
{
    struct place *p = *state;

    place_make(p, "a", NOW);
    MUST(exchange_rotate(p, "a", WEEK, NOW));
    MUST(exchange_rotate(p, "a", 3600, NOW));
    save_old(p, 1, "first");
    save_old(p, 0, "second");
    assert_int_equal(exchange_ask(p, "a", "first", "localhost", NOW + WEEK - 1, NULL), 0);
    assert_int_equal(exchange_ask(p, "a", "second", "localhost", NOW + 3600, NULL),
                     QHCP_E_TOKEN_KEY);
}

static void a_rotation_that_would_lose_a_server_is_refused_with_its_name(void **state)
{
    struct place *p = *state;
    uint8_t before[32];

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_export(p, "a", "d.example", "g", NOW));
    place_digest(place_path(p, "a"), before);
    assert_int_equal(exchange_rotate(p, "a", 0, NOW), QHCP_E_EXISTS);
    place_says(p, "b.example, d.example would no longer know a token key");
    place_says(p, "--force");
    place_same(before, place_path(p, "a"));
    MUST(exchange_rotate(p, "a", 3600, NOW)); /* the twin: the key is kept */
    assert_int_equal(exchange_rotate(p, "a", 3600, NOW + 3600), QHCP_E_EXISTS);
    MUST(exchange_export(p, "a", "d.example", "g", NOW + 3600));
    assert_int_equal(exchange_rotate(p, "a", 3600, NOW + 3600), QHCP_E_EXISTS);
    place_says(p, "b.example would no longer know");
    assert_null(strstr(p->words, "d.example"));
    MUST(exchange_export(p, "a", "b.example", "f", NOW + 3600));
    MUST(exchange_rotate(p, "a", 3600, NOW + 3600));
    MUST(exchange_rotate_force(p, "a", 0, NOW + 3600));
    place_says(p, "is no longer accepted");
}

static void a_server_whose_certificate_ended_holds_no_rotation_up(void **state)
{
    struct place *p = *state;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    assert_int_equal(exchange_rotate(p, "a", 0, NOW + 729 * PLACE_DAY), QHCP_E_EXISTS);
    MUST(exchange_rotate(p, "a", 0, NOW + 731 * PLACE_DAY));
}

static void the_number_of_old_keys_is_bounded(void **state)
{
    struct place *p = *state;

    place_make(p, "a", NOW);
    for (int i = 0; i < STATE_OLD_KEYS + 3; i++)
        MUST(exchange_rotate(p, "a", WEEK, NOW + i));
    assert_int_equal(count_old(p), STATE_OLD_KEYS);
    MUST(exchange_export(p, "a", "b.example", "f", NOW + 60));
    for (int i = 0; i < STATE_OLD_KEYS; i++)
        MUST(exchange_rotate(p, "a", WEEK, NOW + 61 + i));
    assert_int_equal(exchange_rotate(p, "a", WEEK, NOW + 90), QHCP_E_EXISTS);
    place_says(p, "b.example would no longer know");
}

static void the_one_old_key_of_an_earlier_version_is_kept(void **state)
{
    struct place *p = *state;

    place_make(p, "a", NOW);
    MUST(exchange_rotate(p, "a", WEEK, NOW));
    save_old(p, 0, "first");
    exchange_save(p, OLD_A, exchange_load(p, "first")); /* a JWK, not a set */
    MUST(exchange_rotate(p, "a", WEEK, NOW));
    assert_int_equal(count_old(p), 2);
    save_old(p, 1, "again");
    assert_int_equal(exchange_ask(p, "a", "again", "localhost", NOW, NULL), 0);
}

static void a_machine_of_servers_only_has_nothing_to_rotate(void **state)
{
    struct place *p = *state;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    assert_int_equal(exchange_rotate(p, "b", WEEK, NOW), QHCP_E_ARG);
    place_says(p, "no server accepts this machine's token key");
    MUST(exchange_rotate_force(p, "b", WEEK, NOW));
    MUST(exchange_rotate(p, "a", WEEK, NOW));
}

static void an_older_bundle_does_not_replace_a_newer_one(void **state)
{
    struct place *p = *state;
    uint8_t before[32];

    MUST(exchange_export(p, "a", "b.example", "first", NOW));
    MUST(exchange_rotate(p, "a", WEEK, NOW + 5));
    MUST(exchange_export(p, "a", "b.example", "second", NOW + 10));
    MUST(exchange_import(p, "b", "second", false, NOW + 10));
    place_digest(place_path(p, "b"), before);
    assert_int_equal(exchange_import(p, "b", "first", false, NOW + 20), QHCP_E_EXISTS);
    place_says(p, "(made 2027-01-15");
    place_says(p, "--force");
    place_same(before, place_path(p, "b"));
    MUST(exchange_import(p, "b", "second", false, NOW + 20)); /* the same once more */
    MUST(exchange_export(p, "a", "b.example", "third", NOW + 20));
    MUST(exchange_import(p, "b", "third", false, NOW + 20));
    MUST(exchange_import(p, "b", "first", true, NOW + 20));
}

static void the_two_kinds_of_bundles_do_not_make_each_other_old(void **state)
{
    struct place *p = *state;

    MUST(exchange_request(p, "c", "r", NOW));
    MUST(exchange_accept(p, "a", "r", "lb", NOW + 1));
    MUST(exchange_export(p, "a", "c.example", "server", NOW + 2));
    MUST(exchange_import(p, "c", "server", false, NOW + 3));
    MUST(exchange_import(p, "c", "lb", false, NOW + 4));
    MUST(exchange_import(p, "c", "server", false, NOW + 5));
}

static void names_of(const struct place *p, size_t at, char *ret, size_t cap)
{
    json_t *issued = exchange_load(p, "a/" STATE_ISSUED), *name;
    size_t i, n = 0;

    ret[0] = '\0';
    json_array_foreach(json_object_get(json_array_get(issued, at), "names"), i, name)
    {
        n += (size_t)snprintf(ret + n, cap - n, "%s%s", i ? "," : "", json_string_value(name));
    }
    json_decref(issued);
}

static void an_export_repeats_the_names_of_the_last_one(void **state)
{
    struct place *p = *state;
    char names[200];

    MUST(exchange_export(p, "a", "b.example, 10.0.0.2", "f", NOW));
    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    names_of(p, 0, names, sizeof names);
    assert_string_equal(names, "b.example,10.0.0.2");
    place_says(p, "10.0.0.2");
    MUST(exchange_export(p, "a", "b.example,10.0.0.2,b2.example", "f", NOW)); /* one name more */
    names_of(p, 0, names, sizeof names);
    assert_string_equal(names, "b.example,10.0.0.2,b2.example");
    MUST(exchange_export(p, "a", "d.example", "g", NOW)); /* another server */
    names_of(p, 1, names, sizeof names);
    assert_string_equal(names, "d.example");
}

static void a_file_is_replaced_only_when_told(void **state)
{
    struct place *p = *state;
    struct state s = place_make(p, "a", NOW);
    struct keys_export what = {.names = "b.example", .out = place_path(p, "f")};

    MUST(keys_export(&s, &what, NOW, p->words, sizeof p->words));
    assert_int_equal(keys_export(&s, &what, NOW, p->words, sizeof p->words), QHCP_E_EXISTS);
    place_says(p, "--force");
    what.force = true;
    MUST(keys_export(&s, &what, NOW, p->words, sizeof p->words));
}

static void all_servers_are_exported_into_a_directory(void **state)
{
    struct place *p = *state;

    assert_int_equal(exchange_export_all(p, "a", "all", false, NOW), QHCP_E_NOT_FOUND);
    MUST(exchange_export(p, "a", "b.example,10.0.0.2", "f", NOW));
    MUST(exchange_export(p, "a", "d.example", "g", NOW));
    MUST(exchange_request(p, "c", "r", NOW));
    MUST(exchange_accept(p, "a", "r", "h", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    MUST(exchange_rotate(p, "a", WEEK, NOW));
    MUST(exchange_export_all(p, "a", "all", false, NOW + 1));
    place_says(p, "bundles for 2 servers");
    MUST(exchange_import(p, "b", "all/b.example.bundle", false, NOW + 1));
    MUST(exchange_import(p, "d", "all/d.example.bundle", false, NOW + 1));
    assert_int_equal(exchange_ask(p, "b", LB_A, "10.0.0.2", NOW + 1, NULL), 0);
    assert_int_equal(exchange_ask(p, "d", LB_A, "d.example", NOW + 1, NULL), 0);
    assert_int_equal(exchange_export_all(p, "a", "all", false, NOW + 2), QHCP_E_EXISTS);
    MUST(exchange_export_all(p, "a", "all", true, NOW + 2));
}

static bool lacks_keys(struct place *p, size_t at)
{
    struct state s = place_make(p, "a", NOW);
    json_t *shown, *row;
    bool lacks;

    MUST(keys_show(&s, NOW, &shown, p->words, sizeof p->words));
    row = json_array_get(json_object_get(shown, "exported"), at);
    assert_true(json_is_boolean(json_object_get(row, "lacks_keys")));
    lacks = json_is_true(json_object_get(row, "lacks_keys"));
    json_decref(shown);
    return lacks;
}

static void what_is_shown_tells_who_needs_a_new_bundle(void **state)
{
    struct place *p = *state;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_export(p, "a", "d.example", "g", NOW));
    assert_true(!lacks_keys(p, 0) && !lacks_keys(p, 1));
    MUST(exchange_rotate(p, "a", WEEK, NOW));
    assert_true(lacks_keys(p, 0) && lacks_keys(p, 1));
    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    assert_true(lacks_keys(p, 0) && !lacks_keys(p, 1)); /* the newest row is the last */
}

static void an_import_judges_the_content_before_the_mode(void **state)
{
    struct place *p = *state;

    place_make(p, "b", NOW);
    place_write(place_path(p, "passwd"), "root:x:0:0:root:/root:/bin/bash\n", 0644);
    assert_int_equal(exchange_import(p, "b", "passwd", false, NOW), QHCP_E_PARSE);
    place_says(p, "is not a bundle");
    assert_null(strstr(p->words, "chmod"));
    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    assert_int_equal(chmod(place_path(p, "f"), 0644), 0);
    assert_int_equal(exchange_import(p, "b", "f", false, NOW), QHCP_E_PERMISSION);
    place_says(p, "chmod 600");
    assert_int_equal(chmod(place_path(p, "f"), 0600), 0);
    MUST(exchange_import(p, "b", "f", false, NOW));
}

static void who_only_checks_gets_no_other_right(void **state)
{
    struct place *p = *state;
    unsigned scopes = 0;
    json_t *request, *jwk;

    MUST(exchange_request_check(p, "c", "r", NOW));
    MUST(exchange_accept(p, "a", "r", "h", NOW));
    place_says(p, "check servers and do nothing else");
    MUST(exchange_import(p, "c", "h", false, NOW));
    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    assert_int_equal(exchange_ask(p, "b", "c/" STATE_TOKEN_KEY, "b.example", NOW, &scopes), 0);
    assert_int_equal(scopes, AUTH_SCOPE_HEALTH);
    request = exchange_load(p, "r");
    jwk = json_object_get(request, "jwk");
    json_object_set_new(jwk, "scope", json_string("health config"));
    exchange_save(p, "more", request);
    assert_int_equal(exchange_accept(p, "a", "more", "i", NOW), QHCP_E_PARSE);
    place_says(p, "permits more than checks");
    MUST(exchange_request(p, "c", "r", NOW)); /* the twin: a load balancer's request */
    MUST(exchange_accept(p, "a", "r", "h", NOW));
    place_says(p, "do all that load balancers do");
    assert_int_equal(exchange_ask(p, "a", "c/" STATE_TOKEN_KEY, "localhost", NOW, &scopes), 0);
    assert_int_equal(scopes, AUTH_SCOPE_ALL);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_server_keeps_its_load_balancer_over_two_rotations),
        ROW(a_shorter_grace_does_not_break_an_earlier_promise),
        ROW(a_rotation_that_would_lose_a_server_is_refused_with_its_name),
        ROW(a_server_whose_certificate_ended_holds_no_rotation_up),
        ROW(the_number_of_old_keys_is_bounded),
        ROW(the_one_old_key_of_an_earlier_version_is_kept),
        ROW(a_machine_of_servers_only_has_nothing_to_rotate),
        ROW(an_older_bundle_does_not_replace_a_newer_one),
        ROW(the_two_kinds_of_bundles_do_not_make_each_other_old),
        ROW(an_export_repeats_the_names_of_the_last_one),
        ROW(a_file_is_replaced_only_when_told),
        ROW(all_servers_are_exported_into_a_directory),
        ROW(what_is_shown_tells_who_needs_a_new_bundle),
        ROW(who_only_checks_gets_no_other_right),
        ROW(an_import_judges_the_content_before_the_mode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
