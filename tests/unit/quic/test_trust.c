/* Who is let in: each refusal beside a twin that differs in the one thing and is accepted; and
 * test_tickets.c has each again with a session ticket from better days. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "quic/verify.h"
#include "trial.h"

#include <qhcp/error.h>

/* One certificate, one trust, one name: accepted (words NULL) or refused with these words. */
static void judge(const struct cert_spec *spec, const char *trust, const char *name,
                  const char *words)
{
    struct cert cert = cert_make(spec);
    struct quic_tls_config server = trial_showing(&cert);
    struct quic_tls_config client = trial_trusting(trust ? trust : cert.pem);
    struct trial t;

    trial_init(&t, &server, &client);
    trial_dial(&t, name);
    if (words)
        trial_refused(&t, words);
    else
        trial_accepted(&t);
    world_deinit(&t.world);
    cert_free(&cert);
}

/* Words about `qhcp keys` help with our own CA alone. */
static void an_unknown_ca_has_words_for_whose_trust_it_is(void **state)
{
    struct cert_spec spec = {.cn = "x", .dns = {"a.example"}, .issuer = &trial_other_ca};
    struct cert cert = cert_make(&spec);
    struct quic_tls_config server = trial_showing(&cert);
    struct quic_tls_config client = trial_trusting(trial_ca.pem);

    (void)state;
    for (int given = 0; given < 2; given++) {
        struct trial t;

        client.trust_given = given;
        trial_init(&t, &server, &client);
        trial_dial(&t, "a.example");
        trial_refused(&t, given ? "lack an intermediate certificate" : "its keys not imported");
        world_deinit(&t.world);
    }
    cert_free(&cert);
}

static void the_dialled_name_must_be_the_certificates(void **state)
{
    struct cert_spec a = {.cn = "x", .dns = {"a.example"}, .issuer = &trial_ca};
    struct cert_spec b = {.cn = "x", .dns = {"b.example"}, .issuer = &trial_ca};
    struct cert_spec under = {.cn = "x", .dns = {"web_1"}, .issuer = &trial_ca};
    struct cert_spec wild = {.cn = "x", .dns = {"*.example.net"}, .issuer = &trial_ca};
    struct cert_spec cn_only = {.cn = "a.example", .issuer = &trial_ca};
    struct cert_spec v4 = {.cn = "x", .ip = "192.0.2.7", .issuer = &trial_ca};
    struct cert_spec v6 = {.cn = "x", .ip = "2001:db8::7", .issuer = &trial_ca};
    struct cert_spec dns_ip = {.cn = "x", .dns = {"192.0.2.7"}, .issuer = &trial_ca};

    (void)state;
    judge(&a, trial_ca.pem, "a.example", NULL);
    judge(&a, trial_ca.pem, "A.Example.", NULL);
    judge(&under, trial_ca.pem, "web_1", NULL); /* cannot be SNI, so there is none */
    judge(&under, trial_ca.pem, "web_2", "certificate is for web_1, not for web_2");
    judge(&b, trial_ca.pem, "a.example", "certificate is for b.example, not for a.example");
    judge(&wild, trial_ca.pem, "one.example.net", NULL);
    judge(&wild, trial_ca.pem, "one.two.example.net", "certificate is for *.example.net");
    judge(&wild, trial_ca.pem, "example.net",
          "certificate is for *.example.net, not for example.net");
    judge(&cn_only, trial_ca.pem, "a.example",
          "certificate is for no name, not for a.example: its subjectAltName has no name");
    judge(&v4, trial_ca.pem, "192.0.2.7", NULL);
    judge(&v4, trial_ca.pem, "192.0.2.8", "certificate is for 192.0.2.7, not for 192.0.2.8");
    judge(&v6, trial_ca.pem, "2001:db8:0::7", NULL);
    judge(&v6, trial_ca.pem, "2001:db8::8", "certificate is for 2001:db8::7, not for 2001:db8::8");
    judge(&dns_ip, trial_ca.pem, "192.0.2.7",
          "certificate has 192.0.2.7 as a DNS name: an address must be an iPAddress entry");
}

