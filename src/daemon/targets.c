#include "daemon/targets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/log.h"
#include "daemon/destination.h"
#include "daemon/publisher.h"
#include "sources/servers.h"

void targets_deinit(struct targets *t)
{
    for (size_t i = 0; i < t->slots; i++)
        free(t->at[i]);
    free(t->at);
    free(t->rows);
    free(t->of);
    free(t->changed);
    inherit_free(t->inherited);
    *t = (struct targets){.feed = NULL};
}

struct target *targets_of_slot(const struct targets *t, uint32_t slot)
{
    return slot < t->slots ? t->at[slot] : NULL;
}

struct target *targets_of_id(const struct targets *t, size_t id)
{
    struct target *found = targets_of_slot(t, (uint32_t)id);

    return found && found->id == id ? found : NULL;
}

struct target *targets_find(const struct targets *t, const char *address)
{
    char name[ADDRESS_KEY];
    uint32_t slot;

    servers_key(address, name);
    return feed_find(t->feed, name, &slot) == 0 ? targets_of_slot(t, slot) : NULL;
}

/* Of a bit for each row. */
static size_t words(size_t rows)
{
    return (rows + 63) / 64;
}

/* Room for a target in this slot, and for its row. */
static bool reserve(struct targets *t, uint32_t slot)
{
    size_t slots = t->slots ? t->slots : 16, cap = t->cap ? 2 * t->cap : 16;
    struct proxy_server *rows = t->rows;
    struct target **at = t->at, **of = t->of;
    uint64_t *changed = t->changed;

    while (slots <= slot)
        slots *= 2;
    if (slots > t->slots && (at = realloc(t->at, slots * sizeof *at))) {
        memset(at + t->slots, 0, (slots - t->slots) * sizeof *at);
        t->at = at;
        t->slots = slots;
    }
    if (t->n < t->cap)
        return at != NULL;
    if ((rows = realloc(t->rows, cap * sizeof *rows)))
        t->rows = rows;
    if ((of = realloc(t->of, cap * sizeof *of)))
        t->of = of;
    if ((changed = realloc(t->changed, words(cap) * sizeof *changed))) {
        memset(changed + words(t->cap), 0, (words(cap) - words(t->cap)) * sizeof *changed);
        t->changed = changed;
    }
    if (rows && of && changed)
        t->cap = cap;
    return at && rows && of && changed;
}

static void mark(struct targets *t, size_t place)
{
    t->changed[place / 64] |= UINT64_C(1) << place % 64;
}

void targets_seen(struct targets *t)
{
    if (t->cap > 0)
        memset(t->changed, 0, words(t->cap) * sizeof *t->changed);
}

static struct target *add(struct targets *t, uint32_t slot, const struct fleet_entry *e)
{
    const char *name = fleet_text(e, FLEET_NAME);
    size_t len = strlen(name);
    struct target *one;

    if (!reserve(t, slot) || !(one = calloc(1, sizeof *one + len + 1)))
        return NULL;
    memcpy(one->name, name, len + 1);
    one->id = (size_t)t->numbers++ << 32 | slot;
    one->key = e->key;
    one->place = t->n++;
    t->at[slot] = t->of[one->place] = one;
    t->rows[one->place] = (struct proxy_server){.id = one->id, .key = one->key, .name = one->name};
    mark(t, one->place);
    t->news = true;
    return one;
}

static void drop(struct targets *t, qhcp_nsec now, struct target *one)
{
    struct target **link = &t->fell;

    t->gone(t->ctx, now, one);
    while (*link && *link != one)
        link = &(*link)->fell;
    if (*link)
        *link = one->fell;
    t->services -= one->address.sa.sa_family != AF_UNSPEC;
    t->at[(uint32_t)one->id] = NULL;
    t->n--;
    t->rows[one->place] = t->rows[t->n]; /* the last row fills the gap */
    t->of[one->place] = t->of[t->n];
    t->of[one->place]->place = one->place;
    mark(t, one->place);
    free(one);
    t->news = true;
}

static void say_refused(struct target *one, const char *refused)
{
    if (refused[0] != '\0' && !one->told)
        log_say(QHCP_LOG_WARNING, "%s: refusing a service: %s", one->name, refused);
    one->told = refused[0] != '\0';
}

/* Where its connections go, from now on. */
static void find_address(struct targets *t, qhcp_nsec now, struct target *one,
                         const struct fleet_entry *e)
{
    const struct listed listed = {.port = one->port, .service = one->service};
    char services[QHCP_SERVICES][QHCP_SERVICE], refused[QHCP_TEXT];
    struct fleet_entry *mine;
    union qhcp_addr address;

    one->sessions = e->sessions;
    one->lists = t->lists;
    destination_find(&listed, &e->remote, services, publisher_services(e, services, QHCP_SERVICES),
                     t->allowed, &address, refused, sizeof refused);
    if (!address_equal(&address, &one->address) &&
        destination_is_own(t->own, t->own_port, &address)) {
        snprintf(refused, sizeof refused,
                 "port %u is this load balancer's own, which would be a loop", t->own_port);
        address = (union qhcp_addr){0};
    }
    say_refused(one, refused);
    if (address_equal(&address, &one->address))
        return;
    t->moves(t->ctx, now, one);
    t->services += address.sa.sa_family != AF_UNSPEC;
    t->services -= one->address.sa.sa_family != AF_UNSPEC;
    one->probed = one->shut = false;
    one->address = address;
    t->found = true;
    mine = feed_change(t->feed, (uint32_t)one->id);
    if (mine)
        mine->target = address;
}

