/* Bundles and requests that were tampered with, or are not what they should be: each is refused
 * with the reason and changes nothing; the untouched one is accepted. */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "state/bundle.h"
#include "state/pki.h"

#define NOW PLACE_NOW

static void set(json_t *doc, const char *name, json_t *value)
{
    assert_int_equal(json_object_set_new(doc, name, value), 0);
}

static void unknown_member(json_t *doc, const json_t *other)
{
    (void)other;
    set(doc, "extra", json_true());
}

static void no_key(json_t *doc, const json_t *other)
{
    (void)other;
    json_object_del(doc, "key");
}

static void key_of_wrong_type(json_t *doc, const json_t *other)
{
    (void)other;
    set(doc, "key", json_integer(1));
}

static void later_version(json_t *doc, const json_t *other)
{
    (void)other;
    set(doc, "qhcp_bundle", json_integer(2));
}

static void unknown_type(json_t *doc, const json_t *other)
{
    (void)other;
    set(doc, "type", json_string("proxy"));
}

static void no_bundle(json_t *doc, const json_t *other)
{
    (void)other;
    json_object_del(doc, "qhcp_bundle");
}

static void a_request(json_t *doc, const json_t *other)
{
    (void)other;
    json_object_del(doc, "qhcp_bundle");
    set(doc, "qhcp_request", json_integer(1));
}

static void key_of_another(json_t *doc, const json_t *other)
{
    set(doc, "key", json_copy(json_object_get(other, "key")));
}

static void ca_of_another(json_t *doc, const json_t *other)
{
    set(doc, "ca", json_copy(json_object_get(other, "ca")));
}

static void ca_is_a_leaf(json_t *doc, const json_t *other)
{
    (void)other;
    set(doc, "ca", json_copy(json_object_get(doc, "certificate")));
}

static void certificate_is_the_ca(json_t *doc, const json_t *other)
{
    (void)other;
    set(doc, "certificate", json_copy(json_object_get(doc, "ca")));
}

static void two_certificates(json_t *doc, const json_t *other)
{
    const char *a = json_string_value(json_object_get(doc, "certificate"));
    const char *b = json_string_value(json_object_get(other, "certificate"));

    set(doc, "certificate", json_sprintf("%s%s", a, b));
}

static void no_pem(json_t *doc, const json_t *other)
{
    (void)other;
    set(doc, "ca", json_string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

static json_t *first_key(json_t *doc)
{
    return json_array_get(json_object_get(json_object_get(doc, "keys"), "keys"), 0);
}

static void keys_without_list(json_t *doc, const json_t *other)
{
    (void)other;
    set(doc, "keys", json_object());
}

static void private_key_among_the_public(json_t *doc, const json_t *other)
{
    set(first_key(doc), "d", json_copy(json_object_get(json_object_get(other, "check_key"), "d")));
}

static void shared_secret(json_t *doc, const json_t *other)
{
    json_t *key = first_key(doc);

    (void)other;
    set(key, "kty", json_string("oct"));
    set(key, "alg", json_string("HS256"));
    set(key, "k", json_string("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"));
}

static void check_key_for_all(json_t *doc, const json_t *other)
{
    (void)other;
    set(json_object_get(doc, "check_key"), "scope", json_string("health terminate"));
}

static void check_key_without_private_half(json_t *doc, const json_t *other)
{
    (void)other;
    json_object_del(json_object_get(doc, "check_key"), "d");
}

static void check_key_with_the_kid_of_a_load_balancer(json_t *doc, const json_t *other)
{
    (void)other;
    set(json_object_get(doc, "check_key"), "kid",
        json_copy(json_object_get(first_key(doc), "kid")));
}

static const struct tamper {
    void (*change)(json_t *doc, const json_t *other);
    int want;
    const char *says;
} tampers[] = {
    {unknown_member, QHCP_E_PARSE, "unknown member \"extra\""},
    {no_key, QHCP_E_PARSE, "\"key\" is missing"},
    {key_of_wrong_type, QHCP_E_PARSE, "\"key\" is not a string"},
    {later_version, QHCP_E_PARSE, "version"},
    {unknown_type, QHCP_E_PARSE, "\"type\""},
    {no_bundle, QHCP_E_PARSE, "not a QHCP bundle"},
    {a_request, QHCP_E_PARSE, "qhcp keys accept"},
    {key_of_another, QHCP_E_CERT, "\"key\" does not belong to the certificate"},
    {ca_of_another, QHCP_E_CERT, "was not issued by the bundle's CA"},
    {ca_is_a_leaf, QHCP_E_CERT, "not a CA certificate"},
    {certificate_is_the_ca, QHCP_E_CERT, "not a server certificate"},
    {two_certificates, QHCP_E_PARSE, "2 certificates"},
    {no_pem, QHCP_E_PARSE, "not a certificate"},
    {keys_without_list, QHCP_E_PARSE, "\"keys\""},
    {private_key_among_the_public, QHCP_E_PARSE, "\"keys\""},
    {shared_secret, QHCP_E_PARSE, "shared secret"},
    {check_key_for_all, QHCP_E_PARSE, "\"check_key\" permits more"},
    {check_key_without_private_half, QHCP_E_PARSE, "\"check_key\""},
};

static void a_bundle_with_one_thing_wrong_is_refused_and_changes_nothing(void **state)
{
    struct place *p = *state;
    json_t *good, *other;
    uint8_t before[32];

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_export(p, "x", "b.example", "x.f", NOW));
    good = exchange_load(p, "f");
    other = exchange_load(p, "x.f");
    place_make(p, "b", NOW);
    place_digest(place_path(p, "b"), before);
    for (size_t i = 0; i < sizeof tampers / sizeof tampers[0]; i++) {
        json_t *bad = json_deep_copy(good);

        tampers[i].change(bad, other);
        exchange_save(p, "bad", bad);
        assert_int_equal(exchange_import(p, "b", "bad", true, NOW), tampers[i].want);
        place_says(p, tampers[i].says);
        place_says(p, place_path(p, "bad"));
        place_same(before, place_path(p, "b"));
    }
    exchange_save(p, "same", good);
    json_decref(other);
    MUST(exchange_import(p, "b", "same", false, NOW));
}

static void a_check_key_that_takes_a_load_balancer_s_kid_replaces_nothing(void **state)
{
    struct place *p = *state;
    json_t *bad;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    bad = exchange_load(p, "f");
    check_key_with_the_kid_of_a_load_balancer(bad, NULL);
    exchange_save(p, "bad", bad);
    assert_int_equal(exchange_import(p, "b", "bad", true, NOW), QHCP_E_PARSE);
    place_says(p, "kid");
    MUST(exchange_import(p, "b", "f", false, NOW));
}

static void a_text_that_is_no_document_is_refused_with_its_place(void **state)
{
    static const char *const rows[][2] = {{"", "not JSON at line 1"},
                                          {"\n{", "line 2"},
                                          {"[]", "not a JSON object"},
                                          {"{\"a\":1,\"a\":1}", "is there twice"},
                                          {"{} x", "not JSON"},
                                          {"{}", "not a QHCP bundle"},
                                          {"{\"qhcp_bundle\":\"1\"}", "version"},
                                          {"{\"qhcp_bundle\":1}", "\"type\""}};
    struct place *p = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        place_write(place_path(p, "f"), rows[i][0], 0600);
        assert_int_equal(exchange_import(p, "b", "f", false, NOW), QHCP_E_PARSE);
        place_says(p, rows[i][1]);
        place_says(p, place_path(p, "f"));
    }
}

