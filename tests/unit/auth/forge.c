#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/b64url.h"
#include "forge.h"
#include <qhcp/error.h>

char forge_words[256], forge_log[600];
const uint8_t forge_secret[32] = "0123456789abcdef0123456789abcde";

static const struct {
    const char *kid, *alg, *policy;
} rows[FORGE_KEYS] = {
    [ES] = {"es", "ES256", "{'scope':'health config terminate'}"},
    [OUT] = {"out", "ES256", "{'scope':'health config','unbound':true}"},
    [RS] = {"rs", "RS256", "{'scope':'health'}"},
    [HS] = {"hs", "HS256", "{'scope':'health'}"},
    [OLD] = {"old", "ES256", "{'scope':'health','exp':1700000100}"},
    [NEW] = {"new", "ES256", "{'scope':'health','nbf':1699999900}"},
    [ONE] = {"one", "ES256", "{'scope':'health','aud':['a.example','A2.example']}"},
    [SERVER] = {"server", "ES256", "{'scope':'health'}"},
};

const char *forge_kid(enum forge_key key)
{
    return rows[key].kid;
}

json_t *forge_json(const char *text)
{
    char *copy = strdup(text);
    json_t *v;

    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    v = json_loads(copy, JSON_DECODE_ANY, NULL);
    assert_non_null(v);
    free(copy);
    return v;
}

json_t *forge_patch(json_t *base, const char *patch)
{
    json_t *changes, *v;
    const char *name;

    if (patch == NULL)
        return base;
    changes = forge_json(patch);
    json_object_foreach(changes, name, v)
    {
        const char *text = json_string_value(v);

        if (text != NULL && strcmp(text, "@absent") == 0)
            json_object_del(base, name);
        else if (text != NULL && strcmp(text, "@null") == 0)
            json_object_set_new(base, name, json_null());
        else
            json_object_set(base, name, v);
    }
    json_decref(changes);
    return base;
}

static json_t *set_entry(const struct forge *f, enum forge_key key)
{
    char *text = cjose_jwk_to_json(f->key[key], key == HS, NULL);
    json_t *entry = json_loads(text, 0, NULL);

    free(text);
    json_object_set_new(entry, "kid", json_string(rows[key].kid));
    json_object_set_new(entry, "alg", json_string(rows[key].alg));
    json_object_set_new(entry, "iss", json_sprintf("%s.issuer", rows[key].kid));
    return forge_patch(entry, rows[key].policy);
}

struct forge *forge_new(void)
{
    static const uint8_t e[] = {1, 0, 1};
    struct forge *f = calloc(1, sizeof *f);
    json_t *list = json_array();
    char words[256] = "", *text;

    memset(f->binding, 0x5a, sizeof f->binding);
    for (enum forge_key k = 0; k < FORGE_KEYS; k++)
        f->key[k] = k == RS   ? cjose_jwk_create_RSA_random(2048, e, sizeof e, NULL)
                    : k == HS ? cjose_jwk_create_oct_spec(forge_secret, sizeof forge_secret, NULL)
                              : cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
    for (enum forge_key k = 0; k < SERVER; k++)
        json_array_append_new(list, set_entry(f, k));
    f->set = json_pack("{s:o}", "keys", list);
    text = json_dumps(f->set, 0);
    if (auth_keys_parse(slice_str(text), &f->keys, words, sizeof words) != 0)
        fail_msg("%s", words);
    free(text);
    return f;
}

void forge_free(struct forge *f)
{
    for (enum forge_key k = 0; k < FORGE_KEYS; k++)
        cjose_jwk_release(f->key[k]);
    auth_keys_free(f->keys);
    json_decref(f->set);
    free(f);
}

json_t *forge_header(const struct forge *f, enum forge_key key, const char *patch)
{
    (void)f;
    return forge_patch(
        json_pack("{s:s, s:s, s:s}", "alg", rows[key].alg, "kid", rows[key].kid, "typ", "JWT"),
        patch);
}

json_t *forge_claims(const struct forge *f, enum forge_key key, const char *patch)
{
    char binding[64];
    json_t *claims;

    b64url_encode(slice_of(f->binding, sizeof f->binding), binding);
    claims = json_pack("{s:o, s:s, s:I, s:I, s:I, s:s, s:{s:s}}", "iss",
                       json_sprintf("%s.issuer", rows[key].kid), "aud", FORGE_AUD, "iat",
                       (json_int_t)FORGE_NOW, "nbf", (json_int_t)FORGE_NOW, "exp",
                       (json_int_t)FORGE_NOW + 300, "scope", "health config terminate", "cnf",
                       "tls-exporter", binding);
    assert_non_null(claims);
    return forge_patch(claims, patch);
}

char *forge_signed(const struct forge *f, enum forge_key key, const char *header_patch,
                   const char *claims_patch, cjose_jwk_t *signer)
{
    json_t *header = forge_header(f, key, header_patch);
    json_t *claims = forge_claims(f, key, claims_patch);
    char *payload = json_dumps(claims, JSON_COMPACT | JSON_ENCODE_ANY), *copy;
    cjose_jws_t *jws =
        cjose_jws_sign(signer, header, (const uint8_t *)payload, strlen(payload), NULL);
    const char *text;

    assert_non_null(jws);
    assert_true(cjose_jws_export(jws, &text, NULL));
    copy = strdup(text);
    cjose_jws_release(jws);
    free(payload);
    json_decref(header);
    json_decref(claims);
    return copy;
}

