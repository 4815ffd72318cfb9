/* Root works on the state directory of another user, a service's, as that user: what is made there
 * stays that user's, and a link there leads root to nothing that the user could not reach itself.
 * Files elsewhere (a bundle that is written or read) are root's own affair.
 *
 * For commands that end, which have one thread: the identity is the process's. */
#ifndef QHCP_STATE_OWNER_H
#define QHCP_STATE_OWNER_H

#include "base/words.h"

/* If this is root, and the state directory belongs to another user: this process is that user from
 * now on, apart from owner_outside.  Where there is no directory yet, nothing changes.
 * QHCP_E_PERMISSION with words. */
int owner_become(const struct words *w);

/* Between the two, files outside of the state directory are read or written.  They do nothing where
 * owner_become has changed nothing; errno stays. */
void owner_outside(void);
void owner_inside(void);

#endif
