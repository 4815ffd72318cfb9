#include "health/silence.h"

#include "health/rtt.h"

void silence_init(struct silence *s)
{
    *s = (struct silence){.timeout_at = NSEC_NEVER, .beat.due = NSEC_NEVER};
}

void silence_acquit(struct silence *s)
{
    s->misses = s->beats = 0;
    s->since = 0;
    s->excused = false;
}

void silence_forget(struct silence *s)
{
    silence_acquit(s);
    s->n_open = 0;
    s->beat.due = s->timeout_at = NSEC_NEVER;
}

static void find_timeout(struct silence *s)
{
    s->timeout_at = s->beat.due;
    for (unsigned i = 0; i < s->n_open; i++)
        s->timeout_at = nsec_min(s->timeout_at, s->open[i].due);
}

static void remove_probe(struct silence *s, unsigned at)
{
    s->n_open--;
    for (unsigned i = at; i < s->n_open; i++)
        s->open[i] = s->open[i + 1];
}

static qhcp_nsec spacing(const struct silence *s, const struct silence_waits *w)
{
    return nsec_max(w->fast, s->demand.spacing);
}

qhcp_nsec silence_pace(const struct silence *s, const struct silence_waits *w)
{
    return nsec_min(spacing(s, w) * w->patience, nsec_max(w->interval, RTT_FAST_MIN));
}

void silence_sent(struct silence *s, qhcp_nsec now, const struct silence_waits *w)
{
    qhcp_nsec timeout = s->misses > 0 ? spacing(s, w) : w->timeout;
    qhcp_nsec due = nsec_add(now, timeout * w->patience);

    if (s->n_open >= SILENCE_OPEN)
        return;
    s->open[s->n_open++] = (struct silence_probe){now, due};
    s->timeout_at = nsec_min(s->timeout_at, due);
}

void silence_expect(struct silence *s, qhcp_nsec at, qhcp_nsec due)
{
    bool first = s->beat.due == s->timeout_at;

    s->beat = (struct silence_probe){at, due};
    if (first)
        find_timeout(s);
    else
        s->timeout_at = nsec_min(s->timeout_at, due);
}

void silence_take_back(struct silence *s)
{
    if (s->n_open == 0)
        return;
    s->n_open--;
    find_timeout(s);
}

void silence_unheard(struct silence *s, qhcp_nsec sent)
{
    if (s->since == 0) {
        s->since = sent;
        s->unheard = 0;
    }
    s->since = nsec_min(s->since, sent);
    s->unheard++;
}

void silence_answered(struct silence *s, qhcp_nsec sent, qhcp_nsec slack)
{
    while (s->n_open > 0 && s->open[0].sent <= sent + slack)
        remove_probe(s, 0);
    find_timeout(s);
}

struct loss_silence silence_ended(const struct silence *s, qhcp_nsec end)
{
    return (struct loss_silence){.misses = s->misses,
                                 .beats = s->beats,
                                 .head = s->head,
                                 .length = end > s->first ? end - s->first : 0};
}

bool silence_too_late(qhcp_nsec now, qhcp_nsec due, qhcp_nsec timeout)
{
    return now > nsec_add(due, SILENCE_LATE + timeout / 2);
}

static void count_miss(struct silence *s, const struct silence_probe *probe,
                       const struct loss_demand *demand)
{
    s->excused = false;
    if (s->misses == 0) {
        s->demand = *demand;
        s->first = s->last = probe->sent;
        s->head = probe->due - probe->sent;
    }
    s->misses++;
    /* Not always in the order of sending: before the first answer time-outs are longer. */
    s->first = nsec_min(s->first, probe->sent);
    s->last = nsec_max(s->last, probe->sent);
}

static bool enough(const struct silence *s, const struct silence_terms *t)
{
    qhcp_nsec span = s->last - s->first;

    if (s->misses == 0 || s->misses < t->fall)
        return false;
    return (s->misses >= s->demand.misses && span >= s->demand.window) || span >= t->ceiling;
}

/* Others are being checked.  One server does not wait for that for ever: a load balancer with
 * thousands of servers checks others nearly all the time. */
