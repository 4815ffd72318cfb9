/* The token verifier and the parsers of keys.
 *
 *   {...}              parsed as a private key and as a set of keys
 *   !HEADER\nPAYLOAD   signed here with the shared secret, then verified: past the signature, which
 *                      no fuzzer guesses, to the claims
 *   anything else      verified as a token
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude -Isrc \
 *   fuzz/fuzz_token.c src/auth/[a-z]*.c src/base/error.c -lcjose -ljansson -lgnutls -o fuzz_token
 * ./fuzz_token /tmp/found fuzz/corpus/token */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>

#include "auth/auth.h"
#include "auth/b64url.h"
#include <qhcp/error.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Keys of RFC 7515, appendix A.2 and A.3, and a secret. */
static const char set_json[] =
    "{\"keys\":["
    "{\"kty\":\"oct\",\"kid\":\"hs\",\"alg\":\"HS256\",\"iss\":\"hs.issuer\",\"scope\":\"health\","
    "\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"es\",\"alg\":\"ES256\",\"iss\":\"es.issuer\","
    "\"scope\":\"health config\",\"exp\":1700000100,\"aud\":[\"a.example\",\"b.example\"],"
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
    "{\"kty\":\"RSA\",\"kid\":\"rs\",\"alg\":\"RS256\",\"iss\":\"rs.issuer\",\"scope\":\"health\","
    "\"unbound\":true,\"e\":\"AQAB\",\"n\":\""
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
    "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
    "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
    "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}]}";
static const char secret[] = "0123456789abcdef0123456789abcdef";
static const uint8_t binding[AUTH_BINDING] = "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ";

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool us(const char *aud, void *ctx)
{
    (void)ctx;
    return strcmp(aud, "a.example") == 0;
}

static const struct auth_keys *keys(void)
{
    static struct auth_keys *set;
    char words[256];

    if (set == NULL)
        must(auth_keys_parse(slice_str(set_json), &set, words, sizeof words) == 0);
    return set;
}

static void verify(struct slice token)
{
    const struct auth_demand demand = {.now = 1700000000,
                                       .leeway = 5,
                                       .lifetime_max = 3600,
                                       .binding = binding,
                                       .audience_ok = us};
    char words[64] = "", log_words[128] = ""; /* short, so that they are cut */
    struct auth_grant grant;
    int error = auth_verify(keys(), token, &demand, &grant, words, sizeof words, log_words,
                            sizeof log_words);

    if (error == 0) {
        must(grant.scopes != 0 && grant.scopes <= AUTH_SCOPE_ALL);
        must(grant.expires > demand.now && grant.expires <= demand.now + 3600 + 10);
        must(words[0] == '\0');
        return;
    }
    must(error <= QHCP_E_TOKEN_MISSING && error >= QHCP_E_TOKEN_CLAIM);
    must(words[0] != '\0' && memchr(words, '\0', sizeof words) != NULL);
    must(log_words[0] != '\0' && memchr(log_words, '\0', sizeof log_words) != NULL);
}

/* Makes a token of two texts and verifies it. */
static void sign_and_verify(struct slice header, struct slice payload)
{
    size_t a = B64URL_SIZE(header.n), b = B64URL_SIZE(payload.n);
    char *token = malloc(a + 1 + b + 1 + B64URL_SIZE(32) + 1);
    uint8_t mac[32];

    b64url_encode(header, token);
    token[a] = '.';
    b64url_encode(payload, token + a + 1);
    must(gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, sizeof secret - 1, token, a + 1 + b, mac) ==
         0);
    token[a + 1 + b] = '.';
    b64url_encode(slice_of(mac, sizeof mac), token + a + 1 + b + 1);
    verify(slice_str(token));
    free(token);
}

static void parse_key(struct slice text)
{
    struct auth_key *key, *again = NULL;
    char words[64] = "", *json;

    if (auth_key_parse(text, &key, words, sizeof words) != 0) {
        must(words[0] != '\0');
        return;
    }
    json = auth_key_json(key, true);
    must(json != NULL && auth_key_parse(slice_str(json), &again, words, sizeof words) == 0);
    must(strcmp(auth_key_kid(key), auth_key_kid(again)) == 0);
    auth_token_free(json);
    auth_key_free(again);
    auth_key_free(key);
}

static void parse_set(struct slice text)
{
    struct auth_keys *set;
    char words[64] = "";

    if (auth_keys_parse(text, &set, words, sizeof words) != 0) {
        must(words[0] != '\0');
        return;
    }
    must(auth_keys_count(set) <= LIMIT_KEYS);
    auth_keys_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of(data, size);
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;

    if (size > 0 && data[0] == '{') {
        parse_key(in);
        parse_set(in);
    } else if (size > 0 && data[0] == '!' && line != NULL) {
        sign_and_verify(slice_of(data + 1, (size_t)(line - data - 1)),
                        slice_of(line + 1, size - (size_t)(line + 1 - data)));
    } else {
        verify(in);
    }
    return 0;
}
