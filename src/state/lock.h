/* The state directory's lock, and its making: everything is made and changed under flock(2). */
#ifndef QHCP_STATE_LOCK_H
#define QHCP_STATE_LOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/words.h"

/* Longest wait for another process that holds the lock; it needs milliseconds. */
#define LOCK_WAIT_MS 20000

/* The directory's name from the environment (state.h tells the order), made absolute.
 * QHCP_E_ARG with words for a variable that cannot be used. */
int lock_find(char *ret, size_t cap, const struct words *w);

/* Is there a private directory of ours, or of somebody's (any_owner, for root, who only looks where
 * it is)?  QHCP_E_NOT_FOUND when there is nothing; QHCP_E_PERMISSION
 * for one that others can enter or own; QHCP_E_IO for what is no directory. */
int lock_check_dir(const char *dir, bool any_owner, const struct words *w);

/* Makes the directory (0700) and its parents where missing, checks it, and takes the lock; a change
 * that another process left half-way is finished.  Give *ret_fd to lock_drop. */
int lock_take(const char *dir, int *ret_fd, const struct words *w);
/* The same without waiting, and without finishing what another process left: QHCP_E_AGAIN while
 * another process has it. */
int lock_try(const char *dir, int *ret_fd, const struct words *w);
void lock_drop(int fd);

#endif
