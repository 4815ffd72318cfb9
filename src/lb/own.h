/* Intervals that one server has of its own, instead of the configuration's. */
#ifndef QHCP_LB_OWN_H
#define QHCP_LB_OWN_H

#include <stdbool.h>

#include "base/time.h"

struct backend;

/* 0: the configuration's. */
struct own {
    qhcp_nsec liveness, check;
};

/* What is in force for it. */
qhcp_nsec own_liveness(const struct backend *b);
qhcp_nsec own_check(const struct backend *b);
/* The least silence that makes it down.  One that follows the interval by default follows its own.
 */
qhcp_nsec own_silence(const struct backend *b);

/* Does it have another liveness interval than the others, so that its session is to know? */
bool own_differs(const struct backend *b);

/* Each is 0, or within what HELLO may say. */
bool own_valid(const struct own *own);

/* From now on.  False: nothing has changed. */
bool own_set(struct backend *b, const struct own *own);

#endif
