/* How much a peer's certificates may be, to the byte and to the element, and that both sides ask
 * before they read any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <gnutls/abstract.h>

#include "duel.h"
#include "quic/chain.h"
#include "quic/internal.h"

#include <qhcp/error.h>

#define ROOM 20000

static const struct rogue_plan honest;

/* A SEQUENCE of so many NULLs, with a length of two bytes. */
static size_t sequence(uint8_t *ret, size_t nulls)
{
    uint8_t head[] = {0x30, 0x82, (uint8_t)(2 * nulls >> 8), (uint8_t)(2 * nulls)};

    memcpy(ret, head, sizeof(head));
    for (size_t i = 0; i < nulls; i++)
        memcpy(ret + 4 + 2 * i, "\x05", 2);
    return 4 + 2 * nulls;
}

/* A Certificate message with this certificate so many times. */
static size_t message(uint8_t *ret, const uint8_t *der, size_t n, unsigned times)
{
    size_t all = (n + 5) * times, at = 4;
    uint8_t head[] = {0, (uint8_t)(all >> 16), (uint8_t)(all >> 8), (uint8_t)all};

    memcpy(ret, head, sizeof(head));
    for (unsigned i = 0; i < times; i++) {
        uint8_t size[] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

        memcpy(ret + at, size, sizeof(size));
        memcpy(ret + at + 3, der, n);
        memset(ret + at + 3 + n, 0, 2); /* no extensions */
        at += 5 + n;
    }
    return at;
}

static void chains_are_bounded_to_the_byte(void **state)
{
    static uint8_t der[ROOM], text[4 * ROOM];
    size_t n = sequence(der, 10);

    (void)state;
    assert_int_equal(chain_judge(text, message(text, der, n, 0)), CHAIN_FITS);
    assert_int_equal(chain_judge(text, message(text, der, n, CHAIN_CERTS)), CHAIN_FITS);
    assert_int_equal(chain_judge(text, message(text, der, n, CHAIN_CERTS + 1)), CHAIN_TOO_LONG);
    der[0] = 0x04; /* an OCTET STRING of nothing that is DER */
    memset(der + 4, 0xff, sizeof(der) - 4);
    n = CHAIN_BYTES - 5;
    der[2] = (uint8_t)((n - 4) >> 8);
    der[3] = (uint8_t)(n - 4);
    assert_int_equal(chain_judge(text, message(text, der, n, 1)), CHAIN_FITS);
    der[3]++;
    assert_int_equal(chain_judge(text, message(text, der, n + 1, 1)), CHAIN_TOO_LARGE);
}

static void elements_are_counted_wherever_they_lie(void **state)
{
    static uint8_t der[ROOM], outer[ROOM];
    size_t n = sequence(der, CHAIN_ELEMENTS - 1);

    (void)state;
    assert_int_equal(chain_judge_der(der, n), CHAIN_FITS);
    n = sequence(der, CHAIN_ELEMENTS);
    assert_int_equal(chain_judge_der(der, n), CHAIN_TOO_COMPLEX);
    for (unsigned tag = 0; tag < 2; tag++) { /* as an extension has them, and as names stand */
        size_t inner = CHAIN_ELEMENTS - 2;

        for (unsigned more = 0; more < 2; more++) {
            n = sequence(der, inner + more);
            memcpy(outer, tag ? "\x04\x82" : "\x31\x82", 2);
            outer[2] = (uint8_t)(n >> 8);
            outer[3] = (uint8_t)n;
            memcpy(outer + 4, der, n);
            assert_int_equal(chain_judge_der(outer, n + 4), more ? CHAIN_TOO_COMPLEX : CHAIN_FITS);
        }
    }
}

static void what_is_no_der_is_no_certificate(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum chain_verdict verdict;
    } rows[] = {
        {"", 0, CHAIN_FITS},
        {"\x30\x02\x05\x00", 4, CHAIN_FITS},
        {"\x30\x03\x05\x00", 4, CHAIN_MALFORMED}, /* longer than there is */
        {"\x30\x02\x05\x01", 4, CHAIN_MALFORMED},
        {"\x30\x80\x05\x00\x00\x00", 6, CHAIN_MALFORMED}, /* BER: of no definite length */
        {"\x30\x84\x00\x00\x00\x02\x05\x00", 8, CHAIN_MALFORMED},
        {"\x1f\x81\x01\x00", 4, CHAIN_FITS}, /* a tag of two bytes */
        {"\x1f\x81\x81\x81", 4, CHAIN_MALFORMED},
        {"\x30", 1, CHAIN_MALFORMED},
        {"\x04\x02\x05\x01", 4, CHAIN_FITS}, /* an OCTET STRING may hold anything */
    };
    uint8_t deep[80];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (chain_judge_der((const uint8_t *)rows[i].bytes, rows[i].n) != rows[i].verdict)
            fail_msg("row %zu", i);
    for (size_t i = 0; i < sizeof(deep); i += 2)
        deep[i] = 0x30, deep[i + 1] = (uint8_t)(sizeof(deep) - 2 - i);
    assert_int_equal(chain_judge_der(deep, sizeof(deep)), CHAIN_MALFORMED);
    assert_int_equal(chain_judge((const uint8_t *)"\x00\x00\x00", 3), CHAIN_MALFORMED);
    assert_int_equal(chain_judge((const uint8_t *)"\x00\x00\x00\x00\x00", 5), CHAIN_MALFORMED);
    assert_int_equal(chain_judge((const uint8_t *)"\x00\x00\x00\x01\x00", 5), CHAIN_MALFORMED);
}

