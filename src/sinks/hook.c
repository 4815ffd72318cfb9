#include "sinks/hook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/clock.h"
#include "base/text.h"
#include "base/value.h"
#include "fleet/change_json.h"

#define KINDS_DEFAULT                                                                              \
    (~(1u << FLEET_ADDED | 1u << FLEET_REMOVED | 1u << FLEET_LISTED | 1u << FLEET_SESSION))

/* The bit of the kind of this name; 0: there is none. */
static uint32_t kind_bit(const char *name, size_t n)
{
    for (unsigned kind = 0; kind < FLEET_KINDS; kind++) {
        const char *known = ring_kind_name((enum fleet_kind)kind);

        if (strlen(known) == n && memcmp(known, name, n) == 0)
            return 1u << kind;
    }
    return 0;
}

static int refuse_kind(const char *name, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];
    size_t n;

    snprintf(words, words_cap, "kinds: %s is not a kind of event: use all, or some of",
             value_quote(name, quote));
    for (unsigned kind = 0; kind < FLEET_KINDS; kind++) {
        n = strlen(words);
        snprintf(words + n, words_cap - n, "%s %s", kind > 0 ? "," : "",
                 ring_kind_name((enum fleet_kind)kind));
    }
    return QHCP_E_PARSE;
}

int hook_kinds(const char *text, uint32_t *ret, char *words, size_t words_cap)
{
    uint32_t kinds = 0, bit;
    const char *p = text;

    if (!text || strcmp(text, "all") == 0) {
        *ret = text ? UINT32_MAX : KINDS_DEFAULT;
        return 0;
    }
    for (;; p++) {
        size_t n = strcspn(p, ",");

        bit = kind_bit(p, n);
        if (bit == 0)
            return refuse_kind(p, words, words_cap);
        kinds |= bit;
        p += n;
        if (*p == '\0')
            break;
    }
    *ret = kinds;
    return 0;
}

/* ---- the queue ---- */

static struct hook_event **lane_of(struct hook *h, uint64_t key)
{
    return &h->lanes[key % HOOK_LANES];
}

/* The newest event of that server in its lane. */
static struct hook_event **find(struct hook *h, uint64_t key)
{
    struct hook_event **at = lane_of(h, key);

    while (*at && (*at)->key != key)
        at = &(*at)->chain;
    return at;
}

static void append(struct hook *h, struct hook_event *e)
{
    struct hook_event **newest = find(h, e->key);

    e->first = *newest == NULL;
    if (*newest) {
        (*newest)->later = e;
        e->chain = (*newest)->chain;
        *newest = e;
    } else {
        e->chain = *lane_of(h, e->key);
        *lane_of(h, e->key) = e;
    }
    e->prev = h->newest;
    *(h->newest ? &h->newest->next : &h->oldest) = e;
    h->newest = e;
    h->n++;
}

/* Takes out an event before which there is none of the same server. */
static void take_out(struct hook *h, struct hook_event *e)
{
    if (e->later)
        e->later->first = true;
    else if (e->tells == 0)
        *find(h, e->key) = e->chain;
    *(e->prev ? &e->prev->next : &h->oldest) = e->next;
    *(e->next ? &e->next->prev : &h->newest) = e->prev;
    h->n--;
    free(e);
}

/* The oldest that is first of its server's and waits goes; with one that says how many are missing,
 * those are still missing. */
static void leave_out_oldest(struct hook *h)
{
    for (struct hook_event *e = h->oldest; e; e = e->next) {
        if (e->first && !e->running) {
            h->missed += e->tells > 0 ? e->tells : 1;
            h->missed_ever += e->tells == 0;
            take_out(h, e);
            return;
        }
    }
}

static void add_json(struct hook *h, uint64_t key, struct text *t)
{
    struct hook_event *e = t->failed ? NULL : calloc(1, sizeof *e + t->n + 1);

    if (h->n >= HOOK_QUEUE)
        leave_out_oldest(h);
    if (!e || h->n >= HOOK_QUEUE + HOOK_AT_MOST) { /* (all of one server, of which one runs) */
        free(e);
        h->missed++;
        h->missed_ever++;
    } else {
        e->key = key;
        e->n = t->n;
        memcpy(e->json, t->at, t->n + 1);
        append(h, e);
    }
    text_deinit(t);
}