static void the_certificates_ca_must_be_trusted(void **state)
{
    struct cert_spec a = {.cn = "x", .dns = {"a.example"}, .issuer = &trial_ca};
    char both[8192];

    (void)state;
    judge(&a, trial_ca.pem, "a.example", NULL);
    judge(&a, trial_other_ca.pem, "a.example", "unknown CA: trusted is /etc/qhcp/ca.pem (SHA-256 ");
    judge(&a, trial_other_ca.pem, "a.example",
          "is issued by CN=QHCP CA; does another user run the server");
    snprintf(both, sizeof(both), "%s%s", trial_other_ca.pem, trial_ca.pem);
    judge(&a, both, "a.example", NULL);
    snprintf(both, sizeof(both), "%s%s", trial_ca.pem, trial_other_ca.pem);
    judge(&a, both, "a.example", NULL); /* whichever of the two namesakes comes first */
}

static void a_certificate_may_be_pinned_as_it_is(void **state)
{
    struct cert_spec self = {.cn = "x", .dns = {"a.example"}};
    struct cert_spec issued = {.cn = "x", .dns = {"a.example"}, .issuer = &trial_ca};
    struct cert_spec expired = {.cn = "x", .dns = {"a.example"}, .from = -999999, .until = -300000};
    struct cert pin = cert_make(&self);

    (void)state;
    judge(&self, NULL, "a.example", NULL);
    judge(&issued, NULL, "a.example", NULL);
    judge(&self, pin.pem, "a.example", "unknown CA");
    judge(&self, NULL, "b.example", "certificate is for a.example, not for b.example");
    judge(&expired, NULL, "a.example", "certificate expired 3 days ago");
    cert_free(&pin);
}

static void a_pinned_certificate_vouches_for_no_other(void **state)
{
    struct cert_spec self = {.cn = "x", .dns = {"a.example"}};
    struct cert pin = cert_make(&self);
    struct cert_spec child = {.cn = "y", .dns = {"a.example"}, .issuer = &pin};

    (void)state;
    judge(&child, pin.pem, "a.example", "unknown CA");
    cert_free(&pin);
}

static void the_dates_must_hold(void **state)
{
    struct cert_spec good = {.cn = "x", .dns = {"a.example"}, .issuer = &trial_ca};
    struct cert_spec late = {
        .cn = "x", .dns = {"a.example"}, .issuer = &trial_ca, .from = -999999, .until = -259300};
    struct cert_spec early = {
        .cn = "x", .dns = {"a.example"}, .issuer = &trial_ca, .from = 10000, .until = 99999};

    (void)state;
    judge(&good, trial_ca.pem, "a.example", NULL);
    judge(&late, trial_ca.pem, "a.example", "certificate expired 3 days ago");
    judge(&early, trial_ca.pem, "a.example", "certificate is not valid for another 167 min");
}

static void a_clients_certificate_does_not_serve(void **state)
{
    struct cert_spec spec = {.cn = "x", .dns = {"a.example"}, .issuer = &trial_ca, .client = true};

    (void)state;
    judge(&spec, trial_ca.pem, "a.example", "not for a TLS server");
    spec.client = false;
    judge(&spec, trial_ca.pem, "a.example", NULL);
}

static void insecure_accepts_what_is_refused_otherwise(void **state)
{
    struct cert cert = cert_make(&(struct cert_spec){.cn = "x", .dns = {"b.example"}});
    struct quic_tls_config server = trial_showing(&cert), client = trial_trusting(trial_ca.pem);
    struct trial t;

    (void)state;
    trial_init(&t, &server, &client);
    trial_dial(&t, "a.example");
    trial_refused(&t, "unknown CA");
    world_deinit(&t.world);
    client.insecure = true;
    trial_init(&t, &server, &client);
    trial_dial(&t, "a.example");
    trial_accepted(&t);
    world_deinit(&t.world);
    cert_free(&cert);
}

