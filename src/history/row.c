#include "history/row.h"

#include <string.h>

#include "base/address.h"

/* Its operator's name for it; "" where that is its address. */
static const char *label_of(const struct fleet_entry *e)
{
    const char *label = fleet_text(e, FLEET_LABEL);

    return strcmp(label, fleet_text(e, FLEET_ADDRESS)) == 0 ? "" : label;
}

static uint64_t listed(const struct fleet_entry *e)
{
    return fleet_key(fleet_text(e, FLEET_LABEL)) ^ 3 * fleet_key(fleet_text(e, FLEET_TAGS)) ^
           (uint64_t)e->intent.priority << 16 ^ e->intent.weight;
}

static bool same(const struct fleet_entry *e, const struct recorder_seen *seen)
{
    return seen->id != 0 && seen->key == e->key && seen->state == e->state &&
           seen->cause == e->cause && seen->since_ms == e->since_ms &&
           seen->sessions == e->sessions && seen->listed == listed(e);
}

int row_server(struct store *s, const struct fleet_entry *e, struct recorder_seen *seen)
{
    const struct fleet_known *known = e->state == QHCP_CONNECTING ? fleet_known(e) : NULL;
    char remote[ADDRESS_TEXT] = "";
    const struct store_server row = {.name = fleet_text(e, FLEET_NAME),
                                     .address = fleet_text(e, FLEET_ADDRESS),
                                     .label = label_of(e),
                                     .tags = fleet_text(e, FLEET_TAGS),
                                     .server_id = fleet_text(e, FLEET_SERVER_ID),
                                     .remote = remote,
                                     .state = qhcp_state_name(known ? known->state : e->state),
                                     .cause = qhcp_cause_name((enum qhcp_cause)e->cause),
                                     .words = fleet_reason(e),
                                     .priority = e->intent.priority,
                                     .weight = e->intent.weight,
                                     .since_ms = known ? known->since_ms : e->since_ms};
    int64_t id;
    int r;

    if (same(e, seen))
        return 0;
    if (e->remote.sa.sa_family != AF_UNSPEC)
        address_format(&e->remote, remote, sizeof remote);
    r = store_server_put(s, &row, &id);
    if (r != 0)
        return r;
    if (seen->key != e->key)
        *seen = (struct recorder_seen){.key = e->key};
    seen->id = id;
    seen->state = (uint8_t)e->state;
    seen->cause = e->cause;
    seen->since_ms = e->since_ms;
    seen->sessions = e->sessions;
    seen->listed = listed(e);
    return 0;
}

static const char *value_name(const struct fleet_change *c, uint8_t value)
{
    static const char *const intents[] = {
        [FLEET_IN_USE] = "in_use", [FLEET_DRAIN] = "drain", [FLEET_MAINTENANCE] = "maintenance"};

    switch (c->kind) {
    case FLEET_STATE:
        return qhcp_state_name((enum qhcp_state)value);
    case FLEET_INTENT:
        return value < sizeof intents / sizeof intents[0] ? intents[value] : "";
    case FLEET_PANIC:
        return qhcp_use_name((enum qhcp_use)value);
    case FLEET_BRAKE:
        return value ? "holding" : "off";
    default:
        return "";
    }
}

/* Its row; of a server that came and went meanwhile one is made. */
static int server_of(struct store *s, const struct fleet_change *c, struct recorder_seen *seen,
                     size_t n, int64_t *ret)
{
    const struct store_server row = {.name = c->name,
                                     .address = c->name,
                                     .label = c->label,
                                     .state = qhcp_state_name(QHCP_CONNECTING),
                                     .cause = qhcp_cause_name(QHCP_CAUSE_NONE),
                                     .since_ms = c->at_ms};

    *ret = 0;
    if (c->slot == FLEET_NOBODY || c->name[0] == '\0')
        return 0;
    if (c->slot < n && seen[c->slot].key == c->key && seen[c->slot].id != 0) {
        *ret = seen[c->slot].id;
        return 0;
    }
    return store_server_put(s, &row, ret);
}

int row_change(struct store *s, const struct fleet_change *c, struct recorder_seen *seen, size_t n)
{
    struct store_event e = {.at_ms = c->at_ms,
                            .kind = ring_kind_name((enum fleet_kind)c->kind),
                            .before = value_name(c, c->from),
                            .after = value_name(c, c->to),
                            .cause = qhcp_cause_name((enum qhcp_cause)c->cause),
                            .words = c->words,
                            .evidence = c->evidence,
                            .who = c->who};
    int r = server_of(s, c, seen, n, &e.server);

    if (r == 0)
        r = store_event_put(s, &e);
    if (r == 0 && c->kind == FLEET_REMOVED && e.server != 0)
        r = store_server_gone(s, e.server);
    if (c->kind == FLEET_REMOVED && c->slot < n && seen[c->slot].key == c->key)
        seen[c->slot] = (struct recorder_seen){.id = 0};
    return r;
}

/* The value of this name in its newest report; STORE_NONE. */
static int64_t reported(const struct fleet_entry *e, const char *name)
{
    const struct fleet_bytes *names = e->text[FLEET_METRICS], *values = e->text[FLEET_VALUES];
    uint64_t value;

    for (size_t at = 0, i = 0; names && values && at < names->n; i++) {
        const char *p = names->at + at;

        if (strcmp(p + 1, name) == 0 && (i + 1) * sizeof value <= values->n) {
            memcpy(&value, values->at + i * sizeof value, sizeof value);
            return (int64_t)(value & INT64_MAX);
        }
        at += strlen(p) + 1;
    }
    return STORE_NONE;
}

/* Since the last sample; the whole where counting has begun anew. */
static uint64_t since(uint64_t now, uint64_t before)
{
    return now >= before ? now - before : now;
}

int row_sample(struct store *s, const struct fleet_entry *e, enum qhcp_use use,
               struct recorder_seen *seen)
{
    bool answers = fleet_healthy(e->verdict.state);
    struct store_sample row = {
        .server = seen->id,
        .state = e->state,
        .share = fleet_share(e, use),
        .rtt_us = e->verdict.rtt_us > 0 && answers ? (int64_t)e->verdict.rtt_us : STORE_NONE,
        .sent = since(e->verdict.checks_sent, seen->sent),
        .answered = since(e->verdict.checks_ok, seen->answered),
        .cpu = reported(e, "cpu_usage_percent"),
        .memory = reported(e, "memory_usage_percent"),
        .requests =
            e->report.in_flight != FLEET_UNKNOWN ? (int64_t)e->report.in_flight : STORE_NONE,
        .connections = e->traffic.forwarded ? (int64_t)e->traffic.in_flight : STORE_NONE};

    if (seen->id == 0 || seen->key != e->key) /* it came a moment ago */
        return 0;
    seen->sent = e->verdict.checks_sent;
    seen->answered = e->verdict.checks_ok;
    return store_sample_put(s, &row);
}
