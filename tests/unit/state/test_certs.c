/* Certificates: what they say, when they are renewed, which names they cover. */
#include "place.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "state/lock.h"
#include "state/make.h"
#include "state/pki.h"

static const struct words silent = {NULL, 0};

static gnutls_x509_crt_t load(const char *path)
{
    char *pem = place_read(path, NULL);
    gnutls_x509_crt_t crt;

    assert_int_equal(pki_cert_load(slice_str(pem), path, false, &crt, &silent), 0);
    free(pem);
    return crt;
}

/* openssl verify's view without openssl: GnuTLS's own path validation at a time. */
static unsigned verify_status(const char *dir, const char *name, int64_t now)
{
    char path[STATE_PATH];
    gnutls_x509_trust_list_t list;
    gnutls_x509_crt_t ca, leaf;
    gnutls_typed_vdata_st data[2] = {
        {.type = GNUTLS_DT_DNS_HOSTNAME, .data = (unsigned char *)name, .size = 0},
        {.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)GNUTLS_KP_TLS_WWW_SERVER}};
    unsigned status = 0;

    snprintf(path, sizeof path, "%s/" STATE_CA, dir);
    ca = load(path);
    snprintf(path, sizeof path, "%s/" STATE_CERT, dir);
    leaf = load(path);
    gnutls_x509_trust_list_init(&list, 0);
    gnutls_x509_trust_list_add_cas(list, &ca, 1, 0);
    gnutls_x509_trust_list_verify_crt2(list, &leaf, 1, data, 2,
                                       GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
                                           GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS,
                                       &status, NULL);
    if (pki_check_time(leaf, "", now, &silent) != 0 || pki_check_time(ca, "", now, &silent) != 0)
        status |= GNUTLS_CERT_EXPIRED;
    gnutls_x509_crt_deinit(leaf);
    gnutls_x509_trust_list_deinit(list, 1);
    return status;
}

static void the_automatic_certificate_is_what_the_design_says(void **state)
{
    struct place *p = *state;
    gnutls_x509_crt_t ca, leaf;
    unsigned critical, is_ca, usage;
    int pathlen;

    place_make(p, "a", PLACE_NOW);
    ca = load(place_path(p, "a/" STATE_CA));
    leaf = load(place_path(p, "a/" STATE_CERT));
    assert_true(gnutls_x509_crt_get_basic_constraints(ca, &critical, &is_ca, &pathlen) >= 0);
    assert_true(critical && is_ca);
    assert_int_equal(pathlen, 0);
    assert_true(pki_issued_by(ca, ca) && pki_issued_by(leaf, ca));
    assert_true(pki_is_server(leaf));
    assert_false(pki_is_server(ca));
    assert_int_equal(gnutls_x509_crt_get_key_usage(leaf, &usage, &critical), 0);
    assert_int_equal(usage, GNUTLS_KEY_DIGITAL_SIGNATURE);
    assert_int_equal(gnutls_x509_crt_get_expiration_time(ca), PLACE_NOW + PKI_CA_LIFETIME);
    assert_int_equal(gnutls_x509_crt_get_expiration_time(leaf), PLACE_NOW + PKI_AUTO_LIFETIME);
    assert_int_equal(gnutls_x509_crt_get_activation_time(leaf), PKI_BEGIN);
    assert_int_equal(gnutls_x509_crt_get_activation_time(ca), PKI_BEGIN);
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_crt_deinit(leaf);
    assert_int_equal(verify_status(place_path(p, "a"), "localhost", PLACE_NOW), 0);
    assert_int_not_equal(verify_status(place_path(p, "a"), "other.example", PLACE_NOW), 0);
}

/* The firmware's clock was hours or years ahead at the first start. */
static void a_clock_that_was_wrong_at_the_first_start_is_no_matter_later(void **state)
{
    static const int64_t first[] = {PLACE_NOW + 7200, PLACE_NOW + 3000 * PLACE_DAY};
    struct place *p = *state;

    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        char name[8];

        snprintf(name, sizeof name, "c%zu", i);
        place_make(p, name, first[i]);
        assert_int_equal(verify_status(place_path(p, name), "localhost", first[i]), 0);
        place_make(p, name, PLACE_NOW); /* the next start */
        assert_int_equal(verify_status(place_path(p, name), "localhost", PLACE_NOW), 0);
    }
}

