#include "health/burst.h"

void burst_init(struct burst *b)
{
    *b = (struct burst){.convict_at = NSEC_NEVER};
}

bool burst_begin(struct burst *b, qhcp_nsec now, unsigned size)
{
    if (b->active || now < b->not_before)
        return false;
    b->active = true;
    b->certain = false;
    b->left = b->size = size;
    b->not_before = nsec_add(now, BURST_PAUSE);
    b->convict_at = NSEC_NEVER;
    return true;
}

void burst_provoked(struct burst *b, qhcp_nsec now, qhcp_nsec srtt, qhcp_nsec wait)
{
    bool provoked = b->left < b->size && now >= nsec_add(b->begun, srtt / 2);

    if (b->certain || !provoked)
        return;
    b->certain = true;
    if (b->convict_at != NSEC_NEVER)
        b->convict_at = nsec_add(b->last, wait);
}

bool burst_sent(struct burst *b, qhcp_nsec now, qhcp_nsec wait)
{
    b->newest = b->left > 0;
    if (!b->newest)
        return false;
    if (b->left == b->size)
        b->begun = now;
    b->left--;
    b->last = now;
    if (b->left == 0)
        b->convict_at = nsec_add(now, wait);
    return true;
}

void burst_take_back(struct burst *b)
{
    if (!b->active)
        return;
    b->left++;
    b->convict_at = NSEC_NEVER;
}

void burst_end(struct burst *b)
{
    b->active = false;
    b->left = 0;
    b->convict_at = NSEC_NEVER;
}

enum burst_verdict burst_judge(struct burst *b, qhcp_nsec now, bool excuse)
{
    if (now < b->convict_at)
        return BURST_OPEN;
    if (!excuse)
        return BURST_CONVICTS;
    b->left = 1;
    b->convict_at = NSEC_NEVER;
    return BURST_ONCE_MORE;
}
