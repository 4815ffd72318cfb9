#include "auth/auth.h"

#include <stdlib.h>

#include "auth/auth_keys.h"
#include "auth/b64url.h"
#include "auth/claims.h"
#include "auth/jws.h"
#include "auth/refusal.h"
#include "base/value.h"
#include <qhcp/error.h>

/* The verifier.  A token is an attacker's text until its signature is checked with the key that its
 * `kid` names and the algorithm that this key has; the header is believed in nothing else.  What is
 * parsed here and what the library parses again are the same bytes in the one spelling they have.
 */

enum {
    PARTS = 3, /* header, payload, signature */
    PART_BYTES_MAX = LIMIT_TOKEN / 4 * 3,
};

/* Header parameters by which a token would bring its own key, or change what is signed (RFC 7515,
 * 4.1.2 to 4.1.6; RFC 7797). */
static const char *const dangerous[] = {"jwk", "jku", "x5u", "x5c", "b64"};

static int split(struct slice token, const struct refusal *v, struct slice ret[PARTS])
{
    size_t dots = 0, start = 0;

    if (token.n == 0)
        return refusal_say(v, QHCP_E_TOKEN_MISSING, "no token");
    if (token.n > LIMIT_TOKEN)
        return refusal_say(v, QHCP_E_TOKEN_MALFORMED, "token of %zu bytes, at most %d allowed",
                           token.n, LIMIT_TOKEN);
    for (size_t i = 0; i < token.n; i++)
        dots += token.p[i] == '.';
    if (dots != PARTS - 1)
        return refusal_say(v, QHCP_E_TOKEN_MALFORMED, "token has %zu parts, not %d", dots + 1,
                           PARTS);
    for (size_t part = 0; part < PARTS; part++) {
        size_t end = start;

        while (end < token.n && token.p[end] != '.')
            end++;
        ret[part] = slice_of(token.p + start, end - start);
        start = end + 1;
    }
    return 0;
}

/* All three parts must be strict base64url, though only the header is used here. */
static int decode(const struct slice parts[PARTS], const struct refusal *v, json_t **ret_header,
                  size_t *ret_signature)
{
    static const char *const names[PARTS] = {"header", "payload", "signature"};
    uint8_t bytes[PART_BYTES_MAX];
    json_t *header = NULL;
    size_t n;

    for (size_t i = 0; i < PARTS; i++) {
        if (b64url_decode(parts[i], bytes, sizeof bytes, &n) != 0) {
            json_decref(header);
            return refusal_say(v, QHCP_E_TOKEN_MALFORMED, "token's %s is not base64url", names[i]);
        }
        if (i == 0 && jwk_json(slice_of(bytes, n), &header, NULL, 0) != 0)
            return refusal_say(v, QHCP_E_TOKEN_MALFORMED,
                               "token's header is not a JSON object without duplicates");
    }
    *ret_header = header;
    *ret_signature = n;
    return 0;
}

static int check_header(const json_t *header, const struct refusal *v)
{
    if (json_object_get(header, "crit") != NULL)
        return refusal_say(v, QHCP_E_TOKEN_CRIT, "%s", qhcp_strerror(QHCP_E_TOKEN_CRIT));
    for (size_t i = 0; i < sizeof dangerous / sizeof dangerous[0]; i++)
        if (json_object_get(header, dangerous[i]) != NULL)
            return refusal_say(v, QHCP_E_TOKEN_MALFORMED,
                               "token's header has \"%s\", which is not allowed", dangerous[i]);
    return 0;
}

/* `kid "x" is not among the 2 known: a, b`: for the log alone. */
static void log_known(const struct auth_keys *keys, const char *kid, const struct refusal *v)
{
    char shown[VALUE_QUOTE + 8], known[512] = "";
    size_t used = 0;

    for (size_t i = 0; i < keys->count; i++) {
        size_t n = strlen(keys->at[i].kid);

        if (used + n + sizeof ", ..." > sizeof known) {
            memcpy(known + used, ", ...", sizeof ", ...");
            break;
        }
        if (used > 0) {
            memcpy(known + used, ", ", 2);
            used += 2;
        }
        memcpy(known + used, keys->at[i].kid, n + 1);
        used += n;
    }
    refusal_log(v, "kid %s is not among the %zu known%s%s", value_quote(kid, shown), keys->count,
                keys->count > 0 ? ": " : "", known);
}

