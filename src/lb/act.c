#include "lb/act.h"

#include "lb/internal.h"

void act_established(struct backend *b)
{
    b->standing.verified = true;
    reason_stalled(b, 0);
}

void act_restarted(struct backend *b)
{
    publish_event(b, QHCP_UP, QHCP_UP, "restarted");
}

void act_signal(struct backend *b, qhcp_nsec now, enum health_signal signal)
{
    struct health_step step = {0};

    if (signal == HEALTH_SIGNAL_REFUSED)
        b->standing.verified = false;
    if (signal == HEALTH_SIGNAL_TERMINATE)
        b->standing.left = true;
    health_signal(&b->health, now, signal, &step);
    act_on(b, now, &step);
}

static void let_go(struct backend *b, qhcp_nsec now, const struct health_step *step)
{
    bool kept = step->lost && !b->lb->stopping && lost_keep(b, now);

    link_end(&b->link, QHCP_E_TIMEOUT, kept_text(&b->reason.words));
    attempt_cancel(b);
    if (!kept && b->health.cause == HEALTH_CAUSE_REFUSED)
        lost_end(b);
}

void act_on(struct backend *b, qhcp_nsec now, const struct health_step *step)
{
    settle_later(b);
    if (step->refuted > 0)
        reason_stalled(b, step->refuted);
    if (step->verdict || b->health.state != QHCP_UP)
        reason_find(b, step);
    hold_look(b);
    if (step->verdict) {
        if (b->health.state == QHCP_UP)
            (void)report_take_restarted(b); /* the verdict tells of it */
        b->lb->in_state[step->from]--;
        b->lb->in_state[b->health.state]++;
        panic_state(&b->standing, b->health.state);
        reason_tell(b, step->from);
        lb_judge_panic(b->lb);
    }
    if (step->mute)
        listen_mute(b, now);
    if (step->drop)
        let_go(b, now, step);
    if (b->lb->stopping)
        return;
    if (step->dial)
        attempt_start(b, now);
    else if (step->probe)
        talk_probe(b, now);
}

void act_poll(struct backend *b, qhcp_nsec now)
{
    struct health_step step = {0};

    health_poll(&b->health, now, &step);
    act_on(b, now, &step);
}

void act_data_port(struct backend *b, qhcp_nsec now, bool open, const char *words)
{
    struct health_step step = {0};

    reason_port(b, words);
    health_data_port(&b->health, now, open, &step);
    act_on(b, now, &step);
}
