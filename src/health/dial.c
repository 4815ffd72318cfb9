#include "health/dial.h"

#define DOUBLINGS_MAX 20 /* 14 hours, of whatever interval: more would overflow */

void dial_begin(struct dial *d, qhcp_nsec now)
{
    d->by_return = d->returned;
    d->returned = false;
    d->at = now;
}

void dial_turn(struct dial *d, qhcp_nsec now)
{
    d->at = now;
}

qhcp_nsec dial_timeout(const struct dial *d)
{
    return nsec_add(d->at, DIAL_TIMEOUT);
}

qhcp_nsec dial_retry(qhcp_nsec now, qhcp_nsec interval, unsigned failures)
{
    unsigned doublings = failures < DOUBLINGS_MAX ? failures : DOUBLINGS_MAX;

    return nsec_add(now, nsec_min(DIAL_RETRY << doublings, nsec_max(interval, DIAL_RETRY)));
}

qhcp_nsec dial_reconnect(const struct dial *d, qhcp_nsec now, qhcp_nsec reconnect_interval)
{
    return nsec_max(nsec_add(d->at, reconnect_interval), nsec_add(now, DIAL_RETRY));
}

qhcp_nsec dial_again(struct dial *d, qhcp_nsec now, qhcp_nsec interval)
{
    qhcp_nsec at = nsec_max(now, d->redial_from);

    d->redial_from = nsec_add(at, nsec_min(interval, NSEC_PER_SEC));
    return at;
}

bool dial_returned(struct dial *d, qhcp_nsec now, bool dialing)
{
    qhcp_nsec left_alone = d->by_return ? DIAL_RETURN : DIAL_RETRY;

    if (dialing && now < nsec_add(d->at, left_alone))
        return false;
    d->returned = true;
    return true;
}
