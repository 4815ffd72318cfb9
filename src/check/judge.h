/* Results into a verdict: a check is worse after `fall` worse results in a row, better after `rise`
 * better ones.  The first result decides alone.  Pure. */
#ifndef QHCP_CHECK_JUDGE_H
#define QHCP_CHECK_JUDGE_H

#include <stdbool.h>

#include <qhcp/types.h>

struct judge {
    unsigned fall, rise;
    bool judged;
    enum qhcp_status verdict; /* undefined before the first result */
    unsigned worse, better;   /* results in a row */
};

void judge_init(struct judge *j, unsigned fall, unsigned rise);

/* One result: serving, degraded or not serving.  Returns the verdict. */
enum qhcp_status judge_result(struct judge *j, enum qhcp_status result);

#endif
