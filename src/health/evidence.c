#include "health/evidence.h"

#include <stdio.h>

void evidence_sent(struct evidence_ring *r, qhcp_nsec now)
{
    r->at[r->next++ % EVIDENCE_SAMPLES] = (struct evidence_sample){now, 0, EVIDENCE_OPEN};
}

void evidence_no_beat(struct evidence_ring *r, qhcp_nsec at)
{
    r->at[r->next++ % EVIDENCE_SAMPLES] = (struct evidence_sample){at, 0, EVIDENCE_NO_BEAT};
}

void evidence_unsent(struct evidence_ring *r)
{
    struct evidence_sample *s = &r->at[(r->next - 1) % EVIDENCE_SAMPLES];

    if (r->next == 0 || s->fate != EVIDENCE_OPEN)
        return;
    s->fate = EVIDENCE_NONE;
    r->next--;
}

void evidence_answered(struct evidence_ring *r, qhcp_nsec sent, qhcp_nsec slack, qhcp_nsec rtt)
{
    struct evidence_sample *best = NULL;
    qhcp_nsec least = slack;

    /* The newest first, which it nearly always is; before a check that is too old all are. */
    for (unsigned i = 1; i <= EVIDENCE_SAMPLES; i++) {
        struct evidence_sample *s = &r->at[(r->next - i) % EVIDENCE_SAMPLES];
        qhcp_nsec gap = s->sent > sent ? s->sent - sent : sent - s->sent;

        if (s->sent < sent && gap > least && s->fate != EVIDENCE_NO_BEAT)
            break;
        if ((s->fate != EVIDENCE_OPEN && s->fate != EVIDENCE_MISSED) || gap > least)
            continue;
        best = s;
        least = gap;
    }
    if (!best)
        return;
    best->fate = EVIDENCE_ANSWERED;
    best->rtt_us = (uint32_t)nsec_min(rtt / NSEC_PER_USEC, UINT32_MAX);
}

void evidence_missed(struct evidence_ring *r, qhcp_nsec sent)
{
    for (unsigned i = 0; i < EVIDENCE_SAMPLES; i++)
        if (r->at[i].sent == sent && r->at[i].fate == EVIDENCE_OPEN)
            r->at[i].fate = EVIDENCE_MISSED;
}

static int format_sample(const struct evidence_sample *s, qhcp_nsec at, const char *before,
                         char *ret, size_t cap)
{
    double ago = (double)(at > s->sent ? at - s->sent : 0) / 1e6;

    if (s->fate == EVIDENCE_ANSWERED)
        return snprintf(ret, cap, "%s%.0f ms before: %.1f ms", before, ago, s->rtt_us / 1e3);
    return snprintf(ret, cap, "%s%.0f ms before: %s", before, ago,
                    s->fate == EVIDENCE_MISSED    ? "missed"
                    : s->fate == EVIDENCE_NO_BEAT ? "no beat"
                                                  : "not answered yet");
}

void evidence_format(const struct evidence_ring *r, qhcp_nsec at, char *ret, size_t cap)
{
    size_t n = 0;

    ret[0] = '\0';
    for (unsigned i = 0; i < EVIDENCE_SAMPLES && n < cap; i++) {
        const struct evidence_sample *s = &r->at[(r->next + i) % EVIDENCE_SAMPLES];
        int k;

        if (s->fate == EVIDENCE_NONE)
            continue;
        k = format_sample(s, at, n > 0 ? ", " : "", ret + n, cap - n);
        if (k < 0 || (size_t)k >= cap - n) {
            ret[n] = '\0'; /* no half a sample */
            return;
        }
        n += (size_t)k;
    }
}
