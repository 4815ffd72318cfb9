/* One JSON Web Key (RFC 7517) as QHCP uses it: material for one pinned algorithm, and what it may
 * be used for.  Inside src/auth alone.
 *
 * Every member is read here, strictly, and the library that does the arithmetic gets bytes of the
 * right lengths only.  Words never quote a member's value other than the key's `kid`. */
#ifndef QHCP_AUTH_JWK_H
#define QHCP_AUTH_JWK_H

#include <cjose/cjose.h>
#include <jansson.h>

#include "base/limits.h"
#include "base/slice.h"

enum jwk_alg {
    JWK_ES256, /* ECDSA with P-256 and SHA-256 (RFC 7518, 3.4) */
    JWK_RS256, /* RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, 3.3) */
    JWK_HS256, /* HMAC with SHA-256 (RFC 7518, 3.2) */
};

enum jwk_use {
    JWK_VERIFY, /* a member of an accepted set: public, or a shared secret */
    JWK_SIGN,   /* our own private key: ES256 with `d` */
};

struct jwk {
    enum jwk_alg alg;
    size_t signature; /* bytes of its signatures */
    unsigned scopes;  /* AUTH_SCOPE_*: the greatest rights it gives */
    bool revoked;     /* in a set: accepted no more */
    bool unbound;     /* tokens without the session binding are accepted */
    int64_t nbf, exp; /* unix seconds; 0 and INT64_MAX where absent */
    json_t *aud;      /* a string or an array of strings; NULL: any audience */
    cjose_jwk_t *material;
    char kid[LIMIT_ID + 1], iss[LIMIT_ID + 1];
};

/* Parses JSON text that must be one object, without duplicate members, invalid UTF-8 or anything
 * after it.  QHCP_E_PARSE with words that give line and column only: a library's own words quote
 * the text, and the text may be a secret.  json_decref (or jwk_wipe) the result. */
int jwk_json(struct slice text, json_t **ret, char *words, size_t words_cap);

/* Reads a key from a JWK object.  QHCP_E_PARSE with words (`member "iss" is missing`),
 * QHCP_E_NOMEM. */
int jwk_read(const json_t *object, enum jwk_use use, struct jwk *ret, char *words,
             size_t words_cap);
void jwk_deinit(struct jwk *key);

/* The part of jwk_read that makes key->material and key->signature for key->alg. */
int jwk_material(const json_t *object, enum jwk_use use, struct jwk *key, char *words,
                 size_t words_cap);

/* "ES256", "RS256", "HS256". */
const char *jwk_alg_name(enum jwk_alg alg);

/* Overwrites the string value of that member in place; for secrets, before json_decref. */
void jwk_wipe(json_t *object, const char *member);

#endif
