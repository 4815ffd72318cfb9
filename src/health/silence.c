#include "health/silence.h"

#include "health/rtt.h"

static unsigned score(const struct health *h, qhcp_nsec now)
{
    return h->config.local ? local_score(h->config.local, now) : 0;
}

static void find_timeout(struct health *h)
{
    h->timeout_at = NSEC_NEVER;
    for (unsigned i = 0; i < h->n_open; i++)
        h->timeout_at = nsec_min(h->timeout_at, h->open[i].due);
}

static void remove_probe(struct health *h, unsigned at)
{
    h->n_open--;
    for (unsigned i = at; i < h->n_open; i++)
        h->open[i] = h->open[i + 1];
}

void silence_forget(struct health *h)
{
    h->n_open = 0;
    h->misses = 0;
    h->silent_since = 0;
    h->timeout_at = NSEC_NEVER;
}

qhcp_nsec silence_pace(const struct health *h, qhcp_nsec now)
{
    qhcp_nsec regular = nsec_max(h->config.interval, HEALTH_FAST_MIN);

    return nsec_min(nsec_max(rtt_fast(h), h->demand.spacing) * (score(h, now) + 1), regular);
}

void silence_sent(struct health *h, qhcp_nsec now)
{
    qhcp_nsec timeout = h->misses > 0 ? nsec_max(rtt_fast(h), h->demand.spacing) : rtt_timeout(h);
    qhcp_nsec due = nsec_add(now, timeout * (score(h, now) + 1));

    if (h->n_open >= HEALTH_OPEN)
        return;
    h->open[h->n_open++] = (struct health_probe){now, due};
    h->timeout_at = nsec_min(h->timeout_at, due);
}

void silence_take_back(struct health *h)
{
    if (h->n_open == 0)
        return;
    h->n_open--;
    find_timeout(h);
}

/* How far stalls may widen the window.  A site whose window is the least wants silences of that
 * length found, whatever they were; one that allows more is taken at its word. */
static qhcp_nsec taught(const struct health *h)
{
    return h->config.window > HEALTH_WINDOW ? HEALTH_TAUGHT * (h->config.window - HEALTH_WINDOW)
                                            : 0;
}

/* When a silence ended.  One that stood still answers the check first that it missed first, so that
 * the answer's arrival counts; where stalls teach nothing, the sending of what was answered does,
 * which tells how long packets were lost. */
static qhcp_nsec silence_end(const struct health *h, qhcp_nsec now, qhcp_nsec rtt)
{
    qhcp_nsec back = h->srtt > 0 && taught(h) > 0 ? nsec_min(rtt, h->srtt) : rtt;

    return now > back ? now - back : 0;
}

/* The slack covers time stamps that differ between sending and session. */
void silence_answered(struct health *h, qhcp_nsec now, qhcp_nsec rtt)
{
    qhcp_nsec slack = nsec_min(h->config.interval / 2, NSEC_PER_MSEC);
    qhcp_nsec sent = now > rtt ? now - rtt : 0;

    while (h->n_open > 0 && h->open[0].sent <= sent + slack)
        remove_probe(h, 0);
    find_timeout(h);
    evidence_answered(&h->ring, sent, slack, rtt);
    if (h->misses == 0) {
        loss_answered(&h->loss);
    } else if (h->answered) {
        qhcp_nsec from = h->first_miss_sent, end = silence_end(h, now, rtt);
        const struct loss_silence s = {
            .misses = h->misses, .head = h->head, .length = end > from ? end - from : 0};

        loss_silence(&h->loss, now, &s);
    }
}

bool silence_too_late(qhcp_nsec now, qhcp_nsec due, qhcp_nsec timeout)
{
    return now > nsec_add(due, HEALTH_LATE + timeout / 2);
}

/* One that is down, or was never up, has nothing to lose by a verdict. */
static void first_miss(struct health *h, qhcp_nsec now, const struct health_probe *probe)
{
    bool known = h->state != QHCP_CONNECTING && h->state != QHCP_DOWN;
    const struct loss_terms terms = {.interval = h->config.interval,
                                     .fast = rtt_fast(h),
                                     .least = h->config.window > 0 ? h->config.window + h->srtt : 0,
                                     .taught = taught(h),
                                     .fall = h->config.fall,
                                     .budget = known ? h->config.budget : 0};

    loss_ask(&h->loss, now, &terms, &h->demand);
    h->first_miss_sent = h->last_miss_sent = probe->sent;
    h->head = probe->due - probe->sent;
}

