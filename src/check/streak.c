#include "check/streak.h"

void streak_init(struct streak *j, unsigned fall, unsigned rise)
{
    *j = (struct streak){.fall = fall, .rise = rise};
}

enum qhcp_status streak_result(struct streak *j, enum qhcp_status result)
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
