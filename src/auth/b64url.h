/* Base64url without padding (RFC 7515, 2 and appendix C), strict: one run of bytes has exactly one
 * text.  A decoder that forgives padding, foreign characters or stray bits gives one token many
 * spellings, and what one reader skips another may read. */
#ifndef QHCP_AUTH_B64URL_H
#define QHCP_AUTH_B64URL_H

#include "base/slice.h"

/* Characters for n bytes, without a NUL. */
#define B64URL_SIZE(n) ((4 * (n) + 2) / 3)

/* Writes B64URL_SIZE(in.n) characters and a NUL to ret; the caller has the room. */
void b64url_encode(struct slice in, char *ret);

#define B64URL_RANDOM (B64URL_SIZE(16) + 1)

/* A unique name that nobody can guess: 128 random bits. 0, or QHCP_E_INTERNAL if the kernel gives
 * none. */
int b64url_random(char ret[B64URL_RANDOM]);

/* Decodes all of `in`.  Returns 0, or QHCP_E_PARSE: a character outside the alphabet (padding
 * included), an impossible length, or bits set that belong to no byte; QHCP_E_FULL: more than cap
 * bytes. */
int b64url_decode(struct slice in, uint8_t *ret, size_t cap, size_t *ret_n);

#endif
