#include "lb/publish.h"

#include "lb/internal.h"

void publish_mark(struct backend *b, unsigned what)
{
    b->publish.what |= what;
    settle_later(b);
}

static void announce(struct backend *b, bool more)
{
    const struct qhcp_lb_config *config = b->lb->config;
    struct qhcp_changed changed = {.index = lb_index(b->lb, b->id),
                                   .id = b->id,
                                   .address = b->text,
                                   .what = b->publish.what,
                                   .more = more};

    b->publish.what = 0;
    if (config->changed)
        config->changed(config->ctx, &changed);
}

void publish_look(struct backend *b, qhcp_nsec now)
{
    struct publish *p = &b->publish;
    unsigned weight = health_weight(&b->health, now);
    unsigned share = panic_share(b->lb->use, &b->standing, b->health.state, weight);
    enum qhcp_cause cause = (enum qhcp_cause)b->health.cause;

    p->what |= (p->state != b->health.state ? QHCP_CHANGE_STATE : 0) |
               (p->cause != cause ? QHCP_CHANGE_REASON : 0) |
               (p->weight != weight || p->share != share ? QHCP_CHANGE_SHARE : 0);
    p->state = b->health.state;
    p->cause = cause;
    p->weight = weight;
    p->share = share;
    if (p->what != 0)
        announce(b, false);
}

void publish_removed(struct backend *b, bool more)
{
    b->publish.what |= QHCP_CHANGE_REMOVED;
    announce(b, more);
}

void publish_added(struct backend *b)
{
    b->publish.since = b->lb->now;
    publish_mark(b, QHCP_CHANGE_ADDED);
}

void publish_event(struct backend *b, enum qhcp_state from, enum qhcp_state to, const char *reason)
{
    struct qhcp_lb *lb = b->lb;
    char evidence[QHCP_EVIDENCE] = "";
    struct qhcp_event event = {.index = lb_index(lb, b->id),
                               .address = b->text,
                               .from = from,
                               .to = to,
                               .cause = (enum qhcp_cause)b->health.cause,
                               .reason = reason,
                               .evidence = evidence};

    if (from != to)
        b->publish.since = lb->now;
    if (to == QHCP_DOWN)
        reason_evidence(b, evidence, sizeof evidence);
    if (lb->config->event)
        lb->config->event(lb->config->ctx, &event);
}

void publish_session(struct backend *b)
{
    const struct qhcp_lb_config *config = b->lb->config;

    publish_mark(b, QHCP_CHANGE_SESSION);
    if (config->session)
        config->session(config->ctx, lb_index(b->lb, b->id));
}
