#include "sinks/haproxy_server.h"

#include <string.h>

#include "base/address.h"

#define WEIGHT_MAX 256
#define PERCENT 100

static bool has_agent(const struct haproxy_server *s)
{
    return (s->row.agent & HAPROXY_ENABLED) != 0;
}

static bool has_check(const struct haproxy_server *s)
{
    return (s->row.check & HAPROXY_CONFIGURED) != 0;
}

void haproxy_server_init(struct haproxy_server *ret, const struct haproxy_row *row)
{
    bool down = row->op == 0;

    *ret = (struct haproxy_server){.row = *row, .slot = FLEET_NOBODY};
    ret->belief.admin = row->admin & HAPROXY_FORCED_MAINT   ? HAPROXY_MAINT
                        : row->admin & HAPROXY_FORCED_DRAIN ? HAPROXY_DRAIN
                                                            : HAPROXY_READY;
    ret->belief.checked = (row->check & HAPROXY_ENABLED) != 0;
    ret->belief.weight = row->weight;
    /* Its check may have found it down; without one, or with an agent, it may have been told. */
    if (has_check(ret) && !has_agent(ret))
        ret->belief.held = ret->belief.checked ? HAPROXY_FREE : HAPROXY_PERHAPS;
    else
        ret->belief.held = down ? HAPROXY_PERHAPS : HAPROXY_FREE;
}

/* What it is to be, in HAProxy's terms. */
struct wanted {
    enum haproxy_admin admin;
    bool any_admin; /* as it is */
    bool down, any_health;
    uint32_t weight;
    bool any_weight;
};

static uint32_t weigh(const struct haproxy_server *s, unsigned percent)
{
    uint32_t w = (s->row.configured * percent + PERCENT / 2) / PERCENT;

    if (s->row.configured == 0)
        return 0;
    return w == 0 ? 1 : w > WEIGHT_MAX ? WEIGHT_MAX : w;
}

static struct wanted want(const struct haproxy_server *s, const struct haproxy_rules *rules,
                          const struct say *say)
{
    struct wanted w = {.any_admin = true, .any_health = true, .any_weight = true};
    bool drains = say->use == SAY_DRAIN, out = say->use == SAY_MAINTENANCE;

    if (say->use == SAY_UNKNOWN)
        return w;
    w.any_health = out && rules->admin;
    w.down = say->use == SAY_DOWN || (out && !rules->admin);
    w.any_admin = !rules->admin || say->use == SAY_DOWN;
    w.admin = drains ? HAPROXY_DRAIN : out ? HAPROXY_MAINT : HAPROXY_READY;
    w.any_weight = !rules->weights || (say->use != SAY_SERVE && !(drains && !rules->admin));
    w.weight = drains ? 0 : weigh(s, say->percent);
    return w;
}

static void put(struct text *t, const char *verb, const struct haproxy_rules *rules,
                const struct haproxy_server *s, const char *what)
{
    text_printf(t, "%s %s/%s%s", verb, rules->backend, s->row.name, what);
}

static enum haproxy_effect set(struct text *t, const struct haproxy_rules *rules,
                               const struct haproxy_server *s, const char *what,
                               enum haproxy_effect effect)
{
    put(t, "set server", rules, s, what);
    return effect;
}

/* An agent's word stands until the agent takes it back; a health check would take ours back with
 * its next success, so that it rests meanwhile. */
static enum haproxy_effect step_down(const struct haproxy_server *s, const struct haproxy_belief *b,
                                     const struct haproxy_rules *rules, struct text *t)
{
    if (has_agent(s))
        return set(t, rules, s, " agent down", HAPROXY_CALL_DOWN);
    if (b->checked) {
        put(t, "disable health", rules, s, "");
        return HAPROXY_CHECKS_OFF;
    }
    return set(t, rules, s, " health down", HAPROXY_CALL_DOWN);
}

static enum haproxy_effect step_health(const struct haproxy_server *s,
                                       const struct haproxy_belief *b,
                                       const struct haproxy_rules *rules, bool down, struct text *t)
{
    if (down)
        return b->held == HAPROXY_HELD ? HAPROXY_NOTHING : step_down(s, b, rules, t);
    if (b->held != HAPROXY_FREE)
        return set(t, rules, s, has_agent(s) ? " agent up" : " health up", HAPROXY_CALL_UP);
    if (has_check(s) && !b->checked) {
        put(t, "enable health", rules, s, "");
        return HAPROXY_CHECKS_ON;
    }
    return HAPROXY_NOTHING;
}

