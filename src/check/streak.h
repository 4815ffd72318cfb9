/* Results into a verdict: a check is worse after `fall` worse results in a row, better after `rise`
 * better ones.  The first result decides alone.  Pure. */
#ifndef QHCP_CHECK_STREAK_H
#define QHCP_CHECK_STREAK_H

#include <stdbool.h>

#include <qhcp/types.h>

struct streak {
    unsigned fall, rise;
    bool judged;
    enum qhcp_status verdict; /* undefined before the first result */
    unsigned worse, better;   /* results in a row */
};

void streak_init(struct streak *j, unsigned fall, unsigned rise);

/* One result: serving, degraded or not serving.  Returns the verdict. */
enum qhcp_status streak_result(struct streak *j, enum qhcp_status result);

#endif
