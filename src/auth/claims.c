#include "auth/claims.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <strings.h>

#include "auth/b64url.h"
#include "auth/scope.h"
#include "base/utf8.h"
#include "base/value.h"
#include "base/words.h"
#include <qhcp/error.h>

enum {
    LEEWAY_MAX = 60, /* seconds; a clock that is further off wants repair, not patience */
    SPAN = 32,       /* bytes of a time in words */
};

/* What every check below looks at. */
struct trial {
    const json_t *claims;
    const struct jwk *key;
    const struct auth_demand *demand;
    const struct refusal *v;
    int64_t now, leeway;
};

static int read_text(const struct trial *t, const char *name, const char **ret)
{
    const json_t *v = json_object_get(t->claims, name);

    if (!json_is_string(v))
        return refusal_say(t->v, QHCP_E_TOKEN_CLAIM, "claim \"%s\" is %s", name,
                           v == NULL ? "missing" : "not a string");
    *ret = json_string_value(v);
    return 0;
}

/* A time (NumericDate, whole seconds only).  Where it is absent and not required, `absent`. */
static int read_time(const struct trial *t, const char *name, bool required, int64_t absent,
                     int64_t *ret)
{
    const json_t *v = json_object_get(t->claims, name);

    if (v == NULL && !required) {
        *ret = absent;
        return 0;
    }
    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        json_integer_value(v) > LIMIT_UNIX_SECONDS)
        return refusal_say(t->v, QHCP_E_TOKEN_CLAIM, "claim \"%s\" is %s", name,
                           v == NULL ? "missing" : "not a time in whole unix seconds");
    *ret = json_integer_value(v);
    return 0;
}

static int check_key_period(const struct trial *t)
{
    if (t->now - t->leeway >= t->key->exp)
        return refusal_say(t->v, QHCP_E_TOKEN_KEY, "the period of its key ended %lld s ago",
                           (long long)(t->now - t->key->exp));
    if (t->now + t->leeway < t->key->nbf)
        return refusal_say(t->v, QHCP_E_TOKEN_KEY, "the period of its key begins in %lld s",
                           (long long)(t->key->nbf - t->now));
    return 0;
}

static int check_issuer(const struct trial *t)
{
    char theirs[VALUE_QUOTE + 8];
    const char *iss = NULL;
    int error = read_text(t, "iss", &iss);

    if (error != 0)
        return error;
    if (strcmp(iss, t->key->iss) == 0)
        return 0;
    error = refusal_say(t->v, QHCP_E_TOKEN_ISSUER, "its key may not sign for its issuer");
    refusal_log(t->v, "its issuer is %s, but its key \"%s\" may sign only for \"%s\"",
                value_quote(iss, theirs), t->key->kid, t->key->iss);
    return error;
}

/* Host names compare without case (RFC 4343). */
static bool key_allows_audience(const struct jwk *key, const char *aud)
{
    const char *one = json_string_value(key->aud);

    if (key->aud == NULL || (one != NULL && strcasecmp(one, aud) == 0))
        return true;
    for (size_t i = 0; i < json_array_size(key->aud); i++)
        if (strcasecmp(json_string_value(json_array_get(key->aud, i)), aud) == 0)
            return true;
    return false;
}

static bool is_us(const struct trial *t, const char *aud)
{
    return t->demand->audience_ok != NULL && t->demand->audience_ok(aud, t->demand->ctx);
}

/* The audiences, one after another: a string is a list of one. NULL where the i-th is no string. */
static const char *audience_at(const json_t *aud, size_t i)
{
    return json_string_value(json_is_string(aud) ? aud : json_array_get(aud, i));
}

/* A string, or a list of strings (RFC 7519, 4.1.3). */
static int read_audiences(const struct trial *t, const json_t *aud, size_t *ret_n)
{
    size_t n = json_is_string(aud) ? 1 : json_array_size(aud);
    bool good = n > 0;

    for (size_t i = 0; good && i < n; i++)
        good = audience_at(aud, i) != NULL;
    if (!good)
        return refusal_say(t->v, QHCP_E_TOKEN_CLAIM, "claim \"aud\" is %s",
                           aud == NULL ? "missing" : "not a string or a list of strings");
    *ret_n = n;
    return 0;
}

/* One of the audiences is us, by a name for which the key may ask. */
static int check_audience(const struct trial *t)
{
    const json_t *aud = json_object_get(t->claims, "aud");
    const char *ours = NULL;
    char shown[VALUE_QUOTE + 8];
    size_t n = 0;
    int error = read_audiences(t, aud, &n);

    if (error != 0)
        return error;
    for (size_t i = 0; i < n; i++) {
        const char *name = audience_at(aud, i);

        if (!is_us(t, name))
            continue;
        if (key_allows_audience(t->key, name))
            return 0;
        ours = name;
    }
    if (ours != NULL)
        return refusal_say(t->v, QHCP_E_TOKEN_AUDIENCE, "its key may not be used for %s",
                           value_quote(ours, shown));
    return refusal_say(t->v, QHCP_E_TOKEN_AUDIENCE, "token is for %s, which this server is not",
                       value_quote(audience_at(aud, 0), shown));
}

/* Does the token name this connection?  Then it was made for it, a moment ago. */
static bool is_bound(const struct trial *t, const json_t *cnf)
{
    const char *text = json_string_value(json_object_get(cnf, "tls-exporter"));
    uint8_t bound[AUTH_BINDING];
    size_t n = 0;

    return text != NULL && t->demand->binding != NULL &&
           b64url_decode(slice_str(text), bound, sizeof bound, &n) == 0 && n == sizeof bound &&
           gnutls_memcmp(bound, t->demand->binding, sizeof bound) == 0;
}