static gnutls_pcert_st read_cert(const char *pem)
{
    gnutls_datum_t text = {.data = (unsigned char *)(uintptr_t)pem, .size = (unsigned)strlen(pem)};
    gnutls_pcert_st ret;

    assert_int_equal(gnutls_pcert_import_x509_raw(&ret, &text, GNUTLS_X509_FMT_PEM, 0), 0);
    return ret;
}

/* The rogue's certificate, behind it the CA's so many times. */
static void show(struct duel *d, const struct cert *cert, unsigned cas)
{
    gnutls_datum_t text = {.data = (unsigned char *)cert->key, .size = (unsigned)strlen(cert->key)};
    gnutls_pcert_st chain[CHAIN_CERTS + 1] = {read_cert(cert->pem)};
    gnutls_privkey_t key;

    for (unsigned i = 0; i < cas; i++)
        chain[i + 1] = read_cert(d->ca.pem);
    assert_int_equal(gnutls_privkey_init(&key), 0);
    assert_int_equal(gnutls_privkey_import_x509_raw(key, &text, GNUTLS_X509_FMT_PEM, NULL, 0), 0);
    gnutls_certificate_free_credentials(d->credentials);
    assert_int_equal(gnutls_certificate_allocate_credentials(&d->credentials), 0);
    assert_true(gnutls_certificate_set_key(d->credentials, NULL, 0, chain, (int)cas + 1, key) >= 0);
}

static void meet_with(struct duel *d, const struct cert *cert, unsigned certs)
{
    show(d, cert, certs - 1);
    duel_meet(d, &honest);
    if (certs <= CHAIN_CERTS) {
        if (d->rogue.close.seen || d->victim.connected != 1)
            fail_msg("%u certificates: %s", certs, d->victim.why.words);
    } else {
        assert_true(d->rogue.close.seen);
        assert_int_equal(d->rogue.close.code, 0x12a); /* bad_certificate */
        assert_string_equal(d->rogue.close.words, "the chain has more than 8 certificates");
    }
    duel_part(d);
}

static void a_client_reads_no_chain_that_is_too_long(void **state)
{
    struct duel *d = duel_new(false);

    (void)state;
    meet_with(d, &d->cert, CHAIN_CERTS + 1);
    assert_int_equal(d->victim.why.end, QUIC_END_CERTIFICATE);
    assert_string_equal(d->victim.why.words, "the chain has more than 8 certificates");
    meet_with(d, &d->cert, 2);
    duel_free(d);
}

static void a_server_reads_no_clients_chain_that_is_too_long(void **state)
{
    struct duel *d = duel_new(true);
    struct cert client =
        cert_make(&(struct cert_spec){.cn = "c", .client = true, .issuer = &d->ca});
    struct quic_tls *tls = world_tls(&(struct quic_tls_config){.cert_pem = d->cert.pem,
                                                               .key_pem = d->cert.key,
                                                               .trust_pem = d->ca.pem,
                                                               .require_client_cert = true});

    (void)state;
    quic_endpoint_set_tls(d->victim.endpoint, tls);
    quic_tls_unref(tls);
    meet_with(d, &client, CHAIN_CERTS + 1);
    meet_with(d, &client, 2);
    cert_free(&client);
    duel_free(d);
}

static void our_own_chain_is_refused_before_the_other_side_does(void **state)
{
    struct cert ca = cert_make(&(struct cert_spec){.cn = "Test CA", .ca = true});
    struct cert leaf = cert_make(&(struct cert_spec){.cn = "a", .issuer = &ca});
    char pem[ROOM], words[256];
    struct quic_tls *tls;
    struct quic_tls_config config = {.cert_pem = pem, .key_pem = leaf.key};

    (void)state;
    snprintf(pem, sizeof(pem), "%s", leaf.pem);
    for (unsigned certs = 1; certs <= CHAIN_CERTS + 1; certs++) {
        int rv = quic_tls_new(&config, &tls, words, sizeof(words));

        assert_int_equal(rv, certs > CHAIN_CERTS ? QHCP_E_TLS : 0);
        if (rv == 0)
            quic_tls_unref(tls);
        strncat(pem, ca.pem, sizeof(pem) - strlen(pem) - 1);
    }
    assert_string_equal(words, "certificate: the chain has more than 8 certificates: the "
                               "peer would refuse it");
    cert_free(&ca);
    cert_free(&leaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_are_bounded_to_the_byte),
        cmocka_unit_test(elements_are_counted_wherever_they_lie),
        cmocka_unit_test(what_is_no_der_is_no_certificate),
        cmocka_unit_test(a_client_reads_no_chain_that_is_too_long),
        cmocka_unit_test(a_server_reads_no_clients_chain_that_is_too_long),
        cmocka_unit_test(our_own_chain_is_refused_before_the_other_side_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