void hook_add(struct hook *h, const struct fleet_change *c)
{
    struct text t = {0};

    if (!c) { /* nobody knows how many */
        h->missed++;
        h->missed_ever++;
        return;
    }
    if (!(h->kinds & 1u << c->kind))
        return;
    change_json(&t, c);
    add_json(h, c->slot == FLEET_NOBODY ? 0 : c->key, &t);
}

/* An event that says how many are missing, before all others. */
static struct hook_event *tell_missed(struct hook *h, int64_t wall_ms)
{
    char time[CLOCK_TEXT];
    struct text t = {0};
    struct hook_event *e;

    text_printf(&t,
                "{\"seq\":0,\"time\":\"%s\",\"kind\":\"missed\",\"server\":\"\",\"name\":\"\","
                "\"from\":\"\",\"to\":\"\",\"cause\":\"%s\",\"reason\":\"%" PRIu64
                " or more events are missing before this one: read the servers again\","
                "\"evidence\":\"\",\"who\":\"\"}",
                clock_rfc3339(wall_ms, time), qhcp_cause_name((enum qhcp_cause)0), h->missed);
    e = t.failed ? NULL : calloc(1, sizeof *e + t.n + 1);
    if (e) {
        e->n = t.n;
        memcpy(e->json, t.at, t.n + 1);
        e->first = true;
        e->tells = h->missed;
        e->next = h->oldest;
        *(h->oldest ? &h->oldest->prev : &h->newest) = e;
        h->oldest = e;
        h->n++;
        h->missed = 0;
    }
    text_deinit(&t);
    return e;
}

static bool may_run(const struct hook_event *e, qhcp_nsec now)
{
    return e->first && !e->running && e->at <= now;
}

struct hook_event *hook_next(struct hook *h, qhcp_nsec now, int64_t wall_ms)
{
    struct hook_event *e = h->oldest;

    if (h->running >= h->at_most || now < h->pause_until || (h->silent > 0 && h->running > 0))
        return NULL;
    if (h->missed > 0 && h->missed_at <= now)
        e = tell_missed(h, wall_ms);
    while (e && !may_run(e, now))
        e = e->next;
    if (!e)
        return NULL;
    e->running = true;
    h->running++;
    return e;
}

static qhcp_nsec pause_after(unsigned failures)
{
    return failures > 6 ? HOOK_PAUSE_MAX : nsec_min(HOOK_PAUSE << (failures - 1), HOOK_PAUSE_MAX);
}

/* It is told no more.  Who has answered has heard of it; else it is missing there. */
static void give_up(struct hook *h, const struct hook_event *e, enum hook_end end, qhcp_nsec now)
{
    h->missed += e->tells > 0 ? e->tells : end == HOOK_SILENT;
    h->missed_ever += e->tells == 0;
    if (e->tells > 0)
        h->missed_at = nsec_add(now, HOOK_PAUSE_MAX);
}

bool hook_done(struct hook *h, struct hook_event *e, enum hook_end end, qhcp_nsec now)
{
    bool again = end != HOOK_TAKEN && e->tries < h->retries;

    h->running--;
    e->running = false;
    h->silent = end == HOOK_SILENT ? h->silent + 1 : 0;
    h->pause_until = h->silent > 0 ? nsec_add(now, pause_after(h->silent)) : 0;
    if (again) {
        e->at = nsec_add(now, pause_after(++e->tries));
        return true;
    }
    if (end != HOOK_TAKEN)
        give_up(h, e, end, now);
    take_out(h, e);
    return end == HOOK_TAKEN;
}

qhcp_nsec hook_deadline(const struct hook *h)
{
    qhcp_nsec at = h->missed > 0 ? h->missed_at : NSEC_NEVER;

    if (h->running >= h->at_most || (h->silent > 0 && h->running > 0))
        return NSEC_NEVER;
    for (const struct hook_event *e = h->oldest; e && at > 0; e = e->next)
        if (e->first && !e->running)
            at = nsec_min(at, e->at);
    return at == NSEC_NEVER ? at : nsec_max(at, h->pause_until);
}

void hook_clear(struct hook *h)
{
    struct hook_event *next;

    for (struct hook_event *e = h->oldest; e; e = next) {
        next = e->next;
        free(e);
    }
    *h = (struct hook){.at_most = h->at_most, .retries = h->retries, .kinds = h->kinds};
}
