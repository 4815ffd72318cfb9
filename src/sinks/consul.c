#include "sinks/consul.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/ease.h"
#include "base/text.h"

void consul_enqueue(struct consul_member *m)
{
    struct consul *c = m->consul;

    if (m->queued || m->busy)
        return;
    m->queued = true;
    c->n_queued++;
    m->later = NULL;
    *c->last = m;
    c->last = &m->later;
}

struct consul_member *consul_dequeue(struct consul *c)
{
    struct consul_member *m = c->first;

    if (!m)
        return NULL;
    c->first = m->later;
    if (!c->first)
        c->last = &c->first;
    m->queued = false;
    c->n_queued--;
    return m;
}

void consul_free_member(struct consul_member *m)
{
    *m->link = m->next;
    if (m->next)
        m->next->link = m->link;
    free(m->id);
    free(m->definition);
    free(m);
}

/* "qhcp-SERVICE-ADDRESS". */
static char *make_id(const struct consul *c, const struct fleet_entry *e)
{
    struct text t = {0};

    text_printf(&t, "qhcp-%s%s%s", c->service ? c->service : "", c->service ? "-" : "",
                fleet_text(e, FLEET_NAME));
    if (t.failed)
        text_deinit(&t);
    return t.at;
}

/* NULL: out of memory. */
static struct consul_member *find_or_make(struct consul *c, const struct fleet_entry *e)
{
    struct consul_member *m;

    for (m = c->n_gone > 0 ? c->members : NULL; m; m = m->next)
        if (m->gone && m->key == e->key)
            break;
    if (m) {
        m->gone = false;
        c->n_gone--;
        return m;
    }
    m = calloc(1, sizeof *m);
    if (!m || !(m->id = make_id(c, e))) {
        free(m);
        return NULL;
    }
    m->consul = c;
    m->key = e->key;
    m->next = c->members;
    m->link = &c->members;
    if (m->next)
        m->next->link = &m->next;
    c->members = m;
    return m;
}

static void add_member(struct text *t, const char *key, const char *value)
{
    text_printf(t, "\"%s\":", key);
    text_json(t, value);
}

static void add_check(struct text *t, const struct consul *c, const char *id, const char *label)
{
    char name[120], ttl[32];

    snprintf(name, sizeof name, "QHCP %.100s", label);
    snprintf(ttl, sizeof ttl, "%llums", (unsigned long long)(c->ttl / NSEC_PER_MSEC));
    add_member(t, c->service ? "CheckID" : "ID", id);
    text_add(t, ",");
    add_member(t, "Name", name);
    text_add(t, ",");
    add_member(t, "TTL", ttl);
}

static void add_tags(struct text *t, const char *tags)
{
    size_t n;

    text_add(t, ",\"Tags\":[");
    for (const char *p = tags; *p != '\0'; p += n + (p[n] == '|')) {
        char tag[256];

        n = strcspn(p, "|");
        snprintf(tag, sizeof tag, "%.*s", (int)n, p);
        text_add(t, p > tags ? "," : "");
        text_json(t, tag);
    }
    text_add(t, "]");
}

/* What registers it, up to its status.  NULL: its address is not known yet, or out of memory. */
static char *make_definition(const struct consul *c, const struct consul_member *m,
                             const struct fleet_entry *e, const struct say *say)
{
    char ip[ADDRESS_IP];
    unsigned weight = say->weight > 0 ? say->weight : 1;
    struct text t = {0};

    if (c->service && e->target.sa.sa_family == AF_UNSPEC)
        return NULL;
    text_add(&t, "{");
    if (c->service) {
        add_member(&t, "ID", m->id);
        text_add(&t, ",");
        add_member(&t, "Name", c->service);
        text_add(&t, ",");
        add_member(&t, "Address", address_ip(&e->target, ip));
        text_printf(&t, ",\"Port\":%u,\"Weights\":{\"Passing\":%u,\"Warning\":%u}",
                    ntohs(e->target.in.sin_port), weight,
                    weight * EASE_DEGRADED / 100 > 0 ? weight * EASE_DEGRADED / 100 : 1);
        add_tags(&t, fleet_text(e, FLEET_TAGS));
        text_add(&t, ",\"Check\":{");
    }
    add_check(&t, c, m->id, fleet_text(e, FLEET_LABEL));
    if (t.failed)
        text_deinit(&t);
    return t.at;
}

static enum consul_status status_of(const struct say *say)
{
    if (say->use != SAY_SERVE)
        return CONSUL_CRITICAL;
    return say->degraded || say->panic ? CONSUL_WARNING : CONSUL_PASSING;
}

/* What is said of it now.  Words have figures in them, and Consul wakes everybody who watches a
 * check whose words change: they change with their cause alone. */
static void take_words(struct consul_member *m, const struct fleet_entry *e, const struct say *say)
{
    const char *why = say_why(say, e), *use = say_use_name(say->use);

    if (m->words[0] && m->status == status_of(say) && m->use == say->use && m->cause == say->cause)
        return;
    m->status = status_of(say);
    m->use = (uint8_t)say->use;
    m->cause = say->cause;
    snprintf(m->words, sizeof m->words, "%s%s%s", use, why[0] ? ": " : "", why);
    m->news = true;
}

static void take_definition(struct consul *c, struct consul_member *m, const struct fleet_entry *e,
                            const struct say *say)
{
    char *fresh = make_definition(c, m, e, say);

    if (!fresh || (m->definition && strcmp(fresh, m->definition) == 0)) {
        free(fresh);
        return;
    }
    free(m->definition);
    m->definition = fresh;
    m->registered = false;
}

static void let_go(struct consul *c, uint32_t slot)
{
    struct consul_member *m = c->slots[slot];

    c->slots[slot] = NULL;
    m->gone = true;
    c->n_gone++;
    consul_enqueue(m);
}

void consul_look(struct consul *c, const struct sink_view *view, uint32_t slot)
{
    const struct fleet_entry *e = snapshot_at(view->snapshot, slot);
    const struct say *say = &view->say[slot];

    if (c->slots[slot] && (!e || e->key != c->slots[slot]->key))
        let_go(c, slot);
    if (!e || say->use == SAY_UNKNOWN)
        return;
    if (!c->slots[slot])
        c->slots[slot] = find_or_make(c, e);
    if (!c->slots[slot])
        return;
    take_words(c->slots[slot], e, say);
    take_definition(c, c->slots[slot], e, say);
    if (c->slots[slot]->news || !c->slots[slot]->registered)
        consul_enqueue(c->slots[slot]);
}

bool consul_room(struct consul *c, uint32_t slots)
{
    struct consul_member **more;

    if (slots <= c->n_slots)
        return true;
    more = realloc(c->slots, slots * sizeof *more);
    if (!more)
        return false;
    memset(more + c->n_slots, 0, (slots - c->n_slots) * sizeof *more);
    c->slots = more;
    c->n_slots = slots;
    return true;
}
