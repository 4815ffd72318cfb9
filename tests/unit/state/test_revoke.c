/* What was revoked stays so: on this machine, by a bundle, by a list that a load balancer brings.
 */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gnutls/x509.h>
#include <qhcp/error.h>

#include "state/lock.h"
#include "state/pki.h"
#include "state/revoked.h"
#include "state/stored.h"

#define NOW PLACE_NOW
#define WEEK (7 * PLACE_DAY)
#define LB_A "a/" STATE_TOKEN_KEY
#define LB_C "c/" STATE_TOKEN_KEY

static int end_trust(struct place *p, const char *what, bool force, int64_t now)
{
    struct state s = place_make(p, "a", now);

    return keys_revoke(&s, what, force, now, p->words, sizeof p->words);
}

/* The `kid` of a JWK's file. */
static void kid_of(const struct place *p, const char *file, char ret[LIMIT_ID + 1])
{
    json_t *doc = exchange_load(p, file);

    snprintf(ret, LIMIT_ID + 1, "%s", json_string_value(json_object_get(doc, "kid")));
    json_decref(doc);
}

static struct revoked list_of(struct place *p, const char *machine)
{
    struct state s = place_make(p, machine, NOW);
    const struct words w = {p->words, sizeof p->words};
    struct revoked r;

    MUST(revoked_load(s.dir, &r, &w));
    return r;
}

static bool refuses_key(struct place *p, const char *machine, const char *kid)
{
    struct revoked r = list_of(p, machine);
    bool has = revoked_has_key(&r, kid);

    revoked_deinit(&r);
    return has;
}

static bool refuses_cert(struct place *p, const char *machine, const char *bundle)
{
    json_t *doc = exchange_load(p, bundle);
    struct revoked r = list_of(p, machine);
    bool has = revoked_has_pem(&r, json_string_value(json_object_get(doc, "certificate")));

    revoked_deinit(&r);
    json_decref(doc);
    return has;
}

/* As a server takes a list that came, and keeps it. */
static int take(struct place *p, const struct state *s, struct slice list, uint64_t *ret_number)
{
    const struct words w = {p->words, sizeof p->words};
    struct revoked mine;
    bool news;
    int error;

    MUST(revoked_load(s->dir, &mine, &w));
    error = revoked_take(s, &mine, list, &news, p->words, sizeof p->words);
    if (!error && news)
        MUST(revoked_save(s, &mine, &news, p->words, sizeof p->words));
    *ret_number = revoked_number(&mine);
    revoked_deinit(&mine);
    return error;
}

/* As a load balancer brings it: the signed text of one machine's file to another machine. */
static int carry(struct place *p, const char *from, const char *to)
{
    struct revoked r = list_of(p, from);
    struct state s = place_make(p, to, NOW);
    uint64_t number;
    int error = take(p, &s, slice_str(revoked_list(&r)), &number);

    if (!error)
        assert_true(number >= revoked_number(&r));
    revoked_deinit(&r);
    return error;
}

static void a_lost_bundle_is_revoked_by_its_server_s_name(void **state)
{
    struct place *p = *state;
    uint8_t before[32];

    MUST(exchange_export(p, "a", "b.example,10.0.0.2", "f", NOW));
    MUST(exchange_export(p, "a", "b.example", "again", NOW + 1));
    MUST(exchange_export(p, "a", "d.example", "g", NOW));
    MUST(end_trust(p, "10.0.0.2", false, NOW + 2));
    place_says(p, "2 certificates, 2 keys");
    assert_true(refuses_cert(p, "a", "f") && refuses_cert(p, "a", "again"));
    assert_false(refuses_cert(p, "a", "g"));
    place_make(p, "b", NOW);
    place_digest(place_path(p, "b"), before);
    MUST(end_trust(p, "b.example", false, NOW + 3));
    place_says(p, "is already revoked");
    MUST(exchange_export(p, "a", "b.example", "new", NOW + 4));
    MUST(exchange_import(p, "b", "new", false, NOW + 4));
    assert_true(refuses_cert(p, "b", "f"));
    assert_int_equal(exchange_import(p, "b", "again", true, NOW + 5), QHCP_E_CERT);
    place_says(p, "was revoked");
}

