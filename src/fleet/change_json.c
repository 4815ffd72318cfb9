#include "fleet/change_json.h"

#include <inttypes.h>

#include "base/os/clock.h"

const char *change_intent_name(enum fleet_intent_use use)
{
    static const char *const names[] = {
        [FLEET_IN_USE] = "in_use", [FLEET_DRAIN] = "drain", [FLEET_MAINTENANCE] = "maintenance"};

    return names[use];
}

static const char *from_or_to(const struct fleet_change *c, uint8_t value)
{
    if (c->kind == FLEET_STATE && value < FLEET_STATES)
        return qhcp_state_name((enum qhcp_state)value);
    if (c->kind == FLEET_INTENT && value <= FLEET_MAINTENANCE)
        return change_intent_name((enum fleet_intent_use)value);
    if (c->kind == FLEET_PANIC)
        return qhcp_use_name((enum qhcp_use)value);
    if (c->kind == FLEET_BRAKE)
        return value ? "holding" : "off";
    return "";
}

void change_json(struct text *t, const struct fleet_change *c)
{
    char time[CLOCK_TEXT];
    const struct {
        const char *key, *value;
    } members[] = {
        {"time", clock_rfc3339(c->at_ms, time)},
        {"kind", ring_kind_name((enum fleet_kind)c->kind)},
        {"server", c->name},
        {"name", c->label[0] != '\0' ? c->label : c->name},
        {"from", from_or_to(c, c->from)},
        {"to", from_or_to(c, c->to)},
        {"cause", qhcp_cause_name((enum qhcp_cause)c->cause)},
        {"reason", c->words},
        {"evidence", c->evidence},
        {"who", c->who},
    };

    text_printf(t, "{\"seq\":%" PRIu64, c->seq);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        text_printf(t, ",\"%s\":", members[i].key);
        text_json(t, members[i].value);
    }
    text_add(t, "}");
}
