#include "certs.h"

#include <arpa/inet.h>
#include <assert.h>
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