static void one_certificate_is_revoked_by_its_fingerprint(void **state)
{
    struct place *p = *state;
    char print[PKI_FINGERPRINT];
    json_t *issued;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    issued = exchange_load(p, "a/" STATE_ISSUED);
    snprintf(print, sizeof print, "%s",
             json_string_value(json_object_get(json_array_get(issued, 0), "fingerprint")));
    json_decref(issued);
    MUST(exchange_export(p, "a", "b.example", "new", NOW + 1));
    MUST(end_trust(p, print, false, NOW + 2));
    assert_true(refuses_cert(p, "a", "f"));
    assert_false(refuses_cert(p, "a", "new"));
}

static void a_load_balancer_is_revoked_with_all_its_keys(void **state)
{
    struct place *p = *state;
    char kid[LIMIT_ID + 1];
    json_t *doc;

    MUST(exchange_request(p, "c", "r", NOW));
    MUST(exchange_accept(p, "a", "r", "h", NOW));
    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    assert_int_equal(exchange_ask(p, "b", LB_C, "b.example", NOW, NULL), 0);
    kid_of(p, LB_C, kid);
    doc = exchange_load(p, LB_C);
    MUST(end_trust(p, json_string_value(json_object_get(doc, "iss")), false, NOW + 1));
    json_decref(doc);
    assert_int_equal(exchange_ask(p, "a", LB_C, "localhost", NOW + 1, NULL), QHCP_E_TOKEN_KEY);
    assert_false(refuses_key(p, "b", kid));
    MUST(carry(p, "a", "b"));
    assert_true(refuses_key(p, "b", kid));
    assert_int_equal(exchange_accept(p, "a", "r", "h", NOW + 2), QHCP_E_TOKEN_KEY);
    place_says(p, "was revoked");
    kid_of(p, LB_A, kid);
    assert_false(refuses_key(p, "b", kid));
}

static void our_own_key_is_revoked_when_no_server_is_lost_by_it(void **state)
{
    struct place *p = *state;
    char kid[LIMIT_ID + 1];

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    kid_of(p, LB_A, kid);
    assert_int_equal(end_trust(p, kid, false, NOW), QHCP_E_EXISTS);
    place_says(p, "load balancers of this machine sign with that key");
    MUST(exchange_rotate(p, "a", WEEK, NOW));
    assert_int_equal(end_trust(p, kid, false, NOW), QHCP_E_EXISTS);
    place_says(p, "b.example would no longer know a token key");
    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(end_trust(p, kid, false, NOW));
    assert_true(refuses_key(p, "a", kid));
    assert_int_not_equal(access(place_path(p, "a/" STATE_TOKEN_KEY_OLD), F_OK), 0);
    kid_of(p, LB_A, kid);
    MUST(end_trust(p, kid, true, NOW));             /* at once, whatever is lost */
    MUST(exchange_rotate_force(p, "a", WEEK, NOW)); /* and then a new one, without the stolen one */
    assert_int_not_equal(access(place_path(p, "a/" STATE_TOKEN_KEY_OLD), F_OK), 0);
    assert_int_equal(exchange_ask(p, "a", LB_A, "localhost", NOW, NULL), 0);
}

static void what_is_not_known_is_revoked_by_force_only(void **state)
{
    struct place *p = *state;

    assert_int_equal(end_trust(p, "nobody.example", false, NOW), QHCP_E_NOT_FOUND);
    place_says(p, "nobody.example");
    assert_int_not_equal(access(place_path(p, "a/" STATE_REVOKED), F_OK), 0);
    MUST(end_trust(p, "a-key-of-long-ago", true, NOW));
    assert_true(refuses_key(p, "a", "a-key-of-long-ago"));
}

static void only_the_ca_s_machine_revokes(void **state)
{
    struct place *p = *state;
    struct state s;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    s = place_make(p, "b", NOW);
    assert_int_equal(keys_revoke(&s, "b.example", true, NOW, p->words, sizeof p->words),
                     QHCP_E_NOT_FOUND);
    place_says(p, "qhcp keys revoke");
}

static void an_older_list_takes_nothing_back(void **state)
{
    struct place *p = *state;
    struct revoked first;
    struct state s;
    uint64_t number;
    uint8_t before[32];

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    MUST(end_trust(p, "one", true, NOW));
    first = list_of(p, "a");
    MUST(end_trust(p, "two", true, NOW));
    MUST(carry(p, "a", "b"));
    s = place_make(p, "b", NOW);
    place_digest(place_path(p, "b"), before);
    MUST(take(p, &s, slice_str(revoked_list(&first)), &number));
    assert_int_equal(number, revoked_number(&first) + 1);
    place_same(before, place_path(p, "b"));
    assert_true(refuses_key(p, "b", "one") && refuses_key(p, "b", "two"));
    revoked_deinit(&first);
}

