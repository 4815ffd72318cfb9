/* The inside of struct auth_keys, for verifying.  Inside src/auth alone. */
#ifndef QHCP_AUTH_AUTH_KEYS_H
#define QHCP_AUTH_AUTH_KEYS_H

#include "auth/jwk.h"

struct auth_keys {
    unsigned refs;
    size_t count;
    struct jwk at[]; /* no kid twice */
};

#endif
