#include <stdio.h>

#include "auth/jwk.h"
#include "auth/jwk_member.h"
#include <qhcp/error.h>

/* The arithmetic part of a key.  cjose decodes base64url leniently and does not look at key sizes,
 * so it gets bytes that were checked here. */

enum {
    EC_BYTES = 32, /* a coordinate or scalar of P-256 */
    HMAC_BYTES = 32,
    RSA_BITS_MIN = 2048,  /* RFC 7518, 3.3 */
    RSA_BYTES_MAX = 1024, /* 8,192 bits: a larger modulus is a way to spend our time */
    RSA_E_BYTES_MAX = 8,
    SECRET_BYTES_MAX = 1024,
};

/* Private members of EC and RSA keys (RFC 7518, 6.2.2 and 6.3.2). */
static const char *const private_members[] = {"d", "p", "q", "dp", "dq", "qi", "oth"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int read_ec(const json_t *object, enum jwk_use use, struct jwk *key, char *words, size_t cap)
{
    uint8_t x[EC_BYTES], y[EC_BYTES], d[EC_BYTES];
    cjose_jwk_ec_keyspec spec = {
        .crv = CJOSE_JWK_EC_P_256, .x = x, .xlen = sizeof x, .y = y, .ylen = sizeof y};
    const char *crv;
    int error = jwk_member_text(object, "crv", &crv, words, cap);

    if (error == 0 && strcmp(crv, "P-256") != 0) {
        snprintf(words, cap, "member \"crv\" is not P-256");
        error = QHCP_E_PARSE;
    }
    if (error == 0)
        error = jwk_member_exact(object, "x", x, sizeof x, words, cap);
    if (error == 0)
        error = jwk_member_exact(object, "y", y, sizeof y, words, cap);
    if (error == 0 && use == JWK_SIGN) {
        error = jwk_member_exact(object, "d", d, sizeof d, words, cap);
        spec.d = d;
        spec.dlen = sizeof d;
    }
    if (error != 0)
        goto wipe;
    key->signature = 2 * EC_BYTES;
    key->material = cjose_jwk_create_EC_spec(&spec, NULL);
    if (key->material == NULL) {
        snprintf(words, cap, "members \"x\" and \"y\" are not a point of P-256");
        error = QHCP_E_PARSE;
    }
wipe:
    explicit_bzero(d, sizeof d);
    return error;
}

static size_t bits_of(const uint8_t *p, size_t n)
{
    size_t bits = n * 8;

    for (uint8_t top = p[0]; bits > 0 && (top & 0x80) == 0; top = (uint8_t)(top << 1 | 1))
        bits--;
    return bits;
}

static int read_rsa(const json_t *object, struct jwk *key, char *words, size_t cap)
{
    uint8_t n[RSA_BYTES_MAX], e[RSA_E_BYTES_MAX];
    cjose_jwk_rsa_keyspec spec = {.n = n, .e = e};
    int error = jwk_member_bytes(object, "n", n, sizeof n, &spec.nlen, words, cap);

    if (error == 0)
        error = jwk_member_bytes(object, "e", e, sizeof e, &spec.elen, words, cap);
    if (error != 0)
        return error;
    if (n[0] == 0 || e[0] == 0) { /* Base64urlUInt is minimal (RFC 7518, 2) */
        snprintf(words, cap, "member \"%s\" has leading zeros", n[0] == 0 ? "n" : "e");
        return QHCP_E_PARSE;
    }
    if (bits_of(n, spec.nlen) < RSA_BITS_MIN) {
        snprintf(words, cap, "member \"n\": an RSA key of %zu bits, at least %d are needed",
                 bits_of(n, spec.nlen), RSA_BITS_MIN);
        return QHCP_E_PARSE;
    }
    /* With e = 1 every message is its own signature; an even n or e is no RSA key. */
    if ((n[spec.nlen - 1] & 1) == 0 || (e[spec.elen - 1] & 1) == 0 ||
        (spec.elen == 1 && e[0] == 1)) {
        snprintf(words, cap, "members \"n\" and \"e\" are not an RSA key");
        return QHCP_E_PARSE;
    }
    key->signature = spec.nlen;
    key->material = cjose_jwk_create_RSA_spec(&spec, NULL);
    return key->material != NULL ? 0 : QHCP_E_NOMEM;
}

static int read_secret(const json_t *object, struct jwk *key, char *words, size_t cap)
{
    static const char pem[] = "-----BEGIN";
    uint8_t k[SECRET_BYTES_MAX];
    size_t n;
    int error = jwk_member_bytes(object, "k", k, sizeof k, &n, words, cap);

    if (error == 0 && n < HMAC_BYTES) { /* RFC 7518, 3.2 */
        snprintf(words, cap, "member \"k\": a secret of %zu bytes, at least %d are needed", n,
                 HMAC_BYTES);
        error = QHCP_E_PARSE;
    }
    if (error == 0 && memcmp(k, pem, sizeof pem - 1) == 0) {
        snprintf(words, cap, "member \"k\" is a PEM text, which is not a secret");
        error = QHCP_E_PARSE;
    }
    if (error == 0) {
        key->signature = HMAC_BYTES;
        key->material = cjose_jwk_create_oct_spec(k, n, NULL);
        error = key->material != NULL ? 0 : QHCP_E_NOMEM;
    }
    explicit_bzero(k, sizeof k);
    return error;
}

int jwk_material(const json_t *object, enum jwk_use use, struct jwk *key, char *words, size_t cap)
{
    if (key->alg == JWK_HS256)
        return read_secret(object, key, words, cap);
    for (size_t i = 0; use == JWK_VERIFY && i < COUNT(private_members); i++)
        if (json_object_get(object, private_members[i]) != NULL) {
            snprintf(words, cap, "member \"%s\" is private: a server holds only public keys",
                     private_members[i]);
            return QHCP_E_PARSE;
        }
    return key->alg == JWK_ES256 ? read_ec(object, use, key, words, cap)
                                 : read_rsa(object, key, words, cap);
}