static int find_key(const struct auth_keys *keys, const json_t *header, const struct refusal *v,
                    const struct jwk **ret)
{
    const char *kid = json_string_value(json_object_get(header, "kid"));
    int error;

    for (size_t i = 0; kid != NULL && i < keys->count; i++)
        if (strcmp(keys->at[i].kid, kid) == 0) {
            *ret = &keys->at[i];
            return 0;
        }
    if (kid == NULL)
        return refusal_say(v, QHCP_E_TOKEN_KEY, "token's header has no kid");
    error = refusal_say(
        v, QHCP_E_TOKEN_KEY,
        "signed with a key that this server does not know: give it the load balancer's public key "
        "in a new bundle (qhcp keys export, qhcp keys import)");
    log_known(keys, kid, v);
    return error;
}

/* The key has one algorithm; a header that names another is a forgery (RFC 8725, 3.1). */
static int check_algorithm(const json_t *header, const struct jwk *key, const struct refusal *v)
{
    const char *alg = json_string_value(json_object_get(header, "alg"));
    char shown[VALUE_QUOTE + 8];
    int error;

    if (alg != NULL && strcmp(alg, jwk_alg_name(key->alg)) == 0)
        return 0;
    error = refusal_say(v, QHCP_E_TOKEN_ALGORITHM, "algorithm is not its key's");
    refusal_log(v, "algorithm is %s, but its key \"%s\" is only for %s",
                alg != NULL ? value_quote(alg, shown) : "missing", key->kid,
                jwk_alg_name(key->alg));
    return error;
}

/* Shape, crit, kid, algorithm: all that comes before arithmetic. */
static int choose_key(const struct auth_keys *keys, struct slice token, const struct refusal *v,
                      const struct jwk **ret)
{
    struct slice parts[PARTS];
    const struct jwk *key = NULL;
    json_t *header = NULL;
    size_t signature = 0;
    int error = split(token, v, parts);

    if (error == 0)
        error = decode(parts, v, &header, &signature);
    if (error != 0)
        return error;
    error = check_header(header, v);
    if (error == 0)
        error = find_key(keys, header, v, &key);
    if (error == 0 && key->revoked)
        error = refusal_say(v, QHCP_E_TOKEN_KEY, "its key was revoked");
    if (error == 0)
        error = check_algorithm(header, key, v);
    if (error == 0 && signature != key->signature)
        error = refusal_say(v, QHCP_E_TOKEN_SIGNATURE, "signature has the wrong size");
    if (error == 0)
        *ret = key;
    json_decref(header);
    return error;
}

int auth_verify(const struct auth_keys *keys, struct slice token, const struct auth_demand *demand,
                struct auth_grant *ret, char *words, size_t words_cap, char *log_words,
                size_t log_words_cap)
{
    const struct refusal v = {words, log_words, words_cap, log_words_cap};
    const struct jwk *key;
    json_t *claims;
    uint8_t *payload;
    size_t n;
    int error = choose_key(keys, token, &v, &key);

    if (error != 0)
        return error;
    error = jws_verify(key, token, &payload, &n);
    if (error != 0)
        return refusal_say(&v, error, "%s", qhcp_strerror(error));
    error = jwk_json(slice_of(payload, n), &claims, NULL, 0);
    free(payload);
    if (error != 0)
        return refusal_say(&v, QHCP_E_TOKEN_MALFORMED,
                           "token's payload is not a JSON object without duplicates");
    error = claims_check(claims, key, demand, &v, ret);
    json_decref(claims);
    return error;
}