static void a_certificate_of_tomorrow_is_refused_with_times_and_a_way_out(void **state)
{
    char text[512];
    const struct words w = {text, sizeof text};
    gnutls_x509_crt_t crt;

    (void)state;
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    gnutls_x509_crt_set_activation_time(crt, PLACE_NOW);
    gnutls_x509_crt_set_expiration_time(crt, PLACE_NOW + PLACE_DAY);
    assert_int_equal(pki_check_time(crt, "the CA", PLACE_NOW, &w), 0);
    assert_int_equal(pki_check_time(crt, "the CA", PLACE_NOW - 7200, &w), QHCP_E_CERT);
    assert_non_null(strstr(text, "only from 2027-01-15 08:00 UTC"));
    assert_non_null(strstr(text, "clock says 2027-01-15 06:00 UTC: set the clock"));
    assert_non_null(strstr(text, "move it away"));
    gnutls_x509_crt_deinit(crt);
}

static void the_certificate_covers_localhost_the_host_and_all_its_addresses(void **state)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "::1"};
    struct place *p = *state;
    struct names *names = calloc(1, sizeof *names);
    gnutls_x509_crt_t leaf;
    struct ifaddrs *all;
    char host[256] = "";

    place_make(p, "a", PLACE_NOW);
    leaf = load(place_path(p, "a/" STATE_CERT));
    pki_names(leaf, names);
    gnutls_x509_crt_deinit(leaf);
    for (size_t i = 0; i < 3; i++)
        assert_true(names_have(names, always[i]));
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    if (names_normal(host, host, &silent) == 0)
        assert_true(names_have(names, host));
    assert_int_equal(getifaddrs(&all), 0);
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        char text[NI_MAXHOST];

        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
            continue;
        assert_int_equal(getnameinfo(i->ifa_addr, sizeof(struct sockaddr_in), text, sizeof text,
                                     NULL, 0, NI_NUMERICHOST),
                         0);
        assert_true(names_have(names, text));
    }
    freeifaddrs(all);
    free(names);
}

static void two_cas_of_one_host_have_different_names(void **state)
{
    struct place *p = *state;
    gnutls_x509_crt_t a, b;
    char x[128], y[128];

    place_make(p, "a", PLACE_NOW);
    place_make(p, "b", PLACE_NOW);
    a = load(place_path(p, "a/" STATE_CA));
    b = load(place_path(p, "b/" STATE_CA));
    pki_subject(a, x, sizeof x);
    pki_subject(b, y, sizeof y);
    assert_string_not_equal(x, y);
    assert_non_null(strstr(x, "private CA"));
    assert_false(pki_same_key(a, b));
    gnutls_x509_crt_deinit(a);
    gnutls_x509_crt_deinit(b);
}

static void the_certificate_is_renewed_in_its_last_thirty_days_with_the_same_key(void **state)
{
    struct place *p = *state;
    const char *cert = place_path(p, "a/" STATE_CERT);
    char *first, *later;
    gnutls_x509_crt_t a, b;

    place_make(p, "a", PLACE_NOW);
    first = place_read(cert, NULL);
    a = load(cert);
    place_make(p, "a", PLACE_NOW + 59 * PLACE_DAY);
    later = place_read(cert, NULL);
    assert_string_equal(first, later);
    free(later);
    place_make(p, "a", PLACE_NOW + 61 * PLACE_DAY);
    later = place_read(cert, NULL);
    assert_string_not_equal(first, later);
    b = load(cert);
    assert_true(pki_same_key(a, b));
    assert_int_equal(verify_status(place_path(p, "a"), "localhost", PLACE_NOW + 61 * PLACE_DAY), 0);
    gnutls_x509_crt_deinit(a);
    gnutls_x509_crt_deinit(b);
    free(first);
    free(later);
}

static void the_ca_is_renewed_before_what_it_exports_would_outlive_it(void **state)
{
    struct place *p = *state;
    const char *path = place_path(p, "a/" STATE_CA);
    const int64_t later = PLACE_NOW + 3000 * PLACE_DAY;
    gnutls_x509_crt_t a, b, leaf;
    char x[128], y[128];

    place_make(p, "a", PLACE_NOW);
    a = load(path);
    leaf = load(place_path(p, "a/" STATE_CERT));
    place_make(p, "a", later);
    b = load(path);
    assert_true(pki_same_key(a, b) && pki_issued_by(leaf, b));
    assert_int_equal(gnutls_x509_crt_get_expiration_time(b), later + PKI_CA_LIFETIME);
    pki_subject(a, x, sizeof x);
    pki_subject(b, y, sizeof y);
    assert_string_equal(x, y);
    assert_int_equal(verify_status(place_path(p, "a"), "localhost", later), 0);
    place_make(p, "a", PLACE_NOW + PLACE_DAY); /* the clock was wrong, and is set back */
    assert_int_equal(verify_status(place_path(p, "a"), "localhost", PLACE_NOW + PLACE_DAY), 0);
    gnutls_x509_crt_deinit(a);
    gnutls_x509_crt_deinit(b);
    gnutls_x509_crt_deinit(leaf);
}

