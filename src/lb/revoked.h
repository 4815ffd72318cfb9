/* Revocations of the CA: refused here, and brought to every server that is watched.
 *
 * The list comes from the state directory (src/state/revoked.h).  A server says in ACK and
 * CONFIG_ACK which list it has; one that has an older gets ours in a CONFIG_UPDATE of its own.  A
 * server that does not get it has a notice in the status. */
#ifndef QHCP_LB_REVOKED_H
#define QHCP_LB_REVOKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/kept.h"
#include "base/time.h"

struct backend;
struct qhcp_lb;
struct revoked;
struct wire_refusal;

#define REVOKED_WAIT (10 * NSEC_PER_SEC) /* from a new list to the names of those that lack it */

#define REVOKED_WORDS 96 /* why a server refuses it, with the NUL */

/* Embedded in struct backend; only revoked.c changes it. */
struct revocation {
    uint64_t known;    /* number of the newest list that the server has */
    uint64_t sent;     /* and of the one that it got in this session */
    struct kept words; /* why it refused that; or "" */
};

/* The SHA-256s of the certificates, one after the other; free() them.  QHCP_E_NOMEM. */
int revoked_prints(const struct revoked *list, uint8_t **ret, size_t *ret_n);
/* Sends the list to a server that lacks it, if its session can take it now. */
void revoked_tell(struct backend *b, qhcp_nsec now);
/* The number in an ACK, and in a CONFIG_ACK. */
void revoked_established(struct backend *b, qhcp_nsec now, uint64_t number);
void revoked_heard(struct backend *b, qhcp_nsec now, uint64_t number);
void revoked_refused(struct backend *b, const struct wire_refusal *refusal);
/* The list was read again. */
void revoked_changed(struct qhcp_lb *lb, qhcp_nsec now);
/* Some time after a new list: names those that have it not. */
void revoked_remind(struct qhcp_lb *lb, qhcp_nsec now);
void revocation_deinit(struct revocation *r);
/* Words if the server lacks it; false if there is nothing to say. */
bool revoked_notice(const struct backend *b, char *ret, size_t cap);

#endif