/* A CA that came back from a backup signs a list without what it had revoked since. */
static void lists_that_differ_are_joined(void **state)
{
    struct place *p = *state;
    struct revoked other, r;
    const struct words w = {p->words, sizeof p->words};
    struct stored_pair ca;
    struct state s;
    uint64_t number;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    MUST(end_trust(p, "one", true, NOW));
    MUST(carry(p, "a", "b"));
    assert_int_equal(stored_ca(place_path(p, "a"), &ca, &w), 0);
    MUST(revoked_init(&other, &w));
    revoked_add_key(&other, "two");
    MUST(revoked_sign(&other, ca.key, NOW + 100, &w));
    s = place_make(p, "b", NOW);
    MUST(take(p, &s, slice_str(revoked_list(&other)), &number));
    r = list_of(p, "b");
    assert_true(revoked_has_key(&r, "one") && revoked_has_key(&r, "two"));
    assert_int_equal(number, NOW + 100);
    revoked_deinit(&r);
    revoked_deinit(&other);
    stored_pair_deinit(&ca);
}

static void a_list_of_another_ca_or_changed_on_its_way_is_refused(void **state)
{
    struct place *p = *state;
    struct revoked r;
    struct state s;
    uint8_t before[32];
    uint64_t number;
    char *text;
    size_t n;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    place_make(p, "other", NOW);
    MUST(end_trust(p, "one", true, NOW));
    assert_int_equal(carry(p, "a", "other"), QHCP_E_TOKEN_SIGNATURE);
    s = place_make(p, "b", NOW);
    place_digest(place_path(p, "b"), before);
    r = list_of(p, "a");
    text = strdup(revoked_list(&r));
    n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        assert_in_range(-take(p, &s, slice_str(text), &number), -QHCP_E_TOKEN_MALFORMED,
                        -QHCP_E_TOKEN_SIGNATURE);
        text[i] = was;
    }
    for (size_t cut = 0; cut < n; cut += 7)
        assert_int_not_equal(take(p, &s, slice_of(text, cut), &number), 0);
    place_same(before, place_path(p, "b"));
    MUST(take(p, &s, slice_str(text), &number));
    free(text);
    revoked_deinit(&r);
}

/* r and s begin with a zero, or with a high bit, now and then: each signature verifies. */
static void every_signature_verifies(void **state)
{
    struct place *p = *state;
    const struct words w = {p->words, sizeof p->words};
    uint8_t signature[PKI_SIGNATURE];
    struct stored_pair ca;

    place_make(p, "a", NOW);
    assert_int_equal(stored_ca(place_path(p, "a"), &ca, &w), 0);
    for (unsigned i = 0; i < 1000; i++) {
        MUST(pki_sign(ca.key, slice_of(&i, sizeof i), signature, &w));
        assert_true(pki_verify(ca.crt, slice_of(&i, sizeof i), signature));
        signature[i % sizeof signature] ^= 1;
        assert_false(pki_verify(ca.crt, slice_of(&i, sizeof i), signature));
    }
    stored_pair_deinit(&ca);
}

static void the_list_is_bounded_and_fits_a_message(void **state)
{
    struct place *p = *state;
    const struct words w = {p->words, sizeof p->words};
    struct stored_pair ca;
    struct revoked r;
    int error = 0;
    size_t n = 0;

    place_make(p, "a", NOW);
    assert_int_equal(stored_ca(place_path(p, "a"), &ca, &w), 0);
    MUST(revoked_init(&r, &w));
    while (!error) {
        char kid[32];

        snprintf(kid, sizeof kid, "%022zu", n++);
        revoked_add_key(&r, kid);
        error = revoked_sign(&r, ca.key, NOW, &w);
        assert_true(strlen(revoked_list(&r)) <= LIMIT_REVOCATIONS);
    }
    assert_int_equal(error, QHCP_E_FULL);
    assert_in_range(n, 340, 400);
    revoked_deinit(&r);
    stored_pair_deinit(&ca);
}

