#include "admin/admin_server.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_http.h"
#include "admin/admin_json.h"
#include "base/value.h"
#include "fleet/change_json.h"
#include "fleet/reader.h"
#include "wire/registry.h"

#include <qhcp/lb.h>

#define TAG 256           /* bytes of all tags of a server, and a NUL */
#define LIMIT_MOST 100000 /* servers of one page: all */

static void text_of(struct text *t, const char *key, const struct fleet_entry *e,
                    enum fleet_text which)
{
    admin_json_text(t, key, fleet_text(e, which));
}

/* A moment of the monotonic clock, by the snapshot's two; 0: there was none. */
static int64_t wall(const struct fleet_snapshot *s, qhcp_nsec at)
{
    if (at == 0)
        return -1;
    return s->at_ms + ((int64_t)at - (int64_t)s->at) / (int64_t)NSEC_PER_MSEC;
}

/* As status_json_value has it. */
static void value_json(struct text *t, const char *name, unsigned unit, uint64_t v)
{
    unsigned parts = unit == 1 ? 100 : unit == 4 ? 1000 : 1;

    admin_json_number(t, name, v / parts);
    if (parts > 1)
        text_printf(t, ".%0*u", parts == 100 ? 2 : 3, (unsigned)(v % parts));
}

static void metrics_json(struct text *t, const struct fleet_entry *e)
{
    const struct fleet_bytes *values = e->text[FLEET_VALUES];
    const char *name = fleet_text(e, FLEET_METRICS);
    size_t n = values ? values->n / sizeof(uint64_t) : 0;
    uint64_t v;

    admin_json_open(t, "metrics", '{');
    for (size_t i = 0; i < n; i++, name += strlen(name) + 1) {
        memcpy(&v, values->at + i * sizeof v, sizeof v);
        value_json(t, name + 1, (unsigned)(name[0] - '0'), v);
    }
    admin_json_close(t, '}');
}

static void services_json(struct text *t, const struct fleet_entry *e)
{
    const struct fleet_bytes *all = e->text[FLEET_SERVICES];

    admin_json_open(t, "services", '[');
    for (size_t at = 0; all && at < all->n; at += strlen(all->at + at) + 1)
        admin_json_text(t, NULL, all->at + at);
    admin_json_close(t, ']');
}

static void checks_json(struct text *t, const struct fleet_entry *e)
{
    const struct fleet_bytes *checks = e->text[FLEET_CHECKS];
    struct qhcp_check_view c;

    admin_json_open(t, "checks", '[');
    for (size_t at = 0; checks && at + sizeof c <= checks->n; at += sizeof c) {
        memcpy(&c, checks->at + at, sizeof c);
        admin_json_open(t, NULL, '{');
        admin_json_text(t, "name", c.name);
        admin_json_text(t, "status", wire_status(c.status)->name);
        admin_json_text(t, "reason", c.reason);
        admin_json_number(t, "duration_us", c.duration / NSEC_PER_USEC);
        admin_json_close(t, '}');
    }
    admin_json_close(t, ']');
}

static void intent_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    admin_json_open(t, "intent", '{');
    admin_json_text(t, "use", change_intent_name(e->intent.use));
    admin_json_number(t, "weight", e->intent.weight);
    admin_json_number(t, "listed_weight", e->intent.listed);
    admin_json_number(t, "priority", e->intent.priority);
    admin_json_time(t, "since", e->intent.since_ms);
    admin_json_time(t, "until", wall(s, e->intent.until));
    text_of(t, "reason", e, FLEET_WHY);
    text_of(t, "who", e, FLEET_WHO);
    admin_json_close(t, '}');
}

static void report_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    admin_json_open(t, "report", '{');
    if (e->sessions > 0)
        admin_json_text(t, "status", wire_status(e->report.status)->name);
    else
        admin_json_null(t, "status");
    admin_json_bool(t, "leaving", e->report.leaving);
    admin_json_time(t, "at", wall(s, e->report.at));
    metrics_json(t, e);
    services_json(t, e);
    checks_json(t, e);
    admin_json_close(t, '}');
}