/* make_all with names of the test's own. */
static void make_with(struct place *p, const char *list, int64_t now)
{
    struct names *host = calloc(1, sizeof *host);
    const struct words w = {p->words, sizeof p->words};
    const char *dir = place_path(p, "n");
    const struct make m = {.dir = dir, .host = host, .now = now, .w = &w};
    struct state s = {.imported = false};
    int fd;

    assert_int_equal(names_parse(list, host, &w), 0);
    assert_int_equal(lock_take(dir, &fd, &w), 0);
    assert_int_equal(make_all(&m, &s), 0);
    lock_drop(fd);
    free(host);
}

static bool covers(const struct place *p, const char *name)
{
    struct names *names = calloc(1, sizeof *names);
    gnutls_x509_crt_t crt = load(place_path(p, "n/" STATE_CERT));
    bool has;

    pki_names(crt, names);
    has = names_have(names, name);
    gnutls_x509_crt_deinit(crt);
    free(names);
    return has;
}

static void a_new_name_is_covered_at_once_and_a_lost_one_forgotten_after_a_day(void **state)
{
    struct place *p = *state;
    char *before, *after;

    make_with(p, "localhost,10.0.0.1", PLACE_NOW);
    before = place_read(place_path(p, "n/" STATE_CERT), NULL);
    make_with(p, "10.0.0.1,localhost", PLACE_NOW + 7200);
    after = place_read(place_path(p, "n/" STATE_CERT), NULL);
    assert_string_equal(before, after);
    make_with(p, "localhost,10.0.0.2", PLACE_NOW + 7200);
    assert_true(covers(p, "10.0.0.1") && covers(p, "10.0.0.2"));
    make_with(p, "localhost,10.0.0.2", PLACE_NOW + 7200 + NAMES_MEMORY - 1);
    assert_true(covers(p, "10.0.0.1"));
    make_with(p, "localhost,10.0.0.2", PLACE_NOW + 7200 + NAMES_MEMORY);
    assert_false(covers(p, "10.0.0.1"));
    assert_true(covers(p, "10.0.0.2") && covers(p, "localhost"));
    free(before);
    free(after);
}

static void names_have_one_form_and_bad_ones_are_told(void **state)
{
    static const struct {
        const char *text, *want;
    } good[] = {{"B.Example", "b.example"},
                {"10.0.0.1", "10.0.0.1"},
                {"[2001:DB8::1]", "2001:db8::1"},
                {"2001:db8:0:0::1", "2001:db8::1"},
                {"a-b.c1", "a-b.c1"},
                {"Web_1", "web_1"},
                {"localhost", "localhost"}};
    static const struct {
        const char *text, *why;
    } bad[] = {{"", "empty"},
               {"a:4243", "port"},
               {"[::1]:4243", "port"},
               {"*.example", "wildcard"},
               {"fe80::1%eth0", "zone"},
               {"a..b", "not a DNS name"},
               {"-a", "not a DNS name"},
               {"a-", "not a DNS name"},
               {"a\xc3\xa4", "not a DNS name"},
               {"1.2.3.4.5", "not a DNS name"},
               {"1.2.3", "not a DNS name"},
               {"a b", "not a DNS name"},
               {"b.example.", "dot"},
               {"\xc3\xa4", "not a DNS name"},
               {"[10.0.0.1]", "not a DNS name"},
               {"a,b", "not a DNS name"}};
    char words[512], got[NAMES_TEXT];
    const struct words w = {words, sizeof words};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(names_normal(good[i].text, got, &w), 0);
        assert_string_equal(got, good[i].want);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(names_normal(bad[i].text, got, &w), QHCP_E_PARSE);
        assert_non_null(strstr(words, bad[i].why));
        assert_non_null(strstr(words, bad[i].text));
    }
}

