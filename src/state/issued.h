/* ca/issued.json: what this machine's CA has given to other machines, so that it can be listed,
 * repeated and revoked, and so that a CA which others depend on is not replaced by an import. */
#ifndef QHCP_STATE_ISSUED_H
#define QHCP_STATE_ISSUED_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/words.h"
#include "state/names.h"

#define ISSUED_MAX (32 << 20)      /* bytes of the file: 10,000 servers take 6 MB */
#define ISSUED_FORGET (90 * 86400) /* seconds after its end that a row is kept */
#define ISSUED_EARLIER 16          /* earlier bundles of one server that a row remembers */

/* The list (an empty one where there is no file): rows
 *   {"type": "server", "names": [..], "fingerprint": .., "at": T, "expires": T,
 *    "kids": [.. the load balancers' keys in the bundle], "check_kid": ..,
 *    "earlier": [{"fingerprint": .., "expires": T, "check_kid": ..}]}
 *   {"type": "lb", "id": .., "kid": .., "at": T}
 * and in each perhaps "revoked": T.  Rows of 0.1.0 have no kids and no check_kid.  QHCP_E_PARSE. */
int issued_load(const char *dir, json_t **ret, const struct words *w);
/* Adds a row (taken over) in the place of one of the same load balancer, or of a server whose names
 * are among the new row's, whose certificate it remembers; drops those long over. */
int issued_add(json_t *list, json_t *row, int64_t now, const struct words *w);

/* A member that is a string; "" if there is none. */
const char *issued_text(const json_t *row, const char *name);
/* A server's row whose certificate still serves: neither over nor revoked. */
bool issued_in_force(const json_t *row, int64_t now);
/* Does a server's row have this name (in its normal form)? */
bool issued_has_name(const json_t *row, const char *name);
/* The only row in force that has all of these names; NULL if there is none, or several. */
const json_t *issued_find(const json_t *list, const struct names *names, int64_t now);
/* A server's names.  False: none, or more than fit. */
bool issued_names(const json_t *row, struct names *ret);
/* Appends the row's first name to a list for words; n: how many are in it already. */
void issued_list(const json_t *row, size_t n, char *list, size_t cap);

#endif
