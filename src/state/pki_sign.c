/* Signatures over texts, as JOSE writes them: see pki.h. */
#include "state/pki.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <qhcp/error.h>

#define HALF (PKI_SIGNATURE / 2)

/* A number of the signature, right-aligned; GnuTLS may put a zero before it, or leave zeros out. */
static bool put_half(const gnutls_datum_t *d, uint8_t ret[HALF])
{
    const uint8_t *p = d->data;
    size_t n = d->size;

    while (n > HALF && *p == 0) {
        p++;
        n--;
    }
    if (n > HALF)
        return false;
    memset(ret, 0, HALF - n);
    memcpy(ret + HALF - n, p, n);
    return true;
}

static bool to_raw(const gnutls_datum_t *der, uint8_t ret[PKI_SIGNATURE])
{
    gnutls_datum_t r = {0}, s = {0};
    bool done =
        gnutls_decode_rs_value(der, &r, &s) == 0 && put_half(&r, ret) && put_half(&s, ret + HALF);

    gnutls_free(r.data);
    gnutls_free(s.data);
    return done;
}

int pki_sign(gnutls_x509_privkey_t key, struct slice text, uint8_t ret[PKI_SIGNATURE],
             const struct words *w)
{
    const gnutls_datum_t data = {(unsigned char *)(uintptr_t)text.p, (unsigned)text.n};
    gnutls_datum_t der = {0};
    gnutls_privkey_t signer;
    bool done;

    if (gnutls_privkey_init(&signer) != 0)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    done = gnutls_privkey_import_x509(signer, key, 0) == 0 &&
           gnutls_privkey_sign_data2(signer, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &der) == 0 &&
           to_raw(&der, ret);
    gnutls_free(der.data);
    gnutls_privkey_deinit(signer);
    return done ? 0 : words_fail(w, QHCP_E_TLS, "cannot sign with the CA's key");
}

bool pki_verify(gnutls_x509_crt_t crt, struct slice text, const uint8_t signature[PKI_SIGNATURE])
{
    const gnutls_datum_t data = {(unsigned char *)(uintptr_t)text.p, (unsigned)text.n};
    const gnutls_datum_t r = {(unsigned char *)(uintptr_t)signature, HALF};
    const gnutls_datum_t s = {(unsigned char *)(uintptr_t)signature + HALF, HALF};
    gnutls_datum_t der = {0};
    gnutls_pubkey_t key;
    bool good;

    if (gnutls_pubkey_init(&key) != 0)
        return false;
    good = gnutls_pubkey_import_x509(key, crt, 0) == 0 &&
           gnutls_encode_rs_value(&der, &r, &s) == 0 &&
           gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &der) >= 0;
    gnutls_free(der.data);
    gnutls_pubkey_deinit(key);
    return good;
}
