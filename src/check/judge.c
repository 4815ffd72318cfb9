#include "check/judge.h"

void judge_init(struct judge *j, unsigned fall, unsigned rise)
{
    *j = (struct judge){.fall = fall, .rise = rise};
}

enum qhcp_status judge_result(struct judge *j, enum qhcp_status result)
{
    bool turned;

    j->worse = j->judged && result > j->verdict ? j->worse + 1 : 0;
    j->better = j->judged && result < j->verdict ? j->better + 1 : 0;
    turned = (j->worse > 0 && j->worse >= j->fall) || (j->better > 0 && j->better >= j->rise);
    if (turned || !j->judged) {
        j->judged = true;
        j->verdict = result;
        j->worse = j->better = 0;
    }
    return j->verdict;
}