static void verdict_json(struct text *t, const struct fleet_snapshot *s,
                         const struct fleet_entry *e)
{
    const struct fleet_verdict *v = &e->verdict;

    admin_json_open(t, "verdict", '{');
    admin_json_text(t, "state", qhcp_state_name(v->state));
    admin_json_time(t, "since", wall(s, v->since));
    admin_json_text(t, "cause", qhcp_cause_name((enum qhcp_cause)v->cause));
    text_of(t, "reason", e, FLEET_WORDS);
    text_of(t, "evidence", e, FLEET_EVIDENCE);
    admin_json_bool(t, "refused", v->refused);
    admin_json_bool(t, "trusted", v->trusted);
    admin_json_number(t, "own_share", v->own_share);
    admin_json_number(t, "fails", v->fails);
    admin_json_number(t, "false_verdicts", v->false_verdicts);
    admin_json_text(t, "liveness", e->report.listening ? "listen" : "ask");
    admin_json_number(t, "rtt_us", v->rtt_us);
    admin_json_number(t, "checks_sent", v->checks_sent);
    admin_json_number(t, "checks_ok", v->checks_ok);
    admin_json_time(t, "certificate_expires",
                    v->certificate_expires ? v->certificate_expires * 1000 : -1);
    admin_json_close(t, '}');
}

static void traffic_json(struct text *t, const struct fleet_snapshot *s,
                         const struct fleet_entry *e)
{
    const struct fleet_traffic *f = &e->traffic;

    (void)s;
    if (!f->forwarded) {
        admin_json_null(t, "forward");
        return;
    }
    admin_json_open(t, "forward", '{');
    admin_json_number(t, "in_flight", f->in_flight);
    admin_json_number(t, "connects", f->connects);
    admin_json_number(t, "failures", f->failures);
    admin_json_number(t, "errors_permille", f->errors);
    admin_json_number(t, "latency_us", f->latency_us);
    admin_json_number(t, "bytes_in", f->bytes_in);
    admin_json_number(t, "bytes_out", f->bytes_out);
    admin_json_close(t, '}');
}

static void place_json(struct text *t, const char *key, const union qhcp_addr *addr)
{
    char text[ADDRESS_TEXT] = "";

    if (addr->sa.sa_family != AF_UNSPEC)
        address_format(addr, text, sizeof text);
    admin_json_text(t, key, text);
}

static void server_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    (void)s;
    text_of(t, "server", e, FLEET_NAME);
}

static void name_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    (void)s;
    text_of(t, "name", e, FLEET_LABEL);
}

static void tags_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    const char *tags = fleet_text(e, FLEET_TAGS);
    char one[TAG];

    (void)s;
    admin_json_open(t, "tags", '[');
    for (size_t n; *tags != '\0'; tags += n + (tags[n] == '|')) {
        n = strcspn(tags, "|");
        snprintf(one, sizeof one, "%.*s", (int)n, tags);
        admin_json_text(t, NULL, one);
    }
    admin_json_close(t, ']');
}

static void address_json(struct text *t, const struct fleet_snapshot *s,
                         const struct fleet_entry *e)
{
    (void)s;
    text_of(t, "address", e, FLEET_ADDRESS);
}

static void server_id_json(struct text *t, const struct fleet_snapshot *s,
                           const struct fleet_entry *e)
{
    (void)s;
    text_of(t, "server_id", e, FLEET_SERVER_ID);
}

static void remote_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    (void)s;
    place_json(t, "remote", &e->remote);
}

static void state_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    (void)s;
    admin_json_text(t, "state", qhcp_state_name(e->state));
}

static void since_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    (void)s;
    admin_json_time(t, "since", e->since_ms);
}

static void cause_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    (void)s;
    admin_json_text(t, "cause", qhcp_cause_name((enum qhcp_cause)e->cause));
}

static void reason_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    (void)s;
    admin_json_text(t, "reason", fleet_reason(e));
}

