/* The members of a JWK, read one by one.  Each returns 0, or QHCP_E_PARSE with words that name the
 * member and never quote it.  Inside src/auth alone. */
#ifndef QHCP_AUTH_JWK_MEMBER_H
#define QHCP_AUTH_JWK_MEMBER_H

#include <jansson.h>

#include "base/limits.h"
#include "base/slice.h"

/* A required string; it lives as long as the object. */
int jwk_member_text(const json_t *object, const char *member, const char **ret, char *words,
                    size_t words_cap);

/* A required string that logs may show: 1 to LIMIT_ID bytes without control characters. */
int jwk_member_id(const json_t *object, const char *member, char ret[LIMIT_ID + 1], char *words,
                  size_t words_cap);

/* An optional time in unix seconds; *ret stays where it is absent. */
int jwk_member_time(const json_t *object, const char *member, int64_t *ret, char *words,
                    size_t words_cap);

/* Required base64url of 1 to cap bytes. */
int jwk_member_bytes(const json_t *object, const char *member, uint8_t *ret, size_t cap,
                     size_t *ret_n, char *words, size_t words_cap);

/* Required base64url of exactly `want` bytes. */
int jwk_member_exact(const json_t *object, const char *member, uint8_t *ret, size_t want,
                     char *words, size_t words_cap);

#endif
