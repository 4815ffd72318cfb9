/* Trust goes from one machine to another, and only as far as it should. */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "state/pki.h"
#include "state/stored.h"

#define NOW PLACE_NOW
#define LB_A "a/" STATE_TOKEN_KEY
#define LB_C "c/" STATE_TOKEN_KEY
#define CHECK_B "b/" STATE_CHECK_KEY

static void a_server_s_machine_imports_what_it_needs(void **state)
{
    struct place *p = *state;
    struct state s;
    struct stat st;

    MUST(exchange_export(p, "a", "b.example,10.0.0.2", "f", NOW));
    place_says(p, "qhcp keys import");
    assert_int_equal(stat(place_path(p, "f"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    MUST(exchange_import(p, "b", "f", false, NOW));
    place_says(p, "b.example, 10.0.0.2");
    s = place_make(p, "b", NOW);
    assert_true(s.imported);
    assert_int_not_equal(access(place_path(p, "b/" STATE_CA_KEY), F_OK), 0);
    assert_int_equal(exchange_ask(p, "b", LB_A, "b.example", NOW, NULL), 0);
}

static void the_imported_certificate_is_the_ca_s_for_the_names_and_two_years(void **state)
{
    const struct words silent = {NULL, 0};
    struct place *p = *state;
    struct stored_pair server, ca;
    struct names *names = calloc(1, sizeof *names);

    MUST(exchange_export(p, "a", "b.example,10.0.0.2", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    assert_int_equal(stored_pair(place_path(p, "b"), STATE_CERT, STATE_KEY, &server, &silent), 0);
    assert_int_equal(stored_ca(place_path(p, "a"), &ca, &silent), 0);
    assert_true(pki_issued_by(server.crt, ca.crt) && pki_is_server(server.crt));
    assert_int_equal(gnutls_x509_crt_get_expiration_time(server.crt), NOW + 730 * PLACE_DAY);
    pki_names(server.crt, names);
    assert_int_equal(names->n, 5);
    assert_true(names_have(names, "b.example") && names_have(names, "10.0.0.2"));
    assert_true(names_have(names, "localhost") && names_have(names, "127.0.0.1") &&
                names_have(names, "::1")); /* for `qhcp check localhost` on that machine */
    stored_pair_deinit(&server);
    stored_pair_deinit(&ca);
    free(names);
}

static void a_server_s_own_key_asks_that_server_for_its_health_and_nobody_else(void **state)
{
    struct place *p = *state;
    unsigned scopes = 0;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    MUST(exchange_export(p, "a", "d.example", "g", NOW));
    MUST(exchange_import(p, "d", "g", false, NOW));
    assert_int_equal(exchange_ask(p, "b", CHECK_B, "b.example", NOW, &scopes), 0);
    assert_int_equal(scopes, AUTH_SCOPE_HEALTH);
    assert_int_equal(exchange_ask(p, "b", CHECK_B, "localhost", NOW, NULL), 0);
    assert_int_equal(exchange_ask(p, "b", CHECK_B, "d.example", NOW, NULL), QHCP_E_TOKEN_AUDIENCE);
    assert_int_equal(exchange_ask(p, "d", CHECK_B, "d.example", NOW, NULL), QHCP_E_TOKEN_KEY);
    assert_int_equal(exchange_ask(p, "a", CHECK_B, "localhost", NOW, NULL), QHCP_E_TOKEN_KEY);
    assert_int_equal(exchange_ask(p, "b", "b/" STATE_TOKEN_KEY, "b.example", NOW, NULL),
                     QHCP_E_TOKEN_KEY);
}

/* Is a line of the file `secret` (a PEM or JSON text), other than its frame, in `text`? */
static bool leaks(const char *text, const char *secret)
{
    char *copy = strdup(secret), *save = NULL;
    bool found = false;

    for (char *line = strtok_r(copy, "\n\",: {}", &save); line;
         line = strtok_r(NULL, "\n\",: {}", &save))
        if (strlen(line) > 40 && !strstr(line, "-----") && strstr(text, line))
            found = true;
    free(copy);
    return found;
}

static void a_bundle_has_no_ca_key_and_no_key_that_another_server_accepts(void **state)
{
    static const char *const secrets[] = {"a/" STATE_CA_KEY, "a/" STATE_KEY};
    struct place *p = *state;
    json_t *lb, *trust;
    char *bundle, *secret;

    place_make(p, "a", NOW);
    trust = exchange_load(p, "a/" STATE_TRUST);
    json_array_append_new(json_object_get(trust, "keys"),
                          json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kty", "oct", "kid", "shared",
                                    "alg", "HS256", "iss", "outside", "scope", "health", "k",
                                    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"));
    exchange_save(p, "a/" STATE_TRUST, trust);
    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    bundle = place_read(place_path(p, "f"), NULL);
    for (size_t i = 0; i < 2; i++) {
        secret = place_read(place_path(p, secrets[i]), NULL);
        assert_true(leaks(secret, secret));
        assert_false(leaks(bundle, secret));
        free(secret);
    }
    lb = exchange_load(p, LB_A);
    assert_null(strstr(bundle, json_string_value(json_object_get(lb, "d"))));
    assert_non_null(strstr(bundle, json_string_value(json_object_get(lb, "x"))));
    assert_null(strstr(bundle, "shared"));
    json_decref(lb);
    free(bundle);
}

static void two_exports_share_no_key(void **state)
{
    struct place *p = *state;
    json_t *f, *g;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_export(p, "a", "b.example", "g", NOW));
    f = exchange_load(p, "f");
    g = exchange_load(p, "g");
    assert_false(json_equal(json_object_get(f, "key"), json_object_get(g, "key")));
    assert_false(json_equal(json_object_get(f, "check_key"), json_object_get(g, "check_key")));
    assert_true(json_equal(json_object_get(f, "ca"), json_object_get(g, "ca")));
    json_decref(f);
    json_decref(g);
}

static void an_export_that_fails_changes_nothing(void **state)
{
    static const struct {
        const char *names, *file;
        int want;
        const char *says;
    } rows[] = {{"b.example", "none/f", QHCP_E_NOT_FOUND, "none/f"},
                {"b.example", "other", QHCP_E_EXISTS, "not a bundle"},
                {"b.example", "dir", QHCP_E_IO, "directory"},
                {"b.example:4243", "f", QHCP_E_PARSE, "port"},
                {"", "f", QHCP_E_PARSE, "empty"},
                {"b,b", "f", QHCP_E_PARSE, "twice"}};
    struct place *p = *state;
    uint8_t before[32];

    place_make(p, "a", NOW);
    place_write(place_path(p, "other"), "not ours", 0600);
    assert_int_equal(mkdir(place_path(p, "dir"), 0700), 0);
    place_digest(p->root, before);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(exchange_export(p, "a", rows[i].names, rows[i].file, NOW), rows[i].want);
        place_says(p, rows[i].says);
        place_same(before, p->root);
    }
    MUST(exchange_export(p, "a", "b", "f", NOW));
    MUST(exchange_export(p, "a", "b", "f", NOW)); /* an older bundle is replaced */
}

static void who_imported_a_ca_can_issue_nothing(void **state)
{
    struct place *p = *state;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    MUST(exchange_request(p, "c", "r", NOW));
    assert_int_equal(exchange_export(p, "b", "x.example", "g", NOW), QHCP_E_NOT_FOUND);
    place_says(p, "imported its CA");
    assert_int_equal(exchange_accept(p, "b", "r", "g", NOW), QHCP_E_NOT_FOUND);
    place_says(p, "imported its CA");
    MUST(exchange_accept(p, "a", "r", "g", NOW));
}

static void the_same_ca_is_imported_again_another_one_by_force_only(void **state)
{
    struct place *p = *state;
    uint8_t before[32];

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_export(p, "other", "b.example", "g", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    place_digest(place_path(p, "b"), before);
    assert_int_equal(exchange_import(p, "b", "g", false, NOW), QHCP_E_EXISTS);
    place_says(p, "--force");
    place_same(before, place_path(p, "b"));
    MUST(exchange_import(p, "b", "g", true, NOW));
    assert_int_equal(exchange_ask(p, "b", "other/" STATE_TOKEN_KEY, "b.example", NOW, NULL), 0);
    assert_int_equal(exchange_ask(p, "b", LB_A, "b.example", NOW, NULL), QHCP_E_TOKEN_KEY);
}

static void
a_ca_that_others_depend_on_is_replaced_by_force_only_and_never_by_its_own_bundle(void **state)
{
    struct place *p = *state;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    assert_int_equal(exchange_import(p, "a", "f", false, NOW), QHCP_E_EXISTS);
    place_says(p, "this machine made");
    assert_int_equal(exchange_import(p, "a", "f", true, NOW), QHCP_E_EXISTS);
    MUST(exchange_export(p, "other", "a.example", "g", NOW));
    assert_int_equal(exchange_import(p, "a", "g", false, NOW), QHCP_E_EXISTS);
    place_says(p, "exported to 1 other");
    assert_int_equal(access(place_path(p, "a/" STATE_CA_KEY), F_OK), 0);
    MUST(exchange_import(p, "a", "g", true, NOW));
    assert_int_not_equal(access(place_path(p, "a/" STATE_CA_KEY), F_OK), 0);
}

static void a_second_load_balancer_is_accepted_and_servers_learn_it_from_a_new_export(void **state)
{
    struct place *p = *state;
    json_t *before, *after;
    struct state s;
    char *cert, *key;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    MUST(exchange_request(p, "c", "r", NOW));
    before = exchange_load(p, LB_C);
    MUST(exchange_accept(p, "a", "r", "g", NOW));
    MUST(exchange_import(p, "c", "g", false, NOW));
    after = exchange_load(p, LB_C);
    assert_true(json_equal(before, after)); /* it keeps its own token key */
    json_decref(before);
    json_decref(after);
    s = place_make(p, "c", NOW);
    assert_true(s.imported);
    assert_int_equal(state_load_server(&s, &cert, &key, p->words, sizeof p->words),
                     QHCP_E_NOT_FOUND);
    place_says(p, "qhcp keys export --server");
    assert_int_equal(exchange_ask(p, "a", LB_C, "localhost", NOW, NULL), 0);
    assert_int_equal(exchange_ask(p, "b", LB_C, "b.example", NOW, NULL), QHCP_E_TOKEN_KEY);
    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    assert_int_equal(exchange_ask(p, "b", LB_C, "b.example", NOW, NULL), 0);
    MUST(exchange_export(p, "a", "c.example", "h", NOW));
    MUST(exchange_import(p, "c", "h", false, NOW)); /* servers on its machine too */
    s = place_make(p, "c", NOW);
    assert_int_equal(state_load_server(&s, &cert, &key, p->words, sizeof p->words), 0);
    free(cert);
    free(key);
}

static void a_bundle_for_another_load_balancer_or_an_older_key_is_refused(void **state)
{
    struct place *p = *state;
    uint8_t before[32];

    MUST(exchange_request(p, "c", "r", NOW));
    MUST(exchange_accept(p, "a", "r", "g", NOW));
    place_make(p, "d", NOW);
    place_digest(place_path(p, "d"), before);
    assert_int_equal(exchange_import(p, "d", "g", false, NOW), QHCP_E_ARG);
    place_says(p, "another load balancer");
    place_same(before, place_path(p, "d"));
    MUST(exchange_import(p, "c", "g", false, NOW));
    MUST(exchange_rotate(p, "c", 3600, NOW));
    assert_int_equal(exchange_import(p, "c", "g", false, NOW), QHCP_E_ARG);
    MUST(exchange_request(p, "c", "r", NOW));
    MUST(exchange_accept(p, "a", "r", "g", NOW));
    MUST(exchange_import(p, "c", "g", false, NOW));
    assert_int_equal(exchange_ask(p, "a", LB_C, "localhost", NOW, NULL), 0);
}

static void a_load_balancer_that_asks_again_with_a_new_key_retires_its_old_one(void **state)
{
    struct place *p = *state;
    json_t *old;

    MUST(exchange_request(p, "c", "r", NOW));
    MUST(exchange_accept(p, "a", "r", "g", NOW));
    old = exchange_load(p, LB_C);
    exchange_save(p, "old", old);
    MUST(exchange_rotate(p, "c", 0, NOW));
    MUST(exchange_request(p, "c", "r", NOW));
    MUST(exchange_accept(p, "a", "r", "g", NOW));
    assert_int_equal(exchange_ask(p, "a", LB_C, "localhost", NOW, NULL), 0);
    assert_int_equal(exchange_ask(p, "a", "old", "localhost", NOW + KEYS_GRACE - 1, NULL), 0);
    assert_int_equal(exchange_ask(p, "a", "old", "localhost", NOW + KEYS_GRACE, NULL),
                     QHCP_E_TOKEN_KEY);
    assert_int_equal(exchange_ask(p, "a", LB_A, "localhost", NOW + KEYS_GRACE, NULL), 0);
}

static void rotation_accepts_the_old_key_until_its_time(void **state)
{
    struct place *p = *state;
    struct stat st;

    place_make(p, "a", NOW);
    exchange_save(p, "old", exchange_load(p, LB_A));
    MUST(exchange_rotate(p, "a", 3600, NOW));
    assert_int_equal(exchange_ask(p, "a", LB_A, "localhost", NOW, NULL), 0);
    assert_int_equal(exchange_ask(p, "a", "old", "localhost", NOW + 3599, NULL), 0);
    assert_int_equal(exchange_ask(p, "a", "old", "localhost", NOW + 3600, NULL), QHCP_E_TOKEN_KEY);
    assert_int_equal(stat(place_path(p, LB_A), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(place_path(p, "a/" STATE_TOKEN_KEY_OLD), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    MUST(exchange_rotate(p, "a", 0, NOW + 7200));
    assert_int_not_equal(stat(place_path(p, "a/" STATE_TOKEN_KEY_OLD), &st), 0);
    assert_int_equal(exchange_ask(p, "a", LB_A, "localhost", NOW + 7200, NULL), 0);
    assert_int_equal(exchange_rotate(p, "a", -1, NOW), QHCP_E_ARG);
    assert_int_equal(exchange_rotate(p, "a", KEYS_GRACE_MAX + 1, NOW), QHCP_E_ARG);
}

static void exports_during_a_rotation_bring_both_keys(void **state)
{
    struct place *p = *state;

    place_make(p, "a", NOW);
    exchange_save(p, "old", exchange_load(p, LB_A));
    MUST(exchange_rotate(p, "a", 3600, NOW));
    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    assert_int_equal(exchange_ask(p, "b", LB_A, "b.example", NOW, NULL), 0);
    assert_int_equal(exchange_ask(p, "b", "old", "b.example", NOW + 3599, NULL), 0);
    assert_int_equal(exchange_ask(p, "b", "old", "b.example", NOW + 3601, NULL), QHCP_E_TOKEN_KEY);
}

static void what_is_shown_has_names_ends_and_no_secret(void **state)
{
    static const char *const secrets[] = {"a/" STATE_CA_KEY, "a/" STATE_KEY};
    struct place *p = *state;
    json_t *shown, *row, *lb = NULL;
    struct state s;
    char *text, *secret;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_rotate(p, "a", 3600, NOW));
    s = place_make(p, "a", NOW);
    MUST(keys_show(&s, NOW, &shown, p->words, sizeof p->words));
    assert_int_equal(json_array_size(json_object_get(shown, "problems")), 0);
    row = json_object_get(shown, "ca");
    assert_string_equal(json_string_value(json_object_get(row, "origin")), "automatic");
    assert_int_equal(json_integer_value(json_object_get(row, "days")), 3650);
    row = json_array_get(json_object_get(shown, "exported"), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "days")), 730);
    assert_int_equal(json_array_size(json_object_get(shown, "accepted_keys")), 2);
    text = json_dumps(shown, 0);
    for (size_t i = 0; i < 2; i++) {
        secret = place_read(place_path(p, secrets[i]), NULL);
        assert_false(leaks(text, secret));
        free(secret);
    }
    lb = exchange_load(p, LB_A);
    assert_null(strstr(text, json_string_value(json_object_get(lb, "d"))));
    assert_non_null(strstr(text, json_string_value(json_object_get(lb, "kid"))));
    json_decref(lb);
    json_decref(shown);
    free(text);
}

static void a_damaged_piece_is_shown_as_a_problem_beside_the_others(void **state)
{
    struct place *p = *state;
    struct state s = place_make(p, "a", NOW);
    json_t *shown;

    place_write(place_path(p, LB_A), "garbage", 0600);
    MUST(keys_show(&s, NOW, &shown, p->words, sizeof p->words));
    assert_int_equal(json_array_size(json_object_get(shown, "problems")), 1);
    assert_non_null(strstr(json_string_value(json_array_get(json_object_get(shown, "problems"), 0)),
                           STATE_TOKEN_KEY));
    assert_non_null(json_object_get(shown, "ca"));
    json_decref(shown);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_server_s_machine_imports_what_it_needs),
        ROW(the_imported_certificate_is_the_ca_s_for_the_names_and_two_years),
        ROW(a_server_s_own_key_asks_that_server_for_its_health_and_nobody_else),
        ROW(a_bundle_has_no_ca_key_and_no_key_that_another_server_accepts),
        ROW(two_exports_share_no_key),
        ROW(an_export_that_fails_changes_nothing),
        ROW(who_imported_a_ca_can_issue_nothing),
        ROW(the_same_ca_is_imported_again_another_one_by_force_only),
        ROW(a_ca_that_others_depend_on_is_replaced_by_force_only_and_never_by_its_own_bundle),
        ROW(a_second_load_balancer_is_accepted_and_servers_learn_it_from_a_new_export),
        ROW(a_bundle_for_another_load_balancer_or_an_older_key_is_refused),
        ROW(a_load_balancer_that_asks_again_with_a_new_key_retires_its_old_one),
        ROW(rotation_accepts_the_old_key_until_its_time),
        ROW(exports_during_a_rotation_bring_both_keys),
        ROW(what_is_shown_has_names_ends_and_no_secret),
        ROW(a_damaged_piece_is_shown_as_a_problem_beside_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