static void a_bundle_that_others_can_read_is_refused_until_they_cannot(void **state)
{
    struct place *p = *state;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    chmod(place_path(p, "f"), 0640);
    assert_int_equal(exchange_import(p, "b", "f", true, NOW), QHCP_E_PERMISSION);
    place_says(p, "chmod 600");
    chmod(place_path(p, "f"), 0600);
    MUST(exchange_import(p, "b", "f", false, NOW));
}

static void a_bundle_is_imported_within_its_time_only(void **state)
{
    struct place *p = *state;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW - 2 * PLACE_DAY)); /* its clock is behind */
    assert_int_equal(exchange_import(p, "b", "f", false, NOW + 731 * PLACE_DAY), QHCP_E_CERT);
    place_says(p, "expired on");
    MUST(exchange_import(p, "b", "f", false, NOW + 729 * PLACE_DAY));
}

static void words_and_refusals_never_quote_a_secret(void **state)
{
    struct place *p = *state;
    json_t *doc;
    const char *d;
    char *text, *cut;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    doc = exchange_load(p, "f");
    d = json_string_value(json_object_get(json_object_get(doc, "check_key"), "d"));
    text = place_read(place_path(p, "f"), NULL);
    for (int at = -3; at < 3; at++) { /* the text ends in, before or behind the secret */
        cut = strdup(text);
        strstr(cut, d)[at < 0 ? at : 20 * at] = '\0';
        place_write(place_path(p, "g"), cut, 0600);
        assert_int_equal(exchange_import(p, "b", "g", false, NOW), QHCP_E_PARSE);
        assert_null(strstr(p->words, "near"));
        free(cut);
    }
    free(text);
    json_decref(doc);
}

static void unbound_key(json_t *doc, const json_t *other)
{
    (void)other;
    set(json_object_get(doc, "jwk"), "unbound", json_true());
}

static void key_with_private_half(json_t *doc, const json_t *other)
{
    set(json_object_get(doc, "jwk"), "d", json_copy(json_object_get(other, "d")));
}

static void another_s_key(json_t *doc, const json_t *other)
{
    json_t *jwk = json_object_get(doc, "jwk");

    set(jwk, "x", json_copy(json_object_get(other, "x")));
    set(jwk, "y", json_copy(json_object_get(other, "y")));
}

