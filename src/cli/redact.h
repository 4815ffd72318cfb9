/* Takes secrets out of a text that leaves the machine.
 *
 * Gone are: private keys in PEM; tokens (RFC 7515), the user's part of a URL, the path of each URL
 * that the word "webhook" is on one line with, or on the line that it goes on from; what follows a
 * word like "password" or "token" and '=' or ':' (but a path), and whatever looks like a key: a
 * long run of letters of both cases and digits, or of hex digits (but a fingerprint behind
 * "sha256:"). So a text of the program's own that has such a run loses it too. */
#ifndef QHCP_CLI_REDACT_H
#define QHCP_CLI_REDACT_H

#include "base/text.h"

#define REDACT_RUN 40 /* the fewest characters of what looks like a key ... */
#define REDACT_HEX 64 /* ... or like one in hex */

/* Adds text to t, line by line. */
void redact_text(struct text *t, const char *text);

#endif
