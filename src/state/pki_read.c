/* Certificates and keys, read and compared. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <gnutls/crypto.h>
#include <qhcp/error.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "state/pki.h"

static gnutls_datum_t datum(struct slice s)
{
    return (gnutls_datum_t){.data = (unsigned char *)s.p, .size = (unsigned)s.n};
}

int pki_key_load(struct slice pem, const char *where, gnutls_x509_privkey_t *ret,
                 const struct words *w)
{
    gnutls_datum_t d = datum(pem);
    gnutls_x509_privkey_t key;
    int rc;

    if (gnutls_x509_privkey_init(&key) < 0)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    rc = gnutls_x509_privkey_import2(key, &d, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN);
    if (rc < 0) {
        gnutls_x509_privkey_deinit(key);
        return words_fail(w, QHCP_E_PARSE, "%s is not a private key in PEM (%s)", where,
                          gnutls_strerror(rc));
    }
    *ret = key;
    return 0;
}

int pki_cert_load(struct slice pem, const char *where, bool only, gnutls_x509_crt_t *ret,
                  const struct words *w)
{
    gnutls_datum_t d = datum(pem);
    gnutls_x509_crt_t *all = NULL;
    unsigned n = 0;
    int rc = gnutls_x509_crt_list_import2(&all, &n, &d, GNUTLS_X509_FMT_PEM, 0);

    if (rc < 0 || n == 0)
        return words_fail(w, QHCP_E_PARSE, "%s is not a certificate in PEM (%s)", where,
                          rc < 0 ? gnutls_strerror(rc) : "it has none");
    for (unsigned i = 1; i < n; i++)
        gnutls_x509_crt_deinit(all[i]);
    if (only && n > 1) {
        gnutls_x509_crt_deinit(all[0]);
        gnutls_free(all);
        return words_fail(w, QHCP_E_PARSE, "%s has %u certificates instead of one", where, n);
    }
    *ret = all[0];
    gnutls_free(all);
    return 0;
}

bool pki_key_matches(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    uint8_t a[32], b[32];
    size_t an = sizeof a, bn = sizeof b;

    return gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, a, &an) >= 0 &&
           gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, b, &bn) >= 0 &&
           slice_equal(slice_of(a, an), slice_of(b, bn));
}

bool pki_same_key(gnutls_x509_crt_t a, gnutls_x509_crt_t b)
{
    uint8_t x[32], y[32];
    size_t xn = sizeof x, yn = sizeof y;

    return gnutls_x509_crt_get_key_id(a, GNUTLS_KEYID_USE_SHA256, x, &xn) >= 0 &&
           gnutls_x509_crt_get_key_id(b, GNUTLS_KEYID_USE_SHA256, y, &yn) >= 0 &&
           slice_equal(slice_of(x, xn), slice_of(y, yn));
}

bool pki_issued_by(gnutls_x509_crt_t crt, gnutls_x509_crt_t ca)
{
    unsigned status = 0;
    unsigned flags = GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS;

    return gnutls_x509_crt_check_issuer(crt, ca) &&
           gnutls_x509_crt_verify(crt, &ca, 1, flags, &status) >= 0 && status == 0;
}

bool pki_is_ca(gnutls_x509_crt_t crt)
{
    return gnutls_x509_crt_get_ca_status(crt, NULL) > 0;
}

bool pki_is_server(gnutls_x509_crt_t crt)
{
    return !pki_is_ca(crt) &&
           gnutls_x509_crt_check_key_purpose(crt, GNUTLS_KP_TLS_WWW_SERVER,
                                             GNUTLS_VERIFY_DO_NOT_ALLOW_WILDCARDS) != 0;
}

static bool san_text(int type, const uint8_t *san, size_t n, char ret[NAMES_TEXT])
{
    if (type == GNUTLS_SAN_IPADDRESS && n == 4)
        return inet_ntop(AF_INET, san, ret, NAMES_TEXT);
    if (type == GNUTLS_SAN_IPADDRESS && n == 16)
        return inet_ntop(AF_INET6, san, ret, NAMES_TEXT);
    if (type != GNUTLS_SAN_DNSNAME || n >= NAMES_TEXT)
        return false;
    for (size_t i = 0; i < n; i++)
        if (san[i] <= ' ' || san[i] > '~') /* it may be shown on a terminal */
            return false;
    slice_to_cstr(slice_of(san, n), ret, NAMES_TEXT);
    return true;
}

void pki_names(gnutls_x509_crt_t crt, struct names *ret)
{
    ret->n = 0;
    for (unsigned i = 0; ret->n < NAMES_MAX; i++) {
        uint8_t san[512];
        size_t n = sizeof san;
        char text[NAMES_TEXT];
        int type = gnutls_x509_crt_get_subject_alt_name(crt, i, san, &n, NULL);

        if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue;
        if (type < 0)
            return;
        if (san_text(type, san, n, text))
            names_add(ret, text);
    }
}

void pki_subject(gnutls_x509_crt_t crt, char *ret, size_t cap)
{
    size_t n = cap;

    if (gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, ret, &n) < 0)
        snprintf(ret, cap, "(no name)");
    utf8_clean(slice_str(ret), ret, cap);
}

void pki_fingerprint_text(const uint8_t sha256[32], char ret[PKI_FINGERPRINT])
{
    memcpy(ret, "sha256:", 7);
    hex_write(slice_of(sha256, 32), ret + 7);
}

void pki_fingerprint(gnutls_x509_crt_t crt, char ret[PKI_FINGERPRINT])
{
    uint8_t raw[32] = {0};
    size_t n = sizeof raw;

    gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, raw, &n);
    pki_fingerprint_text(raw, ret);
}

void pki_date(int64_t t, char ret[16])
{
    time_t tt = (time_t)t;
    struct tm tm;

    if (!gmtime_r(&tt, &tm) || strftime(ret, 16, "%Y-%m-%d", &tm) == 0)
        snprintf(ret, 16, "unknown");
}

/* To the minute: two dates that differ by hours would look the same. */
static void date_and_time(int64_t t, char ret[32])
{
    time_t tt = (time_t)t;
    struct tm tm;

    if (!gmtime_r(&tt, &tm) || strftime(ret, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0)
        snprintf(ret, 32, "an unknown time");
}

int pki_check_time(gnutls_x509_crt_t crt, const char *what, int64_t now, const struct words *w)
{
    int64_t begin = gnutls_x509_crt_get_activation_time(crt);
    int64_t end = gnutls_x509_crt_get_expiration_time(crt);
    char a[32], b[32];

    date_and_time(now, a);
    if (now < begin) {
        date_and_time(begin, b);
        return words_fail(w, QHCP_E_CERT,
                          "%s is valid only from %s, and this machine's clock says %s: set the "
                          "clock. If the clock is right, it was ahead when that was made: move it "
                          "away (the CA: the whole state directory) and make it again",
                          what, b, a);
    }
    if (now > end) {
        date_and_time(end, b);
        return words_fail(w, QHCP_E_CERT, "%s expired on %s (this machine's clock says %s)", what,
                          b, a);
    }
    return 0;
}
