/* Random names: 128 bits of the kernel's, as base64url. */
#ifndef QHCP_AUTH_RANDOM_H
#define QHCP_AUTH_RANDOM_H

#include "auth/b64url.h"

#define RANDOM_BYTES 16
#define RANDOM_TEXT (B64URL_SIZE(RANDOM_BYTES) + 1)

/* 0, or QHCP_E_INTERNAL where the kernel gives none. */
int random_text(char ret[RANDOM_TEXT]);

#endif