static void the_list_goes_by_a_file_of_its_own(void **state)
{
    struct place *p = *state;
    struct state s = place_make(p, "a", NOW);

    assert_int_equal(
        keys_export_revoked(&s, place_path(p, "l"), false, NOW, p->words, sizeof p->words),
        QHCP_E_NOT_FOUND);
    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    MUST(end_trust(p, "one", true, NOW));
    MUST(keys_export_revoked(&s, place_path(p, "l"), false, NOW, p->words, sizeof p->words));
    MUST(exchange_import(p, "b", "l", false, NOW));
    assert_true(refuses_key(p, "b", "one"));
    assert_int_equal(exchange_ask(p, "b", LB_A, "b.example", NOW, NULL), 0); /* the rest stays */
    place_make(p, "other", NOW);
    assert_int_equal(exchange_import(p, "other", "l", true, NOW), QHCP_E_CERT);
    place_says(p, "another CA");
}

static void a_bundle_from_before_does_not_take_the_list_away(void **state)
{
    struct place *p = *state;

    MUST(exchange_export(p, "a", "b.example", "f", NOW));
    MUST(exchange_import(p, "b", "f", false, NOW));
    MUST(end_trust(p, "one", true, NOW));
    MUST(carry(p, "a", "b"));
    MUST(exchange_import(p, "b", "f", true, NOW));
    assert_true(refuses_key(p, "b", "one"));
    MUST(exchange_export(p, "other", "b.example", "g", NOW));
    MUST(exchange_import(p, "b", "g", true, NOW)); /* another CA: its own list, or none */
    assert_false(refuses_key(p, "b", "one"));
}

static void a_damaged_list_is_an_error(void **state)
{
    struct place *p = *state;
    const struct words w = {p->words, sizeof p->words};
    struct revoked r;

    place_make(p, "a", NOW);
    MUST(end_trust(p, "one", true, NOW));
    place_write(place_path(p, "a/" STATE_REVOKED), "{\"number\": 1}", 0600);
    assert_int_equal(revoked_load(place_path(p, "a"), &r, &w), QHCP_E_PARSE);
    place_says(p, "is damaged");
    assert_int_equal(end_trust(p, "two", true, NOW), QHCP_E_PARSE);
}

/* Whoever has the lock does not make a server wait, and what comes meanwhile is not lost. */
static void a_server_waits_for_nobody(void **state)
{
    struct place *p = *state;
    const struct words w = {p->words, sizeof p->words};
    struct revoked mine;
    bool news = false;
    struct state s;
    int fd;

    s = place_make(p, "a", NOW);
    MUST(revoked_init(&mine, &w));
    revoked_add_key(&mine, "brought");
    MUST(lock_take(s.dir, &fd, &w));
    assert_int_equal(revoked_save(&s, &mine, &news, p->words, sizeof p->words), QHCP_E_AGAIN);
    lock_drop(fd);
    MUST(end_trust(p, "meanwhile", true, NOW));
    MUST(revoked_save(&s, &mine, &news, p->words, sizeof p->words));
    assert_true(news && revoked_has_key(&mine, "meanwhile"));
    MUST(revoked_save(&s, &mine, &news, p->words, sizeof p->words));
    assert_false(news);
    assert_true(refuses_key(p, "a", "brought") && refuses_key(p, "a", "meanwhile"));
    revoked_deinit(&mine);
}

/* A power cut leaves an empty file of one that was just written: the next list fills it. */
static void an_empty_file_is_an_empty_list(void **state)
{
    struct place *p = *state;

    place_make(p, "a", NOW);
    MUST(end_trust(p, "one", true, NOW));
    place_write(place_path(p, "a/" STATE_REVOKED), "", 0600);
    assert_false(refuses_key(p, "a", "one"));
    MUST(end_trust(p, "two", true, NOW));
    assert_true(refuses_key(p, "a", "two"));
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_lost_bundle_is_revoked_by_its_server_s_name),
        ROW(one_certificate_is_revoked_by_its_fingerprint),
        ROW(a_load_balancer_is_revoked_with_all_its_keys),
        ROW(our_own_key_is_revoked_when_no_server_is_lost_by_it),
        ROW(what_is_not_known_is_revoked_by_force_only),
        ROW(only_the_ca_s_machine_revokes),
        ROW(an_older_list_takes_nothing_back),
        ROW(lists_that_differ_are_joined),
        ROW(a_list_of_another_ca_or_changed_on_its_way_is_refused),
        ROW(every_signature_verifies),
        ROW(the_list_is_bounded_and_fits_a_message),
        ROW(the_list_goes_by_a_file_of_its_own),
        ROW(a_bundle_from_before_does_not_take_the_list_away),
        ROW(a_damaged_list_is_an_error),
        ROW(a_server_waits_for_nobody),
        ROW(an_empty_file_is_an_empty_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
