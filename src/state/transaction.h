/* Several files of the state directory changed together: all or none, also when the power fails.
 *
 * The new files are written in DIR/pending.new with a list of what goes where, made durable, and
 * the directory is renamed to DIR/pending: from that moment the change is made.  Then each file is
 * renamed to its place.  The next process that takes the lock finishes an interrupted change.  A
 * reader that needs two files that belong together (a certificate and its key) takes the lock. */
#ifndef QHCP_STATE_TRANSACTION_H
#define QHCP_STATE_TRANSACTION_H

#include "base/slice.h"
#include "base/words.h"

#define TRANSACTION_FILES 16 /* twice what the largest change, an import, touches */
#define TRANSACTION_NAME 48  /* longest name in the directory, and its NUL */

struct transaction {
    const char *dir;
    const struct words *w;
    int error; /* sticky: after the first failure the rest does nothing */
    size_t n;
    struct transaction_row {
        char name[TRANSACTION_NAME];
        unsigned mode; /* 0: remove */
    } rows[TRANSACTION_FILES];
};

/* Begin, put and remove; then commit, which returns 0 or the first error (nothing was changed
 * then). dir and w must outlive it.  The caller holds the lock. */
void transaction_begin(struct transaction *c, const char *dir, const struct words *w);
void transaction_put(struct transaction *c, const char *name, struct slice content, unsigned mode);
void transaction_remove(struct transaction *c, const char *name);
int transaction_commit(struct transaction *c);
/* Instead of commit. */
void transaction_abort(struct transaction *c);

/* Finishes a change that was interrupted after its commit, drops one from before it. */
int transaction_recover(const char *dir, const struct words *w);

#endif