/* "expired 23 h ago: the two clocks differ by 24 h, the server's is ahead".  What is bound to this
 * connection was issued just now by the other clock; of another token we can only ask. */
static int refuse_time(const struct trial *t, int error, const char *format, int64_t span,
                       int64_t iat)
{
    bool bound = iat > 0 && is_bound(t, json_object_get(t->claims, "cnf"));
    int64_t off = t->now > iat ? t->now - iat : iat - t->now;
    char what[2 * WORDS_SPAN + 64], text[WORDS_SPAN];

    words_span(span, text);
    snprintf(what, sizeof what, format, text);
    if (!bound || off <= LEEWAY_MAX)
        return refusal_say(t->v, error, "%s", what);
    words_span(off, text);
    return refusal_say(t->v, error, "%s: the two clocks differ by %s; the %s's clock is ahead",
                       what, text, t->now > iat ? "server" : "load balancer");
}

static int check_lifetime(const struct trial *t, int64_t *ret_expires)
{
    int64_t exp = 0, nbf = 0, iat = 0;
    int error = read_time(t, "exp", true, 0, &exp);

    if (error == 0)
        error = read_time(t, "nbf", false, 0, &nbf);
    if (error == 0)
        error = read_time(t, "iat", false, 0, &iat);
    if (error != 0)
        return error;
    if (t->now - t->leeway >= exp)
        return refuse_time(t, QHCP_E_TOKEN_EXPIRED, "expired %s ago", t->now - exp, iat);
    if (t->now + t->leeway < nbf)
        return refuse_time(t, QHCP_E_TOKEN_EARLY, "not valid for another %s", nbf - t->now, iat);
    if (t->now + t->leeway < iat)
        return refuse_time(t, QHCP_E_TOKEN_EARLY, "issued %s in the future", iat - t->now, iat);
    if (t->demand->lifetime_max > 0 && exp - t->now - t->leeway > t->demand->lifetime_max)
        return refusal_say(t->v, QHCP_E_TOKEN_CLAIM, "valid for %lld s, at most %lld s allowed",
                           (long long)(exp - t->now), (long long)t->demand->lifetime_max);
    *ret_expires = (exp < t->key->exp ? exp : t->key->exp) + t->leeway;
    return 0;
}

/* Words that are none of ours are someone else's rights: an outside issuer may grant them beside.
 */
static int check_scope(const struct trial *t, unsigned *ret)
{
    unsigned wanted = t->demand->scopes ? t->demand->scopes : AUTH_SCOPE_ALL;
    const char *text = NULL;
    int error = read_text(t, "scope", &text);

    if (error != 0)
        return error;
    *ret = scope_parse(text, NULL) & t->key->scopes & wanted;
    if (*ret == 0)
        return refusal_say(t->v, QHCP_E_TOKEN_SCOPE,
                           "its scope and its key's scope have none of these in common: %s",
                           wanted == AUTH_SCOPE_ALL ? AUTH_SCOPES : AUTH_ADMIN_SCOPES);
    return 0;
}

/* The session's exporter value under "cnf" (RFC 7800, 3).  A confirmation by other means binds the
 * token to something that is not looked at here: then it is not ours to accept. */
static int check_binding(const struct trial *t)
{
    const json_t *cnf = json_object_get(t->claims, "cnf");
    const char *text = json_string_value(json_object_get(cnf, "tls-exporter"));
    uint8_t bound[AUTH_BINDING];
    size_t n = 0;

    if (cnf == NULL) {
        if (t->key->alg == JWK_HS256 || t->key->unbound)
            return 0;
        return refusal_say(t->v, QHCP_E_TOKEN_BINDING,
                           "token is not bound to this connection, and its key demands that");
    }
    if (text == NULL || json_object_size(cnf) != 1 ||
        b64url_decode(slice_str(text), bound, sizeof bound, &n) != 0 || n != sizeof bound)
        return refusal_say(t->v, QHCP_E_TOKEN_BINDING,
                           "token is bound to something else than a connection");
    if (!is_bound(t, cnf))
        return refusal_say(t->v, QHCP_E_TOKEN_BINDING, "token is bound to another connection");
    return 0;
}

/* (What is no name is none: it is shown, and decides nothing.) */
static void take_subject(const json_t *claims, char ret[LIMIT_ID + 1])
{
    const char *text = json_string_value(json_object_get(claims, "sub"));

    if (text && strlen(text) <= LIMIT_ID && utf8_printable(slice_str(text)))
        slice_to_cstr(slice_str(text), ret, LIMIT_ID + 1);
}

int claims_check(const json_t *claims, const struct jwk *key, const struct auth_demand *demand,
                 const struct refusal *v, struct auth_grant *ret)
{
    struct trial t = {claims, key, demand, v, demand->now, demand->leeway};
    int64_t expires = 0;
    unsigned scopes = 0;
    int error;

    t.leeway = t.leeway < 0 ? 0 : t.leeway > LEEWAY_MAX ? LEEWAY_MAX : t.leeway;
    error = check_key_period(&t);
    if (error == 0)
        error = check_issuer(&t);
    if (error == 0)
        error = check_audience(&t);
    if (error == 0)
        error = check_lifetime(&t, &expires);
    if (error == 0)
        error = check_binding(&t);
    if (error == 0)
        error = check_scope(&t, &scopes);
    if (error != 0)
        return error;
    *ret = (struct auth_grant){.scopes = scopes, .expires = expires};
    slice_to_cstr(slice_str(key->iss), ret->issuer, sizeof ret->issuer);
    slice_to_cstr(slice_str(key->kid), ret->kid, sizeof ret->kid);
    take_subject(claims, ret->subject);
    return 0;
}
