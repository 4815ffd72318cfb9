/* The claims of a token whose signature is good (RFC 7519, 4.1), against the key that signed it and
 * what the verifier demands.  Inside src/auth alone. */
#ifndef QHCP_AUTH_CLAIMS_H
#define QHCP_AUTH_CLAIMS_H

#include "auth/auth.h"
#include "auth/jwk.h"
#include "auth/refusal.h"

/* 0 and the grant, or QHCP_E_TOKEN_* with words. */
int claims_check(const json_t *claims, const struct jwk *key, const struct auth_demand *demand,
                 const struct refusal *v, struct auth_grant *ret);

#endif