static enum haproxy_effect step_admin(const struct haproxy_server *s, enum haproxy_admin admin,
                                      const struct haproxy_rules *rules, struct text *t)
{
    switch (admin) {
    case HAPROXY_DRAIN:
        return set(t, rules, s, " state drain", HAPROXY_SET_DRAIN);
    case HAPROXY_MAINT:
        return set(t, rules, s, " state maint", HAPROXY_SET_MAINT);
    default:
        return set(t, rules, s, " state ready", HAPROXY_SET_READY);
    }
}

static enum haproxy_effect step_away(const struct haproxy_server *s, const struct haproxy_belief *b,
                                     const struct haproxy_rules *rules, struct text *t)
{
    if (!rules->manage)
        return HAPROXY_NOTHING;
    if (b->admin != HAPROXY_MAINT)
        return step_admin(s, HAPROXY_MAINT, rules, t);
    put(t, "del server", rules, s, "");
    return HAPROXY_DELETE;
}

/* Its address, where it is another one. */
static bool step_address(const struct haproxy_server *s, const struct haproxy_rules *rules,
                         const union qhcp_addr *target, struct text *t)
{
    char ip[ADDRESS_IP];
    unsigned port;

    if (!target || target->sa.sa_family == AF_UNSPEC)
        return false;
    port = ntohs(target->sa.sa_family == AF_INET ? target->in.sin_port : target->in6.sin6_port);
    address_ip(target, ip);
    if (port == s->row.port && strcmp(ip, s->row.address) == 0)
        return false;
    text_printf(t, "set server %s/%s addr %s port %u", rules->backend, s->row.name, ip, port);
    return true;
}

struct haproxy_step haproxy_server_step(const struct haproxy_server *s,
                                        const struct haproxy_belief *b,
                                        const struct haproxy_rules *rules, const struct say *say,
                                        const union qhcp_addr *target, struct text *t)
{
    struct haproxy_step step = {.effect = HAPROXY_NOTHING};
    struct wanted w;

    if (!say) {
        step.effect = step_away(s, b, rules, t);
        return step;
    }
    w = want(s, rules, say);
    if (!w.any_health)
        step.effect = step_health(s, b, rules, w.down, t);
    if (step.effect == HAPROXY_NOTHING && step_address(s, rules, target, t))
        step.effect = HAPROXY_SET_ADDRESS;
    if (step.effect == HAPROXY_NOTHING && !w.any_weight && b->weight != w.weight) {
        text_printf(t, "set server %s/%s weight %u", rules->backend, s->row.name, w.weight);
        step = (struct haproxy_step){HAPROXY_SET_WEIGHT, w.weight};
    }
    if (step.effect == HAPROXY_NOTHING && !w.any_admin && b->admin != w.admin)
        step.effect = step_admin(s, w.admin, rules, t);
    return step;
}

void haproxy_server_did(struct haproxy_belief *b, const struct haproxy_step *step)
{
    switch (step->effect) {
    case HAPROXY_SET_READY:
        b->admin = HAPROXY_READY;
        break;
    case HAPROXY_SET_DRAIN:
        b->admin = HAPROXY_DRAIN;
        break;
    case HAPROXY_SET_MAINT:
        b->admin = HAPROXY_MAINT;
        break;
    case HAPROXY_CHECKS_OFF:
        b->checked = false;
        break;
    case HAPROXY_CHECKS_ON:
        b->checked = true;
        break;
    case HAPROXY_CALL_DOWN:
        b->held = HAPROXY_HELD;
        break;
    case HAPROXY_CALL_UP:
        b->held = HAPROXY_FREE;
        break;
    case HAPROXY_SET_WEIGHT:
        b->weight = step->weight;
        break;
    default:
        break;
    }
}

bool haproxy_server_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
    size_t n = strlen(name);

    return n > 0 && n < HAPROXY_NAME && strspn(name, allowed) == n;
}
