#include "health/flap.h"

void flap_fault(struct flap *f, qhcp_nsec now, qhcp_nsec base)
{
    qhcp_nsec quiet = f->last == 0 ? 0 : (now - f->last) / FLAP_MEMORY;
    bool first = f->last == 0 || quiet > 0;
    unsigned doublings;

    f->faults -= quiet < f->faults ? (unsigned)quiet : f->faults;
    doublings = f->faults > 0 ? f->faults - 1 : 0;
    if (doublings > FLAP_DOUBLINGS)
        doublings = FLAP_DOUBLINGS;
    f->until = first || base == 0 ? 0 : nsec_add(now, nsec_min(base, NSEC_NEVER >> 8) << doublings);
    if (f->faults <= FLAP_DOUBLINGS)
        f->faults++;
    f->last = now;
}

bool flap_held(const struct flap *f, qhcp_nsec now)
{
    return now < f->until;
}

unsigned flap_share(const struct flap *f, qhcp_nsec now, qhcp_nsec window)
{
    qhcp_nsec t = now > f->recovered_at ? now - f->recovered_at : 0;
    unsigned share;

    if (window == 0 || f->recovered_at == 0 || t >= window)
        return 1000;
    share = (unsigned)((double)t / (double)window * 1000);
    return share > FLAP_FLOOR ? share : FLAP_FLOOR;
}
