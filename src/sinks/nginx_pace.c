#include "sinks/nginx_pace.h"

#define DOUBLINGS 16 /* of half a second: longer than any `every` */

static unsigned hurry(const struct nginx_pace *p, qhcp_nsec now)
{
    return p->urgent > 0 && now < nsec_add(p->urgent, 2 * p->every) ? p->hurry : 0;
}

qhcp_nsec nginx_pace_next(const struct nginx_pace *p, qhcp_nsec now, bool urgent)
{
    unsigned n = hurry(p, now);
    qhcp_nsec wait = p->every;

    if (p->last == 0)
        return 0;
    if (urgent)
        wait = nsec_min(wait, NGINX_PACE_FIRST << (n > 0 ? n - 1 : 0));
    return nsec_add(p->last, wait);
}

void nginx_pace_begun(struct nginx_pace *p, qhcp_nsec now, bool urgent)
{
    unsigned n = hurry(p, now);

    p->last = now;
    if (!urgent)
        return;
    p->hurry = n < DOUBLINGS ? n + 1 : n;
    p->urgent = now;
}
