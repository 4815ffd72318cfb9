#include "lb/listen.h"

#include <stdio.h>

#include "lb/internal.h"

static const char *const faults[] = {
    [LISTEN_MUTE] = "it agreed to send its status by itself, and does not: it is asked instead",
    [LISTEN_FLOOD] = "it sends its status by itself more often than agreed: it is asked instead",
};

static void set(struct backend *b, qhcp_nsec now, qhcp_nsec interval)
{
    b->listen.interval = interval;
    b->listen.count = 0;
    health_listen(&b->health, now, interval);
    publish_mark(b, QHCP_CHANGE_REPORT);
}

void listen_begin(struct backend *b, qhcp_nsec now)
{
    b->listen = (struct listen){.fault = LISTEN_NONE};
    listen_agreed(b, now);
}

void listen_agreed(struct backend *b, qhcp_nsec now)
{
    qhcp_nsec interval = b->link.session.beat_us * NSEC_PER_USEC;

    if (b->listen.fault == LISTEN_NONE && interval != b->listen.interval)
        set(b, now, interval);
}

void listen_found(struct backend *b, qhcp_nsec now)
{
    b->listen.interval = 0; /* to health it is a new session */
    listen_agreed(b, now);
}

static void give_up(struct backend *b, qhcp_nsec now, enum listen_fault fault)
{
    b->listen.fault = fault;
    lb_log(b->lb, QHCP_LOG_WARNING, "%s: %s", b->text, faults[fault]);
    publish_mark(b, QHCP_CHANGE_NOTICE);
    set(b, now, 0);
    update_owe_beats(b, now);
}

/* Only while beats come in their rhythm the count begins anew: those that a path has held up come
 * at once, and the time that they took is to count for them. */
static void count(struct listen *l, qhcp_nsec at, uint64_t slots)
{
    qhcp_nsec gap = at > l->last ? at - l->last : 0;
    bool steady = gap >= l->interval / 2 && gap <= l->interval / 2 * 3;

    if (l->count == 0 || (steady && at - l->since > LISTEN_WATCH * l->interval)) {
        l->since = at;
        l->count = 0;
        slots = 1;
    }
    l->last = nsec_max(l->last, at);
    l->count += slots;
}

bool listen_beat(struct backend *b, qhcp_nsec at, uint64_t slots)
{
    struct listen *l = &b->listen;
    qhcp_nsec passed;

    if (l->interval == 0)
        return false;
    count(l, at, slots);
    passed = at > l->since ? at - l->since : 0;
    if (l->count <= LISTEN_AHEAD + 2 * (passed / l->interval))
        return true;
    give_up(b, at, LISTEN_FLOOD);
    return false;
}

void listen_mute(struct backend *b, qhcp_nsec now)
{
    if (b->listen.interval > 0)
        give_up(b, now, LISTEN_MUTE);
}

uint64_t listen_wanted(const struct backend *b)
{
    bool wanted = b->listen.fault == LISTEN_NONE && own_listens(b);

    return wanted ? own_liveness(b) / NSEC_PER_USEC : 0;
}

bool listen_notice(const struct backend *b, char *ret, size_t cap)
{
    if (b->listen.fault == LISTEN_NONE)
        return false;
    snprintf(ret, cap, "%s", faults[b->listen.fault]);
    return true;
}