static void try_client_certificate(const struct cert *shown, const char *words)
{
    struct cert cert =
        cert_make(&(struct cert_spec){.cn = "x", .dns = {"a.example"}, .issuer = &trial_ca});
    struct quic_tls_config server = trial_showing(&cert), client = trial_trusting(trial_ca.pem);
    struct trial t;

    server.trust_pem = trial_ca.pem;
    server.trust_name = "/etc/qhcp/clients.pem";
    server.require_client_cert = true;
    if (shown) {
        client.cert_pem = shown->pem;
        client.key_pem = shown->key;
    }
    trial_init(&t, &server, &client);
    trial_dial(&t, "a.example");
    if (words == NULL) {
        trial_accepted(&t);
        assert_int_equal(t.client.tickets, 0); /* its certificate is looked at every time */
    } else {
        assert_int_equal(t.server.connected, 0);
        assert_int_equal(t.server.why.end, QUIC_END_CERTIFICATE);
        if (strstr(t.server.why.words, words) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", t.server.why.words, words);
        assert_int_equal(t.client.closed, 1);
        assert_int_equal(t.client.why.end, QUIC_END_REFUSED_CERTIFICATE);
        assert_true(t.client.why.words[0] != '\0');
        assert_null(strstr(t.client.why.words, "/etc"));
    }
    world_deinit(&t.world);
    cert_free(&cert);
}

static void a_server_may_demand_client_certificates(void **state)
{
    struct cert good =
        cert_make(&(struct cert_spec){.cn = "lb", .issuer = &trial_ca, .client = true});
    struct cert foreign =
        cert_make(&(struct cert_spec){.cn = "lb", .issuer = &trial_other_ca, .client = true});
    struct cert server = cert_make(&(struct cert_spec){.cn = "lb", .issuer = &trial_ca});
    struct cert expired = cert_make(&(struct cert_spec){
        .cn = "lb", .issuer = &trial_ca, .client = true, .from = -99999, .until = -7200});

    (void)state;
    try_client_certificate(&good, NULL);
    try_client_certificate(NULL, "has no certificate");
    try_client_certificate(&foreign, "unknown CA: trusted is /etc/qhcp/clients.pem");
    try_client_certificate(&server, "not for a TLS client");
    try_client_certificate(&expired, "certificate expired");
    cert_free(&good);
    cert_free(&foreign);
    cert_free(&server);
    cert_free(&expired);
}

/* 8676 bits, and 7640: GnuTLS would compute with any key that a stranger shows. */
static void a_key_that_costs_too_much_is_not_computed_with(void **state)
{
    struct cert_spec large = {
        .cn = "x", .dns = {"a.example"}, .issuer = &trial_ca, .rsa_p = 4253, .rsa_q = 4423};
    struct cert_spec fit = {
        .cn = "x", .dns = {"a.example"}, .issuer = &trial_ca, .rsa_p = 3217, .rsa_q = 4423};
    struct cert client_large, client_fit;

    (void)state;
    judge(&large, trial_ca.pem, "a.example", "certificate's RSA key is larger than 8192 bits");
    judge(&large, trial_other_ca.pem, "a.example", "RSA key is larger than 8192 bits");
    judge(&fit, trial_ca.pem, "a.example", NULL);
    large.client = fit.client = true;
    client_large = cert_make(&large);
    client_fit = cert_make(&fit);
    try_client_certificate(&client_large, "certificate's RSA key is larger than 8192 bits");
    try_client_certificate(&client_fit, NULL);
    cert_free(&client_large);
    cert_free(&client_fit);
}

static void an_insecure_client_does_not_compute_with_it_either(void **state)
{
    struct cert cert = cert_make(&(struct cert_spec){.cn = "x", .rsa_p = 4253, .rsa_q = 4423});
    struct quic_tls_config server = trial_showing(&cert), client = {.insecure = true};
    struct trial t;

    (void)state;
    trial_init(&t, &server, &client);
    trial_dial(&t, "a.example");
    trial_refused(&t, "certificate's RSA key is larger than 8192 bits");
    assert_string_equal(t.server.why.words, "certificate's RSA key is too large");
    world_deinit(&t.world);
    cert_free(&cert);
}

static void expect_cost(unsigned modulus_bits, unsigned exponent_bits, const char *words)
{
    struct quic_judgement why = {0};
    gnutls_datum_t der = {0};
    int rv;

    der.data = cert_with_rsa(modulus_bits, exponent_bits, &der.size);
    rv = quic_verify_cost(&(struct quic_trust){0}, &der, 1, &why);
    assert_int_equal(rv, words ? QHCP_E_CERT : 0);
    assert_string_equal(why.words, words ? words : "");
    free(der.data);
}

static void the_sizes_of_rsa_keys_are_bounded_to_the_bit(void **state)
{
    (void)state;
    expect_cost(8192, 17, NULL);
    expect_cost(8193, 17, "certificate's RSA key is larger than 8192 bits");
    expect_cost(2048, 64, NULL);
    expect_cost(2048, 65, "certificate's RSA exponent is larger than 64 bits");
}

static void credentials_that_do_not_fit_are_refused_with_words(void **state)
{
    struct cert a = cert_make(&(struct cert_spec){.cn = "a"});
    struct cert b = cert_make(&(struct cert_spec){.cn = "b"});
    struct quic_tls *tls;
    char words[256];

    (void)state;
#define REFUSED(text, ...)                                                                         \
    do {                                                                                           \
        assert_int_equal(                                                                          \
            quic_tls_new(&(struct quic_tls_config){__VA_ARGS__}, &tls, words, sizeof(words)),      \
            QHCP_E_TLS);                                                                           \
        if (strstr(words, text) == NULL)                                                           \
            fail_msg("\"%s\" does not say \"%s\"", words, text);                                   \
    } while (0)
    REFUSED("certificate and key", .cert_pem = a.pem, .key_pem = b.key);
    REFUSED("certificate: ", .cert_pem = "nonsense", .key_pem = b.key);
    REFUSED("key: ", .cert_pem = a.pem, .key_pem = "nonsense");
    REFUSED("needs its key", .cert_pem = a.pem);
    REFUSED("trusted certificates in F: ", .trust_pem = "nonsense", .trust_name = "F");
    REFUSED("no CA to trust", .cert_pem = a.pem, .key_pem = a.key, .require_client_cert = true);
    assert_int_equal(quic_tls_new(&(struct quic_tls_config){.cert_pem = a.pem, .key_pem = a.key},
                                  &tls, words, sizeof(words)),
                     0);
    quic_tls_unref(tls);
    cert_free(&a);
    cert_free(&b);
}

static void a_server_knows_what_its_certificate_covers(void **state)
{
    struct cert cert =
        cert_make(&(struct cert_spec){.cn = "no.example", .dns = {"a.example"}, .ip = "127.0.0.1"});
    struct quic_tls_config config = trial_showing(&cert);
    struct quic_tls *tls = world_tls(&config);

    (void)state;
    assert_true(quic_tls_covers(tls, "a.example"));
    assert_true(quic_tls_covers(tls, "127.0.0.1"));
    assert_false(quic_tls_covers(tls, "127.0.0.2"));
    assert_false(quic_tls_covers(tls, "b.example"));
    assert_false(quic_tls_covers(tls, "no.example"));
    quic_tls_unref(tls);
    cert_free(&cert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_ca_has_words_for_whose_trust_it_is),
        cmocka_unit_test(the_dialled_name_must_be_the_certificates),
        cmocka_unit_test(the_certificates_ca_must_be_trusted),
        cmocka_unit_test(a_certificate_may_be_pinned_as_it_is),
        cmocka_unit_test(a_pinned_certificate_vouches_for_no_other),
        cmocka_unit_test(the_dates_must_hold),
        cmocka_unit_test(a_clients_certificate_does_not_serve),
        cmocka_unit_test(a_key_that_costs_too_much_is_not_computed_with),
        cmocka_unit_test(an_insecure_client_does_not_compute_with_it_either),
        cmocka_unit_test(the_sizes_of_rsa_keys_are_bounded_to_the_bit),
        cmocka_unit_test(insecure_accepts_what_is_refused_otherwise),
        cmocka_unit_test(a_server_may_demand_client_certificates),
        cmocka_unit_test(credentials_that_do_not_fit_are_refused_with_words),
        cmocka_unit_test(a_server_knows_what_its_certificate_covers),
    };

    return cmocka_run_group_tests(tests, trial_setup, trial_teardown);
}
