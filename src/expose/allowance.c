#include "expose/allowance.h"

void allowance_init(struct allowance *a, qhcp_nsec now)
{
    *a = (struct allowance){.at = now, .left = ALLOWANCE_SAVED};
}

qhcp_nsec allowance_take(struct allowance *a, qhcp_nsec now, qhcp_nsec cpu)
{
    if (now > a->at) {
        a->left += (int64_t)((now - a->at) / ALLOWANCE_PART);
        a->at = now;
    }
    if (a->left > (int64_t)ALLOWANCE_SAVED)
        a->left = (int64_t)ALLOWANCE_SAVED;
    a->left -= (int64_t)cpu;
    a->turn += cpu;
    return a->left > 0 ? 0 : ((qhcp_nsec)-a->left + ALLOWANCE_RESUME) * ALLOWANCE_PART;
}
