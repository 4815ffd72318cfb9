#include "lb/publish.h"

#include "lb/internal.h"

void publish_mark(struct backend *b, unsigned what)
{
    struct publish_list *list = &b->lb->changed;

    if (!b->lb->config->changed)
        return;
    if (b->publish.what == 0) {
        b->publish.next = NULL;
        if (list->last)
            list->last->publish.next = b;
        else
            list->first = b;
        list->last = b;
    }
    b->publish.what |= what;
}

void publish_look(struct backend *b, qhcp_nsec now)
{
    struct publish *p = &b->publish;
    unsigned weight = health_weight(&b->health, now);
    unsigned share = panic_share(b->lb->use, &b->standing, b->health.state, weight);
    enum qhcp_cause cause = (enum qhcp_cause)b->health.cause;

    if (p->state != b->health.state)
        publish_mark(b, QHCP_CHANGE_STATE);
    if (p->cause != cause)
        publish_mark(b, QHCP_CHANGE_REASON);
    if (p->weight != weight || p->share != share)
        publish_mark(b, QHCP_CHANGE_SHARE);
    p->state = b->health.state;
    p->cause = cause;
    p->weight = weight;
    p->share = share;
}

void publish_look_all(struct qhcp_lb *lb, qhcp_nsec now)
{
    for (size_t i = 0; i < lb->count; i++)
        publish_look(lb->backends[i], now);
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
    if (to == QHCP_DOWN) {
        reason_evidence(b, evidence, sizeof evidence);
        lb_log(lb, QHCP_LOG_INFO, "%s: down: %s (%s)", b->text, reason, evidence);
    }
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

static void announce(struct backend *b, unsigned what)
{
    const struct qhcp_lb_config *config = b->lb->config;
    struct qhcp_changed changed = {
        .index = lb_index(b->lb, b->id), .id = b->id, .address = b->text, .what = what};

    if (config->changed)
        config->changed(config->ctx, &changed);
}

void publish_flush(struct qhcp_lb *lb)
{
    struct publish_list *list = &lb->changed;

    while (list->first) {
        struct backend *b = list->first;
        unsigned what = b->publish.what;

        list->first = b->publish.next;
        if (!list->first)
            list->last = NULL;
        b->publish.what = 0;
        announce(b, what);
    }
}

void publish_removed(struct backend *b)
{
    publish_flush(b->lb);
    b->publish.what = QHCP_CHANGE_REMOVED; /* as if in the list: what changes now is nobody's */
    announce(b, QHCP_CHANGE_REMOVED);
}