/* What the history has of it, while it is not checked yet; else null. */
static void known_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    const struct fleet_known *known = fleet_known(e);

    (void)s;
    if (!known) {
        admin_json_null(t, "known");
        return;
    }
    admin_json_open(t, "known", '{');
    admin_json_text(t, "state", qhcp_state_name(known->state));
    admin_json_time(t, "since", known->since_ms);
    admin_json_time(t, "as_of", known->as_of_ms);
    admin_json_close(t, '}');
}

static void notice_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    (void)s;
    text_of(t, "notice", e, FLEET_NOTICE);
}

static void share_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    admin_json_number(t, "share", fleet_share(e, s->self.use));
}

/* What an object has, in this order. */
static const struct {
    const char *name;
    void (*put)(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e);
} members[] = {
    {"server", server_json},   {"name", name_json},           {"tags", tags_json},
    {"address", address_json}, {"server_id", server_id_json}, {"remote", remote_json},
    {"state", state_json},     {"since", since_json},         {"cause", cause_json},
    {"reason", reason_json},   {"known", known_json},         {"notice", notice_json},
    {"share", share_json},     {"intent", intent_json},       {"report", report_json},
    {"verdict", verdict_json}, {"forward", traffic_json},
};

#define MEMBERS (sizeof members / sizeof members[0])
#define ALL_MEMBERS ((1U << MEMBERS) - 1)

static void put_members(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e,
                        unsigned wanted)
{
    admin_json_open(t, NULL, '{');
    for (size_t i = 0; i < MEMBERS; i++)
        if (wanted & 1U << i)
            members[i].put(t, s, e);
    admin_json_close(t, '}');
}

void admin_server_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e)
{
    put_members(t, s, e, ALL_MEMBERS);
}

/* ---- a list of them ---- */

/* What of the fleet is wanted, and how far it has come. */
struct listing {
    unsigned states; /* a set of enum qhcp_state */
    unsigned fields; /* a set of members */
    uint64_t since;  /* only what has changed after this publication */
    char *q;         /* part of a name, a tag, an address or an id; NULL: any */
    char *tag;       /* NULL: any, or none */
    uint64_t left;   /* servers that may still come */
    uint32_t at;     /* the next slot */
    bool begun, first, ended;
};

static void listing_free(void *ctx)
{
    struct listing *l = ctx;

    if (l) {
        free(l->q);
        free(l->tag);
    }
    free(l);
}

/* Is it one of "a|b|c"? */
static bool is_among(const char *tags, const char *tag)
{
    size_t n = strlen(tag);

    for (const char *p = tags; n > 0 && (p = strstr(p, tag)); p++)
        if ((p == tags || p[-1] == '|') && (p[n] == '\0' || p[n] == '|'))
            return true;
    return false;
}

static bool matches(const struct listing *l, const struct fleet_entry *e)
{
    if (!e->text[FLEET_NAME] || !(l->states & 1U << e->state))
        return false;
    if (l->tag && !is_among(fleet_text(e, FLEET_TAGS), l->tag))
        return false;
    return !l->q || strcasestr(fleet_text(e, FLEET_LABEL), l->q) ||
           strcasestr(fleet_text(e, FLEET_TAGS), l->q) ||
           strcasestr(fleet_text(e, FLEET_ADDRESS), l->q) ||
           strcasestr(fleet_text(e, FLEET_SERVER_ID), l->q);
}

static void head(struct text *t, const struct fleet_snapshot *s)
{
    text_add(t, "{");
    admin_json_time(t, "time", s->at_ms);
    admin_json_number(t, "version", s->version);
    admin_json_number(t, "seq", s->seq);
    admin_json_open(t, "servers", '[');
}

/* One server more.  The next page, if there is one, begins with the slot behind it. */
static enum admin_more list_more(struct admin_request *q)
{
    struct listing *l = q->ctx;
    const struct fleet_snapshot *s = reader_hold(q->admin->reader);
    const struct fleet_entry *e = NULL;

