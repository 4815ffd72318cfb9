/* ca/issued.json: what this machine's CA has given to other machines, so that it can be listed, and
 * so that a CA which others depend on is not replaced by an import. */
#ifndef QHCP_STATE_ISSUED_H
#define QHCP_STATE_ISSUED_H

#include <stdint.h>

#include <jansson.h>

#include "state/words.h"

#define ISSUED_MAX (8 << 20)       /* bytes of the file: 10,000 servers take 3 MB */
#define ISSUED_FORGET (90 * 86400) /* seconds after its end that a row is kept */

/* The list (an empty one where there is no file): rows
 *   {"type": "server", "names": [..], "fingerprint": .., "at": T, "expires": T}
 *   {"type": "lb", "id": .., "kid": .., "at": T}
 * QHCP_E_PARSE. */
int issued_load(const char *dir, json_t **ret, const struct words *w);
/* Adds a row (taken over), in the place of one of the same names or id; drops those long over. */
int issued_add(json_t *list, json_t *row, int64_t now, const struct words *w);

#endif