static void count_miss(struct health *h, qhcp_nsec now, const struct health_probe *probe)
{
    h->excused = false;
    if (h->misses == 0)
        first_miss(h, now, probe);
    h->misses++;
    /* Not always in the order of sending: before the first answer time-outs are longer. */
    h->first_miss_sent = nsec_min(h->first_miss_sent, probe->sent);
    h->last_miss_sent = nsec_max(h->last_miss_sent, probe->sent);
}

static qhcp_nsec missed_span(const struct health *h)
{
    return h->last_miss_sent - h->first_miss_sent;
}

/* No silence is asked to be longer, however few checks could leave in it. */
static qhcp_nsec ceiling(const struct health *h)
{
    return nsec_max(LOSS_CEILING, h->config.window);
}

static bool enough(const struct health *h)
{
    qhcp_nsec span = missed_span(h);

    if (h->misses == 0 || h->misses < h->config.fall)
        return false;
    return (h->misses >= h->demand.misses && span >= h->demand.window) || span >= ceiling(h);
}

/* Others are being asked whether they answer.  One server does not wait for that for ever: those
 * who watch thousands ask about all the time. */
static bool awaits_others(const struct health *h, qhcp_nsec now)
{
    return h->config.local && local_asking(h->config.local, now) &&
           missed_span(h) < nsec_add(h->demand.window, LOCAL_ASK_MOST);
}

/* More misses are asked than can leave: an unanswered connection's congestion window fills.  Then
 * a silence of the longest that is ever asked is enough. */
static bool stuck(const struct health *h, qhcp_nsec now)
{
    unsigned least = h->config.fall < HEALTH_BLOCKED ? h->config.fall : HEALTH_BLOCKED;

    return h->silent_since > 0 && h->unheard >= least && h->n_open == 0 &&
           now - h->silent_since >= ceiling(h) && now <= nsec_add(h->next, HEALTH_LATE) &&
           score(h, now) == 0;
}

/* Nothing is held against it until now: we were late, and ask again at once; or are ill, and wait
 * for the next regular probe. */
static void forgive(struct health *h, qhcp_nsec now)
{
    h->misses = 0;
    h->excused = true;
    if (score(h, now) == 0)
        h->next = nsec_min(h->next, now);
}

static bool late(const struct health *h, qhcp_nsec now)
{
    qhcp_nsec blocked = h->config.local ? h->config.local->blocked_at : 0;

    for (unsigned i = 0; i < h->n_open; i++)
        if (blocked >= h->open[i].sent)
            return true; /* it may not even have left */
    for (unsigned i = 0; i < h->n_open; i++)
        if (silence_too_late(now, h->open[i].due, h->open[i].due - h->open[i].sent))
            return true;
    return false;
}

void silence_unheard(struct health *h, qhcp_nsec sent)
{
    if (h->silent_since == 0) {
        h->silent_since = sent;
        h->unheard = 0;
    }
    h->silent_since = nsec_min(h->silent_since, sent);
    h->unheard++;
}

/* Takes what is overdue off the list; true once it is enough. */
static bool count_overdue(struct health *h, qhcp_nsec now, bool were_late, bool excuse)
{
    for (unsigned i = 0; i < h->n_open;) {
        struct health_probe probe = h->open[i];

        if (now < probe.due) {
            i++;
            continue;
        }
        remove_probe(h, i);
        if (excuse && were_late)
            continue; /* its answer may be there */
        evidence_missed(&h->ring, probe.sent);
        silence_unheard(h, probe.sent);
        h->fails++;
        if (excuse)
            continue;
        count_miss(h, now, &probe);
        if (enough(h) && !awaits_others(h, now))
            return true;
    }
    return false;
}

bool silence_convicts(struct health *h, qhcp_nsec now)
{
    bool were_late, excuse, convicts;
    unsigned before = h->misses;

    if (stuck(h, now))
        return true;
    if (enough(h) && score(h, now) == 0 && !awaits_others(h, now))
        return true; /* it had to wait for others */
    if (now < h->timeout_at)
        return false;
    were_late = late(h, now);
    if (were_late)
        h->silent_since = 0; /* what fell into that time was not silence */
    excuse = score(h, now) > 0 || (were_late && !h->excused);
    convicts = count_overdue(h, now, were_late, excuse);
    find_timeout(h);
    if (excuse)
        forgive(h, now);
    else if (before == 0 && h->misses > 0)
        h->next = nsec_min(h->next, now); /* the others follow at silence_pace */
    return convicts;
}
