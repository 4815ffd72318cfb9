/* Signatures:  JWS compact serialisation (RFC 7515, 7.1) by cjose. cjose uses OpenSSL; nothing of
 * either shows outside jwk*.c, jws.c and auth_key.c.  Inside src/auth alone. */
#ifndef QHCP_AUTH_JWS_H
#define QHCP_AUTH_JWS_H

#include "auth/jwk.h"

/* Verifies the signature of a token whose shape, header and algorithm the caller has checked (cjose
 * obeys whatever algorithm the header names): 0 and the signed payload, malloc'ed, *ret_n bytes; or
 * QHCP_E_TOKEN_SIGNATURE. */
int jws_verify(const struct jwk *key, struct slice token, uint8_t **ret, size_t *ret_n);

/* Signs a payload under this header: the token as a malloc'ed C string.  QHCP_E_INTERNAL. */
int jws_sign(const struct jwk *key, json_t *header, const char *payload, char **ret);

#endif
