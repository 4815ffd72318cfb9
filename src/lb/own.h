/* What one server has of its own, instead of the configuration's: intervals, and whether it is
 * asked or listened to. */
#ifndef QHCP_LB_OWN_H
#define QHCP_LB_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

struct backend;
struct qhcp_tuning;

/* Intervals in microseconds, as the wire has them: 0: the configuration's. */
struct own {
    uint32_t liveness, check;
    bool ask, listen; /* neither: the configuration's */
};

/* What is in force for it. */
qhcp_nsec own_liveness(const struct backend *b);
qhcp_nsec own_check(const struct backend *b);
bool own_listens(const struct backend *b);
/* The least silence that makes it down.  One that follows the interval by default follows its own.
 */
qhcp_nsec own_silence(const struct backend *b);

/* Does it have another liveness interval than the others? */
bool own_differs(const struct backend *b);
/* Is its session to know something else than HELLO has told it, which is the same for all? */
bool own_untold(const struct backend *b);

/* Each interval is 0, or within what HELLO may say; and it is not asked and listened to at once. */
bool own_valid(const struct qhcp_tuning *tuning);

/* From now on; valid.  False: nothing has changed. */
bool own_set(struct backend *b, const struct qhcp_tuning *tuning);

#endif
