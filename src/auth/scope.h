/* Scopes as text (RFC 6749, 3.3: words separated by spaces) and as AUTH_SCOPE_* bits. */
#ifndef QHCP_AUTH_SCOPE_H
#define QHCP_AUTH_SCOPE_H

#include <stdbool.h>

#include "auth/auth.h"

#define SCOPE_TEXT sizeof(AUTH_SCOPES " " AUTH_ADMIN_SCOPES)

/* The bits of a scope text. *ret_strange (may be NULL) tells whether a word is unknown. */
unsigned scope_parse(const char *text, bool *ret_strange);

/* The text of these bits; unknown bits are left out. */
void scope_text(unsigned scopes, char ret[SCOPE_TEXT]);

#endif
