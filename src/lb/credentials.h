/* What the load balancer trusts and shows, from files: trust, token keys, client certificate,
 * revocations.
 *
 * Read at the start, with a new configuration, and again when the files change.  They are read into
 * a struct of their own and taken as a whole: a file that cannot be read leaves all as it was. */
#ifndef QHCP_LB_CREDENTIALS_H
#define QHCP_LB_CREDENTIALS_H

#include "auth/auth.h"
#include "quic/quic.h"
#include "state/revoked.h"
#include "state/stamp.h"
#include "state/state.h"

#include <qhcp/lb.h>

#define CREDENTIALS_FILES 6                   /* what of them is watched */
#define CREDENTIALS_CHECK NSEC_PER_SEC        /* the least time between two looks at them ... */
#define CREDENTIALS_LOOK (2 * NSEC_PER_SEC)   /* ... and at least this often, with a check */
#define CREDENTIALS_AGAIN (10 * NSEC_PER_SEC) /* where they changed and could not be read */

/* Embedded in struct qhcp_lb; only credentials.c changes it. */
struct credentials {
    char trust_path[STATE_PATH], key_path[STATE_PATH];
    struct stamp marks[CREDENTIALS_FILES]; /* of the files as they were read */
    struct quic_tls *tls;
    struct auth_key *key; /* NULL with token_file */
    /* The keys before rotations, newest first, for servers that do not know a newer one. */
    struct auth_key *old_keys[STATE_OLD_KEYS];
    size_t n_old_keys;
    struct revoked revoked;  /* what is trusted no more */
    uint64_t revoked_number; /* its number; 0: nothing was revoked */
    qhcp_nsec checked;       /* when the marks were looked at last */
    qhcp_nsec again;         /* after changed files could not be taken; else NSEC_NEVER */
    bool keep_old_keys;      /* theirs could not be read: on taking, those in force stay */
};

/* Reads the files that this configuration names.  On failure nothing has changed, words say which
 * file, and what to do. */
int credentials_read(struct qhcp_lb *lb, const struct qhcp_lb_config *config,
                     struct credentials *ret, char *words, size_t words_cap);
/* From now on these are in force; *fresh is empty then. */
void credentials_take(struct qhcp_lb *lb, qhcp_nsec now, struct credentials *fresh);
void credentials_deinit(struct credentials *c);

/* Looks at most once in CREDENTIALS_CHECK whether the files changed, and reads them again. */
void credentials_refresh(struct qhcp_lb *lb, qhcp_nsec now);
/* A check is made: the same, but for every second one. */
void credentials_look(struct qhcp_lb *lb, qhcp_nsec now);

#endif