/* What the load balancer before us knew counts until we have a verdict of our own. */
static void inherit(const struct targets *t, const struct target *one, const struct fleet_entry *e,
                    struct proxy_server *row)
{
    const struct inherit_server *old = e->verdict.state == QHCP_CONNECTING && t->inherited
                                           ? inherit_find(t->inherited, one->name)
                                           : NULL;

    if (!old)
        return;
    row->share = old->share;
    row->degraded = old->degraded;
    row->target = one->address.sa.sa_family != AF_UNSPEC ? one->address : old->target;
    if (one->port > 0)
        row->target.in.sin_port = htons(one->port); /* at the same place in both families */
}

static struct proxy_server make_row(const struct targets *t, const struct target *one,
                                    const struct fleet_entry *e)
{
    bool known = one->address.sa.sa_family != AF_UNSPEC;
    struct proxy_server row = {.id = one->id,
                               .key = one->key,
                               .name = one->name,
                               .target = one->address,
                               .weight = e->intent.weight,
                               .priority = e->intent.priority,
                               .share = known ? fleet_share(e, t->use) : 0,
                               .degraded = e->state == QHCP_DEGRADED && t->use == QHCP_USE_HEALTHY,
                               .utilization = e->report.utilization,
                               .rate = e->report.rate,
                               .in_flight = e->report.in_flight,
                               .report = e->report.number,
                               .latency_us = e->report.latency_us};

    inherit(t, one, e, &row);
    return row;
}

/* Other than in figures, which the next table is early enough for. */
static bool differs(const struct proxy_server *a, const struct proxy_server *b)
{
    return a->weight != b->weight || a->priority != b->priority || a->degraded != b->degraded ||
           (a->share == 0) != (b->share == 0) || !address_equal(&a->target, &b->target);
}

/* In panic it may get connections anyway. */
static void notice_down(struct targets *t, struct target *one, const struct fleet_entry *e)
{
    bool was = one->down;

    one->down = e->state == QHCP_DOWN;
    if (was || !one->down || one->falling)
        return;
    one->falling = true;
    one->fell = t->fell;
    t->fell = one;
}

struct target *targets_fell(struct targets *t)
{
    struct target *one;

    while ((one = t->fell)) {
        t->fell = one->fell;
        one->falling = false;
        if (one->down)
            return one;
    }
    return NULL;
}

static void follow(struct targets *t, qhcp_nsec now, uint32_t slot, const struct fleet_entry *e)
{
    struct target *one = targets_of_slot(t, slot);
    struct proxy_server row;

    if (one && (!e->text[FLEET_NAME] || e->key != one->key)) {
        drop(t, now, one);
        one = NULL;
    }
    if (!e->text[FLEET_NAME] || (!one && !(one = add(t, slot, e))))
        return;
    if (one->sessions != e->sessions || one->lists != t->lists)
        find_address(t, now, one, e);
    notice_down(t, one, e);
    row = make_row(t, one, e);
    t->news = t->news || differs(&row, &t->rows[one->place]);
    t->shares = t->shares || row.share != t->rows[one->place].share;
    t->rows[one->place] = row;
    mark(t, one->place);
}

void targets_follow(struct targets *t, qhcp_nsec now)
{
    const struct fleet_snapshot *s = feed_current(t->feed);
    const struct fleet_entry *e;

    if (s->version == t->seen)
        return;
    if (s->self.use != t->use) { /* every row follows from it */
        t->use = s->self.use;
        t->seen = 0;
        t->news = true;
    }
    for (uint32_t at = 0; (e = snapshot_changed(s, t->seen, &at)); at++)
        follow(t, now, at, e);
    t->seen = s->version;
}

bool targets_undecided(const struct targets *t)
{
    return feed_current(t->feed)->self.by_state[QHCP_CONNECTING] > 0;
}

void targets_disinherit(struct targets *t, qhcp_nsec now)
{
    inherit_free(t->inherited);
    t->inherited = NULL;
    t->seen = 0;
    targets_follow(t, now);
}

/* The target of a server that the list names; NULL: it is not watched. */
static struct target *listed_target(struct targets *t, qhcp_nsec now, const char *address)
{
    const struct fleet_entry *e;
    char name[ADDRESS_KEY];
    struct target *one;
    uint32_t slot;

    servers_key(address, name);
    if (feed_find(t->feed, name, &slot) != 0)
        return NULL;
    e = feed_at(t->feed, slot);
    one = targets_of_slot(t, slot);
    if (one && one->key != e->key) {
        drop(t, now, one);
        one = NULL;
    }
    return one ? one : add(t, slot, e);
}

void targets_listed(struct targets *t, qhcp_nsec now, const struct listed *listed)
{
    struct target *one = listed_target(t, now, listed->address);

    if (!one || (one->port == listed->port && address_equal(&one->service, &listed->service)))
        return;
    one->port = listed->port;
    one->service = listed->service;
    one->lists = t->lists - 1;                     /* its address is looked for again, */
    (void)feed_change(t->feed, (uint32_t)one->id); /* after the next publication */
}

void targets_look_again(struct targets *t)
{
    t->lists++;
    t->seen = 0;
}