static void another_name(json_t *doc, const json_t *other)
{
    (void)other;
    set(json_object_get(doc, "jwk"), "iss", json_string("lb:somebody-else"));
}

static void another_algorithm(json_t *doc, const json_t *other)
{
    json_t *jwk = json_object_get(doc, "jwk");

    (void)other;
    set(jwk, "alg", json_string("HS256"));
}

static void no_proof(json_t *doc, const json_t *other)
{
    (void)other;
    set(doc, "proof", json_string(""));
}

static void a_request_with_one_thing_wrong_is_refused_and_changes_nothing(void **state)
{
    static const struct tamper rows[] = {
        {unknown_member, QHCP_E_PARSE, "unknown member \"extra\""},
        {unbound_key, QHCP_E_PARSE, "unknown member \"unbound\""},
        {key_with_private_half, QHCP_E_PARSE, "unknown member \"d\""},
        {another_s_key, QHCP_E_TOKEN_SIGNATURE, "proof"},
        {another_name, QHCP_E_TOKEN_ISSUER, "proof"},
        {another_algorithm, QHCP_E_PARSE, "not an ES256 key"},
        {no_proof, QHCP_E_TOKEN_MISSING, "proof"},
    };
    struct place *p = *state;
    json_t *good, *other;
    uint8_t before[32];

    MUST(exchange_request(p, "c", "r", NOW));
    good = exchange_load(p, "r");
    place_make(p, "a", NOW);
    other = exchange_load(p, "a/" STATE_TOKEN_KEY);
    place_digest(place_path(p, "a"), before);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *bad = json_deep_copy(good);

        rows[i].change(bad, other);
        exchange_save(p, "bad", bad);
        assert_int_equal(exchange_accept(p, "a", "bad", "g", NOW), rows[i].want);
        place_says(p, rows[i].says);
        place_same(before, place_path(p, "a"));
        assert_int_not_equal(access(place_path(p, "g"), F_OK), 0);
    }
    json_decref(other);
    exchange_save(p, "same", good);
    MUST(exchange_accept(p, "a", "same", "g", NOW));
}

static void a_request_is_worth_a_week(void **state)
{
    struct place *p = *state;

    place_make(p, "a", NOW);
    MUST(exchange_request(p, "c", "r", NOW));
    assert_int_equal(exchange_accept(p, "a", "r", "g", NOW + 8 * PLACE_DAY), QHCP_E_TOKEN_EXPIRED);
    place_says(p, "request");
    MUST(exchange_accept(p, "a", "r", "g", NOW + 6 * PLACE_DAY));
}

static void one_s_own_request_and_a_taken_kid_are_refused(void **state)
{
    struct place *p = *state;
    json_t *trust, *jwk;

    MUST(exchange_request(p, "a", "r", NOW));
    assert_int_equal(exchange_accept(p, "a", "r", "g", NOW), QHCP_E_EXISTS);
    place_says(p, "the load balancer of this machine");
    MUST(exchange_request(p, "c", "r", NOW));
    jwk = exchange_load(p, "r");
    trust = exchange_load(p, "a/" STATE_TRUST);
    set(json_array_get(json_object_get(trust, "keys"), 0), "kid",
        json_copy(json_object_get(json_object_get(jwk, "jwk"), "kid")));
    json_decref(jwk);
    exchange_save(p, "a/" STATE_TRUST, trust);
    assert_int_equal(exchange_accept(p, "a", "r", "g", NOW), QHCP_E_EXISTS);
    place_says(p, "another key already has the kid");
}

static void an_accept_whose_bundle_cannot_be_written_accepts_nothing(void **state)
{
    struct place *p = *state;
    uint8_t before[32];

    MUST(exchange_request(p, "c", "r", NOW));
    place_make(p, "a", NOW);
    place_digest(place_path(p, "a"), before);
    assert_int_equal(exchange_accept(p, "a", "r", "none/g", NOW), QHCP_E_NOT_FOUND);
    place_same(before, place_path(p, "a"));
    MUST(exchange_accept(p, "a", "r", "g", NOW));
    MUST(exchange_accept(p, "a", "r", "g", NOW)); /* once more is fine */
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_bundle_with_one_thing_wrong_is_refused_and_changes_nothing),
        ROW(a_check_key_that_takes_a_load_balancer_s_kid_replaces_nothing),
        ROW(a_text_that_is_no_document_is_refused_with_its_place),
        ROW(a_bundle_that_others_can_read_is_refused_until_they_cannot),
        ROW(a_bundle_is_imported_within_its_time_only),
        ROW(words_and_refusals_never_quote_a_secret),
        ROW(a_request_with_one_thing_wrong_is_refused_and_changes_nothing),
        ROW(a_request_is_worth_a_week),
        ROW(one_s_own_request_and_a_taken_kid_are_refused),
        ROW(an_accept_whose_bundle_cannot_be_written_accepts_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
