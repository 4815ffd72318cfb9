#include "certs.h"

#include <arpa/inet.h>
#include <assert.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static char *take(gnutls_datum_t d)
{
    char *text = strndup((const char *)d.data, d.size);

    gnutls_free(d.data);
    return text;
}

static void must(int rv)
{
    if (rv < 0)
        abort();
}

static void load(const struct cert *c, gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    gnutls_datum_t pem = {(unsigned char *)c->pem, (unsigned)strlen(c->pem)};
    gnutls_datum_t key_pem = {(unsigned char *)c->key, (unsigned)strlen(c->key)};

    must(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM));
    must(gnutls_x509_privkey_import(key, &key_pem, GNUTLS_X509_FMT_PEM));
}

static void add_names(gnutls_x509_crt_t crt, const struct cert_spec *spec)
{
    uint8_t ip[16];

    for (size_t i = 0; i < 3 && spec->dns[i]; i++)
        must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, spec->dns[i],
                                                  (unsigned)strlen(spec->dns[i]),
                                                  GNUTLS_FSAN_APPEND));
    if (spec->ip) {
        unsigned n = strchr(spec->ip, ':') ? 16 : 4;

        inet_pton(n == 16 ? AF_INET6 : AF_INET, spec->ip, ip);
        must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, n,
                                                  GNUTLS_FSAN_APPEND));
    }
}

/* Big-endian numbers of NUMBER bytes. */
#define NUMBER 1200
#define EXPONENT 65537 /* divides 2^(p-1) - 1 where 32 divides p - 1 only */

static void add_power(uint8_t number[NUMBER], unsigned power, int sign)
{
    for (size_t i = NUMBER - 1 - power / 8, carry = 1u << power % 8; carry != 0; i--) {
        unsigned sum = number[i] + (sign > 0 ? (unsigned)carry : 0x10000u - (unsigned)carry);

        number[i] = (uint8_t)sum;
        carry = sign > 0 ? sum >> 8 : sum < 0x10000;
    }
}

/* number = number * factor + 1, and the remainder of its division by EXPONENT. */
static unsigned multiply(uint8_t number[NUMBER], unsigned factor)
{
    uint64_t carry = 1, rest = 0;

    for (size_t i = NUMBER; i-- > 0; carry >>= 8) {
        carry += (uint64_t)number[i] * factor;
        number[i] = (uint8_t)carry;
    }
    for (size_t i = 0; i < NUMBER; i++)
        rest = (rest << 8 | number[i]) % EXPONENT;
    return (unsigned)rest;
}

static void divide(uint8_t number[NUMBER])
{
    uint64_t rest = 0;

    for (size_t i = 0; i < NUMBER; i++) {
        rest = rest << 8 | number[i];
        number[i] = (uint8_t)(rest / EXPONENT);
        rest %= EXPONENT;
    }
}

static void mersenne(uint8_t ret[NUMBER], unsigned power)
{
    memset(ret, 0, NUMBER);
    add_power(ret, power, 1);
    add_power(ret, 0, -1);
}

/* d = (k (p - 1)(q - 1) + 1) / e for the k with which that is whole. */
static void private_exponent(uint8_t ret[NUMBER], unsigned p, unsigned q)
{
    uint8_t phi[NUMBER] = {0};
    unsigned k = 0;

    add_power(phi, p + q, 1); /* (2^p - 2)(2^q - 2) */
    add_power(phi, p + 1, -1);
    add_power(phi, q + 1, -1);
    add_power(phi, 2, 1);
    do {
        memcpy(ret, phi, NUMBER);
    } while (multiply(ret, ++k) != 0 && k < EXPONENT);
    divide(ret);
}

static void make_rsa(gnutls_x509_privkey_t key, unsigned p, unsigned q)
{
    uint8_t primes[2][NUMBER], modulus[NUMBER] = {0}, d[NUMBER], e[] = {1, 0, 1};
    gnutls_datum_t numbers[] = {
        {modulus, NUMBER}, {e, sizeof(e)}, {d, NUMBER}, {primes[0], NUMBER}, {primes[1], NUMBER},
    };

    mersenne(primes[0], p);
    mersenne(primes[1], q);
    add_power(modulus, p + q, 1);
    add_power(modulus, p, -1);
    add_power(modulus, q, -1);
    add_power(modulus, 0, 1);
    private_exponent(d, p, q);
    must(gnutls_x509_privkey_import_rsa_raw2(key, &numbers[0], &numbers[1], &numbers[2],
                                             &numbers[3], &numbers[4], NULL, NULL, NULL));
}

