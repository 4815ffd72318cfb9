#include "auth/auth.h"

#include <jansson.h>
#include <stdlib.h>

#include "auth/auth_key.h"
#include "auth/b64url.h"
#include "auth/jws.h"
#include "auth/scope.h"
#include <qhcp/error.h>

static bool claims_possible(const struct auth_claims *c, unsigned scopes)
{
    return c->audience != NULL && *c->audience != '\0' && strlen(c->audience) <= LIMIT_ID * 2 &&
           (c->subject == NULL || strlen(c->subject) <= LIMIT_ID) && scopes != 0 && c->now >= 0 &&
           c->now <= LIMIT_UNIX_SECONDS && c->lifetime > 0 &&
           c->lifetime <= LIMIT_UNIX_SECONDS - c->now;
}

/* {"tls-exporter": base64url}: a confirmation claim (RFC 7800) with the exporter's value. */
static int add_binding(json_t *claims, const uint8_t *binding)
{
    char text[B64URL_SIZE(AUTH_BINDING) + 1];

    b64url_encode(slice_of(binding, AUTH_BINDING), text);
    return json_object_set_new(claims, "cnf", json_pack("{s:s}", "tls-exporter", text));
}

static char *payload_text(const struct auth_key *key, const struct auth_claims *c, unsigned scopes)
{
    char jti[B64URL_RANDOM], scope[SCOPE_TEXT], *text = NULL;
    json_t *claims;

    if (b64url_random(jti) != 0)
        return NULL;
    scope_text(scopes, scope);
    claims = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s}", "iss", key->jwk.iss, "aud",
                       c->audience, "iat", (json_int_t)c->now, "nbf", (json_int_t)c->now, "exp",
                       (json_int_t)(c->now + c->lifetime), "jti", jti, "scope", scope);
    if (claims != NULL && c->subject != NULL &&
        json_object_set_new(claims, "sub", json_string(c->subject)) != 0) {
        json_decref(claims);
        return NULL;
    }
    if (claims != NULL && (c->binding == NULL || add_binding(claims, c->binding) == 0))
        text = json_dumps(claims, JSON_COMPACT);
    json_decref(claims);
    return text;
}

int auth_mint(const struct auth_key *key, const struct auth_claims *claims, char **ret)
{
    unsigned scopes = claims->scopes & key->jwk.scopes;
    json_t *header = NULL;
    char *payload = NULL, *token;
    int error = QHCP_E_ARG;

    if (!claims_possible(claims, scopes))
        return error;
    header = json_pack("{s:s, s:s, s:s}", "alg", jwk_alg_name(key->jwk.alg), "kid", key->jwk.kid,
                       "typ", "JWT");
    payload = payload_text(key, claims, scopes);
    error = header != NULL && payload != NULL ? jws_sign(&key->jwk, header, payload, &token)
                                              : QHCP_E_INTERNAL;
    free(payload);
    json_decref(header);
    if (error != 0)
        return error;
    if (strlen(token) > LIMIT_TOKEN) {
        auth_token_free(token);
        return QHCP_E_ARG;
    }
    *ret = token;
    return 0;
}

void auth_token_free(char *token)
{
    if (token == NULL)
        return;
    explicit_bzero(token, strlen(token));
    free(token);
}

unsigned auth_token_scopes(struct slice token)
{
    const uint8_t *dot = memchr(token.p, '.', token.n), *end;
    uint8_t bytes[LIMIT_TOKEN];
    json_t *claims = NULL;
    const char *text;
    unsigned scopes;
    size_t n;

    if (dot == NULL)
        return 0;
    end = memchr(dot + 1, '.', token.n - (size_t)(dot + 1 - token.p));
    if (end == NULL ||
        b64url_decode(slice_of(dot + 1, (size_t)(end - dot - 1)), bytes, sizeof bytes, &n) != 0 ||
        jwk_json(slice_of(bytes, n), &claims, NULL, 0) != 0)
        return 0;
    text = json_string_value(json_object_get(claims, "scope"));
    scopes = text != NULL ? scope_parse(text, NULL) : 0;
    json_decref(claims);
    return scopes;
}
