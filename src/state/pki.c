/* Certificates are made here: see pki.h.  What reads and compares them is in pki_read.c. */
#include "state/pki.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <gnutls/crypto.h>
#include <qhcp/error.h>

#include "base/hex.h"
#include "base/os/file.h"

/* GnuTLS's own memory, handed out as malloc'd memory, so that every text is freed alike. */
static int take_datum(int rc, gnutls_datum_t *d, char **ret, const struct words *w)
{
    char *text;

    if (rc < 0)
        return words_fail(w, QHCP_E_TLS, "cannot write PEM: %s", gnutls_strerror(rc));
    text = malloc(d->size + 1);
    if (text) {
        memcpy(text, d->data, d->size);
        text[d->size] = '\0';
    }
    gnutls_memset(d->data, 0, d->size);
    gnutls_free(d->data);
    if (!text)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    *ret = text;
    return 0;
}

int pki_key_new(gnutls_x509_privkey_t *ret, const struct words *w)
{
    gnutls_x509_privkey_t key;
    int rc = gnutls_x509_privkey_init(&key);

    if (rc < 0)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (rc < 0) {
        gnutls_x509_privkey_deinit(key);
        return words_fail(w, QHCP_E_TLS, "cannot make a key: %s", gnutls_strerror(rc));
    }
    *ret = key;
    return 0;
}

int pki_key_pem(gnutls_x509_privkey_t key, char **ret, const struct words *w)
{
    gnutls_datum_t d = {0};
    int rc =
        gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &d);

    return take_datum(rc, &d, ret, w);
}

/* One rc after the other: the first failure stays. */
static void step(int *rc, int next)
{
    if (*rc >= 0)
        *rc = next;
}

static int set_common(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    uint8_t serial[16], id[64];
    size_t id_n = sizeof id;
    int rc = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);

    serial[0] = (serial[0] & 0x3f) | 0x40; /* positive and of one length (RFC 5280, 4.1.2.2) */
    step(&rc, gnutls_x509_crt_set_version(crt, 3));
    step(&rc, gnutls_x509_crt_set_key(crt, key));
    step(&rc, gnutls_x509_crt_set_serial(crt, serial, sizeof serial));
    step(&rc, gnutls_x509_crt_get_key_id(crt, 0, id, &id_n));
    step(&rc, gnutls_x509_crt_set_subject_key_id(crt, id, id_n));
    return rc;
}

static int set_dn(gnutls_x509_crt_t crt, const char *cn)
{
    int rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0, "QHCP", 4);

    if (cn[0] && strlen(cn) <= 64) /* ub-common-name */
        step(&rc, gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, cn,
                                                (unsigned)strlen(cn)));
    return rc;
}

/* A new CA is named by its host and a random tag, so that a user can tell two CAs apart. */
static int set_ca_name(gnutls_x509_crt_t crt, const char *host, gnutls_x509_crt_t renews)
{
    char cn[96];
    uint8_t tag[4];
    char shown[2 * sizeof tag + 1];
    int rc = 0;

    if (renews) {
        size_t n = sizeof cn;

        step(&rc, gnutls_x509_crt_get_dn_by_oid(renews, GNUTLS_OID_X520_COMMON_NAME, 0, 0, cn, &n));
        step(&rc,
             gnutls_x509_crt_set_activation_time(crt, gnutls_x509_crt_get_activation_time(renews)));
    } else {
        step(&rc, gnutls_rnd(GNUTLS_RND_NONCE, tag, sizeof tag));
        hex_write(slice_of(tag, sizeof tag), shown);
        snprintf(cn, sizeof cn, "%.38s private CA %s", host, shown);
    }
    if (rc >= 0)
        step(&rc, set_dn(crt, cn));
    return rc;
}

int pki_ca_new(gnutls_x509_privkey_t key, const char *host, gnutls_x509_crt_t renews, int64_t now,
               char **ret_pem, const struct words *w)
{
    gnutls_x509_crt_t crt;
    gnutls_datum_t d = {0};
    int rc = gnutls_x509_crt_init(&crt), error;

    if (rc < 0)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    step(&rc, gnutls_x509_crt_set_activation_time(crt, PKI_BEGIN));
    step(&rc, gnutls_x509_crt_set_expiration_time(crt, now + PKI_CA_LIFETIME));
    step(&rc, set_ca_name(crt, host, renews));
    step(&rc, set_common(crt, key));
    step(&rc, gnutls_x509_crt_set_basic_constraints(crt, 1, 0));
    step(&rc, gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN));
    step(&rc, gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
    if (rc < 0)
        error = words_fail(w, QHCP_E_TLS, "cannot make the CA: %s", gnutls_strerror(rc));
    else
        error = take_datum(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &d), &d, ret_pem, w);
    gnutls_x509_crt_deinit(crt);
    return error;
}

static int set_san(gnutls_x509_crt_t crt, const struct names *names)
{
    int rc = 0;

    for (size_t i = 0; i < names->n; i++) {
        const char *name = names->at[i];
        uint8_t a[16];

        if (inet_pton(AF_INET, name, a) == 1)
            step(&rc, gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, a, 4,
                                                           GNUTLS_FSAN_APPEND));
        else if (inet_pton(AF_INET6, name, a) == 1)
            step(&rc, gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, a, 16,
                                                           GNUTLS_FSAN_APPEND));
        else
            step(&rc,
                 gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name,
                                                      (unsigned)strlen(name), GNUTLS_FSAN_APPEND));
    }
    return rc;
}

static int set_authority(gnutls_x509_crt_t crt, gnutls_x509_crt_t ca)
{
    uint8_t id[64];
    size_t n = sizeof id;
    int rc = gnutls_x509_crt_get_subject_key_id(ca, id, &n, NULL);

    return rc < 0 ? rc : gnutls_x509_crt_set_authority_key_id(crt, id, n);
}

static int build_server(gnutls_x509_crt_t crt, const struct pki_issue *i)
{
    int64_t ca_end = gnutls_x509_crt_get_expiration_time(i->ca);
    int64_t ca_begin = gnutls_x509_crt_get_activation_time(i->ca);
    int64_t end = i->now + i->lifetime, begin = PKI_BEGIN;
    int rc = 0;

    step(&rc, gnutls_x509_crt_set_activation_time(crt, begin > ca_begin ? begin : ca_begin));
    step(&rc, gnutls_x509_crt_set_expiration_time(crt, end < ca_end ? end : ca_end));
    step(&rc, set_common(crt, i->key));
    step(&rc, set_dn(crt, i->names->at[0]));
    step(&rc, set_san(crt, i->names));
    step(&rc, set_authority(crt, i->ca));
    step(&rc, gnutls_x509_crt_set_basic_constraints(crt, 0, -1));
    step(&rc, gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE));
    step(&rc, gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
    step(&rc, gnutls_x509_crt_sign2(crt, i->ca, i->ca_key, GNUTLS_DIG_SHA256, 0));
    return rc;
}

int pki_server_new(const struct pki_issue *issue, char **ret_pem, const struct words *w)
{
    gnutls_x509_crt_t crt;
    gnutls_datum_t d = {0};
    int rc, error = pki_check_time(issue->ca, "the CA", issue->now, w);

    if (error)
        return error;
    if (gnutls_x509_crt_init(&crt) < 0)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    rc = build_server(crt, issue);
    if (rc < 0)
        error = words_fail(w, QHCP_E_TLS, "cannot make a certificate: %s", gnutls_strerror(rc));
    else
        error = take_datum(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &d), &d, ret_pem, w);
    gnutls_x509_crt_deinit(crt);
    return error;
}