    if (l->ended)
        return ADMIN_END;
    if (!l->begun)
        head(&q->out, s);
    l->begun = true;
    while ((e = snapshot_changed(s, l->since, &l->at)) && !matches(l, e))
        l->at++;
    if (e && l->left > 0) {
        if (!l->first && q->out.n == 0) /* the one before is in another piece */
            text_add(&q->out, ",");
        put_members(&q->out, s, e, l->fields);
        l->first = false;
        l->left--;
        l->at++;
        return ADMIN_MORE;
    }
    text_add(&q->out, "]");
    if (e)
        text_printf(&q->out, ",\"next\":\"%u\"}\n", l->at);
    else
        text_add(&q->out, ",\"next\":null}\n");
    l->ended = true;
    return ADMIN_MORE;
}

/* "up,degraded" as a set; every state where nothing is said. */
static bool take_states(struct admin_request *q, struct listing *l)
{
    const char *text = admin_http_query(q, "state");
    char quote[VALUE_QUOTE + 8];

    l->states = text ? 0 : ~0U;
    for (const char *p = text; p && *p != '\0'; p += strcspn(p, ","), p += *p == ',') {
        size_t n = strcspn(p, ",");
        unsigned i = 0;

        while (i < FLEET_STATES && (strlen(qhcp_state_name((enum qhcp_state)i)) != n ||
                                    memcmp(qhcp_state_name((enum qhcp_state)i), p, n) != 0))
            i++;
        if (i == FLEET_STATES) {
            admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_query",
                             "state: %s is not a state: use connecting, up, degraded, draining, "
                             "maintenance or down, with commas between",
                             value_quote(p, quote));
            return false;
        }
        l->states |= 1U << i;
    }
    return true;
}

/* "name,state" as a set; every member where nothing is said. */
static bool take_fields(struct admin_request *q, struct listing *l)
{
    const char *text = admin_http_query(q, "fields");
    char quote[VALUE_QUOTE + 8];

    l->fields = text ? 0 : ALL_MEMBERS;
    for (const char *p = text; p && *p != '\0'; p += strcspn(p, ","), p += *p == ',') {
        size_t n = strcspn(p, ","), i = 0;

        while (i < MEMBERS && (strlen(members[i].name) != n || memcmp(members[i].name, p, n) != 0))
            i++;
        if (i == MEMBERS) {
            admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_query",
                             "fields: %s is not a member of a server's object: see docs/api.md",
                             value_quote(p, quote));
            return false;
        }
        l->fields |= 1U << i;
    }
    return true;
}

void admin_server_list(struct admin_request *q)
{
    struct listing *l = calloc(1, sizeof *l);
    const char *part = admin_http_query(q, "q"), *tag = admin_http_query(q, "tag");
    uint64_t after = 0;

    q->ctx = l;
    q->free_ctx = listing_free;
    if (!l || (part && !(l->q = strdup(part))) || (tag && !(l->tag = strdup(tag)))) {
        admin_http_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "no_memory", "out of memory");
        return;
    }
    l->left = UINT64_MAX;
    l->first = true;
    if (!take_states(q, l) || !take_fields(q, l) ||
        !admin_http_number(q, "since", 0, UINT64_MAX, &l->since) ||
        !admin_http_number(q, "limit", 1, LIMIT_MOST, &l->left) ||
        !admin_http_number(q, "after", 0, UINT32_MAX - 1, &after))
        return;
    l->at = (uint32_t)after;
    atomic_store(&q->admin->config.pulse->looked_at, loop_now());
    q->more = list_more;
}

void admin_server_one(struct admin_request *q)
{
    const struct fleet_snapshot *s = reader_hold(q->admin->reader);
    char quote[VALUE_QUOTE + 8];
    uint32_t slot;
    const struct fleet_entry *e = snapshot_find(s, q->name, &slot);

    atomic_store(&q->admin->config.pulse->looked_at, loop_now());
    if (!e) {
        admin_http_error(q, MHD_HTTP_NOT_FOUND, "not_found",
                         "%s is not watched: qhcp status shows which servers are",
                         value_quote(q->name, quote));
        return;
    }
    admin_server_json(&q->out, s, e);
    text_add(&q->out, "\n");
}