static void a_list_of_names_has_at_least_one_and_none_twice(void **state)
{
    struct names *names = calloc(1, sizeof *names);
    char words[512];
    const struct words w = {words, sizeof words};

    (void)state;
    assert_int_equal(names_parse("a,b,10.0.0.1", names, &w), 0);
    assert_int_equal(names->n, 3);
    assert_int_equal(names_parse("a,A", names, &w), QHCP_E_PARSE);
    assert_non_null(strstr(words, "twice"));
    assert_int_equal(names_parse("a,", names, &w), QHCP_E_PARSE);
    assert_int_equal(names_parse("", names, &w), QHCP_E_PARSE);
    free(names);
}

static void the_end_is_told_from_thirty_days_before_with_the_command(void **state)
{
    struct place *p = *state;
    const int64_t end = PLACE_NOW + PKI_AUTO_LIFETIME;
    char *pem, words[1024] = "untouched";

    make_with(p, "b.example,10.0.0.2", PLACE_NOW);
    pem = place_read(place_path(p, "n/" STATE_CERT), NULL);
    assert_false(state_expiry_notice(pem, true, end - 31 * PLACE_DAY, words, sizeof words));
    assert_string_equal(words, "untouched");
    assert_true(state_expiry_notice(pem, true, end - 29 * PLACE_DAY, words, sizeof words));
    assert_non_null(strstr(words, "certificate of b.example expires in 29 days"));
    assert_non_null(strstr(words, "`qhcp keys export --server b.example,10.0.0.2 --out F`"));
    assert_non_null(strstr(words, "`qhcp keys import F`"));
    assert_true(state_expiry_notice(pem, true, end + 3 * PLACE_DAY, words, sizeof words));
    assert_non_null(strstr(words, "expired 3 days ago"));
    free(pem);
    assert_false(state_expiry_words("x", true, 0, PLACE_NOW, words, sizeof words));
    assert_false(state_expiry_words("x", true, end, end - 30 * PLACE_DAY - 1, words, sizeof words));
    assert_true(state_expiry_words("x", false, end, end - 20 * PLACE_DAY, words, sizeof words));
    assert_non_null(strstr(words, "certificate of x expires in 20 days ("));
    assert_null(strstr(words, "qhcp keys"));
    assert_true(state_expiry_words("x", true, end, end - 3600, words, sizeof words));
    assert_non_null(strstr(words, "expires in 1 hour ("));
}

static void the_stamp_follows_what_was_replaced(void **state)
{
    struct place *p = *state;
    struct state s = place_make(p, "a", PLACE_NOW);
    uint64_t before = state_stamp(&s);

    place_make(p, "a", PLACE_NOW);
    assert_true(state_stamp(&s) == before);
    place_make(p, "a", PLACE_NOW + 61 * PLACE_DAY);
    assert_false(state_stamp(&s) == before);
}

static void the_pair_that_is_handed_out_belongs_together(void **state)
{
    struct place *p = *state;
    struct state s = place_make(p, "a", PLACE_NOW);
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    char *cert_pem, *key_pem;

    assert_int_equal(state_load_server(&s, &cert_pem, &key_pem, p->words, sizeof p->words), 0);
    assert_int_equal(pki_cert_load(slice_str(cert_pem), "", false, &crt, &silent), 0);
    assert_int_equal(pki_cert_load(slice_str(cert_pem), "", true, &crt, &silent), QHCP_E_PARSE);
    assert_int_equal(pki_key_load(slice_str(key_pem), "", &key, &silent), 0);
    assert_true(pki_key_matches(crt, key));
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    free(cert_pem);
    free(key_pem);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(the_automatic_certificate_is_what_the_design_says),
        ROW(a_clock_that_was_wrong_at_the_first_start_is_no_matter_later),
        ROW(a_certificate_of_tomorrow_is_refused_with_times_and_a_way_out),
        ROW(the_certificate_covers_localhost_the_host_and_all_its_addresses),
        ROW(two_cas_of_one_host_have_different_names),
        ROW(the_certificate_is_renewed_in_its_last_thirty_days_with_the_same_key),
        ROW(the_ca_is_renewed_before_what_it_exports_would_outlive_it),
        ROW(a_new_name_is_covered_at_once_and_a_lost_one_forgotten_after_a_day),
        ROW(names_have_one_form_and_bad_ones_are_told),
        ROW(a_list_of_names_has_at_least_one_and_none_twice),
        ROW(the_end_is_told_from_thirty_days_before_with_the_command),
        ROW(the_stamp_follows_what_was_replaced),
        ROW(the_pair_that_is_handed_out_belongs_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
