/* The inside of struct auth_key, for minting.  Inside src/auth alone. */
#ifndef QHCP_AUTH_AUTH_KEY_H
#define QHCP_AUTH_AUTH_KEY_H

#include "auth/jwk.h"

struct auth_key {
    struct jwk jwk;
    json_t *members; /* the whole JWK as it was read, `d` included: wiped before it is freed */
};

#endif