static bool awaits_others(const struct silence *s, const struct silence_terms *t)
{
    return t->others > 0 && s->last - s->first < nsec_add(s->demand.window, t->others);
}

/* More misses are needed than checks can leave, since the congestion window of an unanswered
 * connection fills.  Then a silence of the greatest length that is ever needed is enough. */
static bool stuck(const struct silence *s, qhcp_nsec now, const struct silence_terms *t)
{
    unsigned least = t->fall < SILENCE_BLOCKED ? t->fall : SILENCE_BLOCKED;

    return s->since > 0 && s->unheard >= least && s->n_open == 0 && now - s->since >= t->ceiling &&
           now <= nsec_add(t->next, SILENCE_LATE) && !t->ill;
}

/* The answers may be there unread, or the probes may not even have left. */
static bool late(const struct silence *s, qhcp_nsec now, qhcp_nsec blocked_at)
{
    if (silence_too_late(now, s->beat.due, s->beat.due - s->beat.sent))
        return true;
    for (unsigned i = 0; i < s->n_open; i++) {
        const struct silence_probe *probe = &s->open[i];

        if (blocked_at >= probe->sent ||
            silence_too_late(now, probe->due, probe->due - probe->sent))
            return true;
    }
    return false;
}

/* Takes the beat that is overdue off: it was due before the probes that were sent since.  hold: it
 * counts; tell: it is missed. */
static void count_beat(struct silence *s, qhcp_nsec now, const struct silence_terms *t, bool hold,
                       bool tell, struct silence_report *ret)
{
    struct silence_probe beat = s->beat;

    if (now < beat.due)
        return;
    s->beat.due = NSEC_NEVER;
    ret->beat = true;
    if (tell)
        silence_unheard(s, beat.sent);
    if (!hold)
        return;
    count_miss(s, &beat, &t->demand);
    s->beats++;
    ret->convicts = enough(s, t) && !awaits_others(s, t);
}

/* Takes what is overdue off the list, until it is enough.  hold: it counts; tell: it is missed. */
static void count_overdue(struct silence *s, qhcp_nsec now, const struct silence_terms *t,
                          bool hold, bool tell, struct silence_report *ret)
{
    count_beat(s, now, t, hold, tell, ret);
    for (unsigned i = 0; i < s->n_open && !ret->convicts;) {
        struct silence_probe probe = s->open[i];

        if (now < probe.due) {
            i++;
            continue;
        }
        remove_probe(s, i);
        if (tell) {
            ret->missed[ret->n++] = probe.sent;
            silence_unheard(s, probe.sent);
        }
        if (hold) {
            count_miss(s, &probe, &t->demand);
            ret->convicts = enough(s, t) && !awaits_others(s, t);
        }
    }
    find_timeout(s);
}

void silence_judge(struct silence *s, qhcp_nsec now, const struct silence_terms *t,
                   struct silence_report *ret)
{
    unsigned before = s->misses;
    bool were_late, excuse;

    ret->n = 0;
    ret->hurry = ret->beat = false;
    ret->convicts = stuck(s, now, t) || /* or it had to wait for others */
                    (enough(s, t) && !t->ill && !awaits_others(s, t));
    if (ret->convicts || now < s->timeout_at)
        return;
    were_late = late(s, now, t->blocked_at);
    if (were_late)
        s->since = 0; /* what fell into that time was not silence */
    excuse = t->ill || (were_late && !s->excused);
    count_overdue(s, now, t, !excuse, !(excuse && were_late), ret);
    if (excuse) { /* nothing is held against it until now */
        s->misses = s->beats = 0;
        s->excused = true;
    }
    /* An owner that was late asks again at once; one that is in trouble waits for the next regular
     * probe. After the first miss the next probe is sent at once, and the others at silence_pace.
     */
    ret->hurry = excuse ? !t->ill : before == 0 && s->misses > 0;
}

bool silence_doubted(const struct silence *s)
{
    return s->misses > 0 && s->misses * 4 >= s->demand.misses;
}

bool silence_pressed(const struct silence *s, qhcp_nsec now)
{
    return s->misses > 0 && s->misses * 2 >= s->demand.misses &&
           (now - s->first) * 2 >= s->demand.window;
}