struct cert cert_make(const struct cert_spec *spec)
{
    static uint64_t serial = 1;
    gnutls_x509_crt_t crt, issuer;
    gnutls_x509_privkey_t key, issuer_key;
    struct cert ret;
    gnutls_datum_t out;
    uint8_t number[8];
    uint64_t n = serial++;
    time_t now = time(NULL);

    for (size_t i = 0; i < 8; i++)
        number[i] = (uint8_t)(n >> (56 - 8 * i));
    must(gnutls_x509_crt_init(&crt));
    must(gnutls_x509_privkey_init(&key));
    must(gnutls_x509_crt_init(&issuer));
    must(gnutls_x509_privkey_init(&issuer_key));
    if (spec->rsa_p)
        make_rsa(key, spec->rsa_p, spec->rsa_q);
    else
        must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                          GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    must(gnutls_x509_crt_set_version(crt, 3));
    must(gnutls_x509_crt_set_serial(crt, number, sizeof(number)));
    must(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, spec->cn,
                                       (unsigned)strlen(spec->cn)));
    must(gnutls_x509_crt_set_activation_time(crt, now + (spec->from ? spec->from : -3600)));
    must(gnutls_x509_crt_set_expiration_time(crt, now + (spec->until ? spec->until : 86400)));
    must(gnutls_x509_crt_set_key(crt, key));
    add_names(crt, spec);
    must(gnutls_x509_crt_set_basic_constraints(crt, spec->ca, -1));
    if (spec->ca)
        must(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN));
    else
        must(gnutls_x509_crt_set_key_purpose_oid(
            crt, spec->client ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER, 0));
    if (spec->issuer) {
        load(spec->issuer, issuer, issuer_key);
        must(gnutls_x509_crt_sign2(crt, issuer, issuer_key, GNUTLS_DIG_SHA256, 0));
    } else {
        must(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
    }
    must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out));
    ret.pem = take(out);
    must(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &out));
    ret.key = take(out);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_crt_deinit(issuer);
    gnutls_x509_privkey_deinit(key);
    gnutls_x509_privkey_deinit(issuer_key);
    return ret;
}

void cert_free(struct cert *c)
{
    free(c->pem);
    free(c->key);
    *c = (struct cert){0};
}

unsigned char *cert_with_rsa(unsigned modulus_bits, unsigned exponent_bits, unsigned *ret_size)
{
    uint8_t modulus[NUMBER] = {0}, exponent[NUMBER] = {0}, serial = 1;
    gnutls_datum_t n = {modulus, NUMBER}, e = {exponent, NUMBER}, out;
    time_t now = time(NULL);
    struct cert ca = cert_make(&(struct cert_spec){.cn = "CA", .ca = true});
    gnutls_x509_crt_t crt, issuer;
    gnutls_x509_privkey_t key;
    gnutls_pubkey_t pub;

    mersenne(modulus, modulus_bits);
    mersenne(exponent, exponent_bits);
    must(gnutls_pubkey_init(&pub));
    must(gnutls_pubkey_import_rsa_raw(pub, &n, &e));
    must(gnutls_x509_crt_init(&crt));
    must(gnutls_x509_crt_set_version(crt, 3));
    must(gnutls_x509_crt_set_serial(crt, &serial, 1));
    must(gnutls_x509_crt_set_activation_time(crt, now - 3600));
    must(gnutls_x509_crt_set_expiration_time(crt, now + 3600));
    must(gnutls_x509_crt_set_pubkey(crt, pub));
    must(gnutls_x509_crt_init(&issuer));
    must(gnutls_x509_privkey_init(&key));
    load(&ca, issuer, key);
    must(gnutls_x509_crt_sign2(crt, issuer, key, GNUTLS_DIG_SHA256, 0));
    must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &out));
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_crt_deinit(issuer);
    gnutls_x509_privkey_deinit(key);
    gnutls_pubkey_deinit(pub);
    cert_free(&ca);
    *ret_size = out.size;
    return out.data;
}
