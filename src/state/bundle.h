/* What travels from one machine to another by `qhcp keys`: one JSON document a file.
 *
 * A bundle, version 1, for a server (every member is required, and no other is allowed but
 * "revoked"):
 *   {"qhcp_bundle": 1, "type": "server", "created": UNIX SECONDS,
 *    "ca": PEM, "certificate": PEM, "key": PEM (PKCS #8),
 *    "keys": JWK Set of the load balancers' public keys,
 *    "check_key": private JWK, scope "health", for `qhcp check` of this server}
 * A bundle for a load balancer:
 *   {"qhcp_bundle": 1, "type": "lb", "created": UNIX SECONDS, "ca": PEM, "kid": which token key was
 *    accepted}
 * Both may have "revoked", a signed list of revocations (revoked.h); a bundle with nothing but it:
 *   {"qhcp_bundle": 1, "type": "revoked", "created": UNIX SECONDS, "ca": PEM, "revoked": JWS}
 * A request of a load balancer:
 *   {"qhcp_request": 1, "type": "lb", "created": UNIX SECONDS, "jwk": public JWK,
 *    "proof": JWT that this key signed}
 * or of who only checks: the same with "type": "check", and the JWK's scope is "health".
 *
 * Never in any of them: a CA's private key, or a token key that more than one server accepts.
 * docs/keys.md tells the same to users. */
#ifndef QHCP_STATE_BUNDLE_H
#define QHCP_STATE_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/slice.h"
#include "base/words.h"

#define BUNDLE_MAX 524288 /* a full JWK Set and three PEM texts */
#define BUNDLE_VERSION 1

enum bundle_type { BUNDLE_SERVER, BUNDLE_LB, BUNDLE_REVOKED };

/* Texts point into doc. */
struct bundle {
    json_t *doc;
    enum bundle_type type;
    int64_t created;                   /* unix seconds */
    const char *ca, *cert, *key, *kid; /* cert, key: server; kid: lb */
    const json_t *keys, *check_key;    /* server */
    const char *revoked;               /* or NULL */
};

/* Parses and checks the shape: JSON without duplicates, version, type, exactly the members of that
 * type.  `where` begins the words, which never quote a value.  QHCP_E_PARSE. */
int bundle_parse(struct slice text, const char *where, struct bundle *ret, const struct words *w);
/* Checks the content: the CA is one, the certificate is for a server, is of that key and that CA,
 * all are valid now; the keys parse, none of the load balancers' is a secret.  QHCP_E_CERT,
 * QHCP_E_PARSE. */
int bundle_check(const struct bundle *b, const char *where, int64_t now, const struct words *w);
void bundle_deinit(struct bundle *b); /* wipes */

struct bundle_request {
    json_t *doc, *jwk; /* jwk is doc's */
    bool check_only;
    const char *iss, *kid, *proof;
    int64_t created;
};
/* Parses the shape, and that the key is a plain public ES256 key.  QHCP_E_PARSE. */
int bundle_request_parse(struct slice text, const char *where, struct bundle_request *ret,
                         const struct words *w);
void bundle_request_deinit(struct bundle_request *r);

/* The text of a document with secrets, without copies left behind; file_wipe() it. */
char *bundle_text(const json_t *doc);
/* json_decref of a document, its secrets wiped first. */
void bundle_free_doc(json_t *doc);

/* Is this text one of the documents above (of whatever version)? */
bool bundle_is_one(struct slice text);

#endif
