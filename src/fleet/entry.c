#include "fleet/entry.h"

#include "fleet/panic.h"

/* A drain takes traffic from a server that has some; one that does not answer is down anyway. */
static enum qhcp_state state_of(const struct fleet_entry *e, bool *ret_operator)
{
    bool drain = e->intent.use == FLEET_DRAIN || e->intent.weight == 0;

    *ret_operator =
        e->intent.use == FLEET_MAINTENANCE || (drain && fleet_healthy(e->verdict.state));
    if (!*ret_operator)
        return e->verdict.state;
    return e->intent.use == FLEET_MAINTENANCE ? QHCP_MAINTENANCE : QHCP_DRAINING;
}

const struct fleet_known *fleet_known(const struct fleet_entry *e)
{
    const struct fleet_bytes *known = e->text[FLEET_KNOWN];

    return known && known->n == sizeof(struct fleet_known)
               ? (const struct fleet_known *)(const void *)known->at
               : NULL;
}

const char *fleet_reason(const struct fleet_entry *e)
{
    const struct fleet_known *known = fleet_known(e);

    if (e->cause == QHCP_CAUSE_OPERATOR && e->intent.use == FLEET_IN_USE)
        return "its weight is 0";
    if (e->cause == QHCP_CAUSE_OPERATOR)
        return fleet_text(e, FLEET_WHY);
    if (known && e->state == QHCP_CONNECTING)
        return known->words;
    return fleet_text(e, FLEET_WORDS);
}

void entry_follow(struct fleet_entry *e, const struct fleet_entry *before, qhcp_nsec now,
                  int64_t wall_ms)
{
    bool is_new = !before || !before->text[FLEET_NAME] || before->key != e->key, by_operator;
    enum qhcp_state state = state_of(e, &by_operator);
    bool found = !by_operator && (is_new || before->verdict.state != e->verdict.state ||
                                  before->verdict.since != e->verdict.since);

    e->cause = by_operator ? QHCP_CAUSE_OPERATOR : e->verdict.cause;
    if (!is_new && !found && before->state == state) {
        e->state = before->state;
        e->since = before->since;
        e->since_ms = before->since_ms;
        return;
    }
    e->state = state;
    e->since = !found || e->verdict.since == 0 || e->verdict.since > now ? now : e->verdict.since;
    e->since_ms = wall_ms - (int64_t)((now - e->since) / NSEC_PER_MSEC);
    if (is_new && state == QHCP_MAINTENANCE && by_operator) /* it may be from before us */
        e->since_ms = e->intent.since_ms;
}

unsigned fleet_share(const struct fleet_entry *e, enum qhcp_use use)
{
    const struct panic_standing standing = {.verified = e->verdict.trusted};

    if (e->intent.use != FLEET_IN_USE || e->intent.weight == 0)
        return 0;
    return panic_share(use, &standing, e->verdict.state, e->verdict.own_share);
}