char *forge_token(const struct forge *f, enum forge_key key, const char *header_patch,
                  const char *claims_patch)
{
    return forge_signed(f, key, header_patch, claims_patch, f->key[key]);
}

char *forge_raw(const char *header, const char *payload, const char *signature)
{
    char *a = malloc(B64URL_SIZE(strlen(header)) + 1);
    char *b = malloc(B64URL_SIZE(strlen(payload)) + 1), *token;

    b64url_encode(slice_str(header), a);
    b64url_encode(slice_str(payload), b);
    assert_true(asprintf(&token, "%s.%s.%s", a, b, signature) > 0);
    free(a);
    free(b);
    return token;
}

char *forge_hmac(const char *header, const char *payload, const void *secret, size_t n)
{
    char *unsigned_token = forge_raw(header, payload, ""), text[64], *token;
    uint8_t mac[32];

    assert_int_equal(gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, n, unsigned_token,
                                      strlen(unsigned_token) - 1, mac),
                     0);
    b64url_encode(slice_of(mac, sizeof mac), text);
    free(unsigned_token);
    token = forge_raw(header, payload, text);
    return token;
}

static gnutls_datum_t member(const json_t *jwk, const char *name, uint8_t *buf, size_t cap)
{
    size_t n;

    assert_int_equal(
        b64url_decode(slice_str(json_string_value(json_object_get(jwk, name))), buf, cap, &n), 0);
    return (gnutls_datum_t){buf, (unsigned)n};
}

char *forge_pem(const struct forge *f, enum forge_key key)
{
    json_t *jwk = set_entry(f, key);
    uint8_t one[512], two[512];
    gnutls_datum_t a = member(jwk, key == RS ? "n" : "x", one, sizeof one), pem;
    gnutls_datum_t b = member(jwk, key == RS ? "e" : "y", two, sizeof two);
    gnutls_pubkey_t pub;
    char *text;

    assert_int_equal(gnutls_pubkey_init(&pub), 0);
    if (key == RS)
        assert_int_equal(gnutls_pubkey_import_rsa_raw(pub, &a, &b), 0);
    else
        assert_int_equal(gnutls_pubkey_import_ecc_raw(pub, GNUTLS_ECC_CURVE_SECP256R1, &a, &b), 0);
    assert_int_equal(gnutls_pubkey_export2(pub, GNUTLS_X509_FMT_PEM, &pem), 0);
    text = strndup((const char *)pem.data, pem.size);
    gnutls_free(pem.data);
    gnutls_pubkey_deinit(pub);
    json_decref(jwk);
    return text;
}

char *forge_jwk(const struct forge *f, enum forge_key key)
{
    return cjose_jwk_to_json(f->key[key], false, NULL);
}

static bool us(const char *aud, void *ctx)
{
    (void)ctx;
    return strcmp(aud, FORGE_AUD) == 0;
}

/* No run of the token's text may stand in what people read. */
static void nothing_leaks(const char *token, const char *words)
{
    enum { RUN = 12 };
    size_t n = strlen(token);
    char run[RUN + 1] = "";

    for (size_t i = 0; i + RUN <= n; i++) {
        memcpy(run, token + i, RUN);
        if (strstr(words, run) != NULL)
            fail_msg("words repeat the token: %s", words);
    }
}

int forge_verify_at(const struct forge *f, const char *token, int64_t now, struct auth_grant *ret)
{
    const struct auth_demand demand = {
        .now = now, .leeway = 5, .lifetime_max = 3600, .binding = f->binding, .audience_ok = us};
    int error;

    forge_words[0] = forge_log[0] = '\0';
    error = auth_verify(f->keys, slice_str(token), &demand, ret, forge_words, sizeof forge_words,
                        forge_log, sizeof forge_log);
    nothing_leaks(token, forge_words);
    nothing_leaks(token, forge_log);
    return error;
}

int forge_verify(const struct forge *f, const char *token, struct auth_grant *ret)
{
    return forge_verify_at(f, token, FORGE_NOW, ret);
}

void forge_refused(const struct forge *f, const char *token, int error, const char *words)
{
    struct auth_grant grant, before;
    int got;

    memset(&grant, 0xa5, sizeof grant);
    memcpy(&before, &grant, sizeof grant);
    got = forge_verify(f, token, &grant);
    if (got != error || (words != NULL && strstr(forge_words, words) == NULL))
        fail_msg("want %d \"%s\", got %d \"%s\"", error, words, got, forge_words);
    assert_true(forge_words[0] != '\0' && forge_log[0] != '\0');
    assert_memory_equal(&grant, &before, sizeof grant);
}

void forge_accepted(const struct forge *f, const char *token)
{
    struct auth_grant grant;
    int error = forge_verify(f, token, &grant);

    if (error != 0)
        fail_msg("refused: %d %s (%s)", error, forge_words, forge_log);
    assert_int_equal(forge_words[0], 0);
}
