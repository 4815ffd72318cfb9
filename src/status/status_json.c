#include "status/status_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/os/clock.h"
#include "fleet/entry.h"
#include "fleet/ring.h"
#include "proxy/proxy.h"
#include "wire/registry.h"

void status_json_value(struct text *t, const struct qhcp_value *value)
{
    unsigned long long v = value->value;

    if (value->unit == 1)
        text_printf(t, "%llu.%02llu", v / 100, v % 100);
    else if (value->unit == 4)
        text_printf(t, "%llu.%03llu", v / 1000, v % 1000);
    else
        text_printf(t, "%llu", v);
}

static void member(struct text *t, const char *name, const char *value)
{
    text_printf(t, "\"%s\":", name);
    text_json(t, value);
    text_add(t, ",");
}

static void add_checks(struct text *t, const struct status_fleet *fleet, size_t index)
{
    struct qhcp_check_view checks[QHCP_CHECKS];
    size_t n = fleet->checks ? fleet->checks(fleet->ctx, index, checks, QHCP_CHECKS) : 0;

    text_add(t, "\"checks\":[");
    for (size_t i = 0; i < n; i++) {
        text_add(t, i > 0 ? ",{" : "{");
        member(t, "name", checks[i].name);
        member(t, "status", wire_status(checks[i].status)->name);
        member(t, "reason", checks[i].reason);
        text_printf(t, "\"duration_us\":%llu}",
                    (unsigned long long)(checks[i].duration / NSEC_PER_USEC));
    }
    text_add(t, "]");
}

static void add_services(struct text *t, const struct status_fleet *fleet, size_t index)
{
    char services[QHCP_SERVICES][QHCP_SERVICE];
    size_t n = fleet->services ? fleet->services(fleet->ctx, index, services, QHCP_SERVICES) : 0;

    text_add(t, "\"services\":[");
    for (size_t i = 0; i < n; i++) {
        text_add(t, i > 0 ? "," : "");
        text_json(t, services[i]);
    }
    text_add(t, "]");
}

static void add_numbers(struct text *t, const uint64_t *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        text_printf(t, "%s%llu", i > 0 ? "," : "", (unsigned long long)numbers[i]);
}

static void add_forward(struct text *t, const struct status_fleet *fleet, const char *address)
{
    struct proxy_counts c;
    char target[ADDRESS_TEXT];

    if (!fleet->forward || !fleet->forward(fleet->ctx, address, &c))
        return;
    address_format(&c.target, target, sizeof target);
    text_printf(t, "\"weight\":%u,\"priority\":%u,", c.weight, c.priority);
    text_printf(t, "\"forward\":{\"target\":\"%s\",", target);
    text_printf(t, "\"in_flight\":%u,\"connects\":%llu,\"errors_permille\":%u,\"latency_us\":%u,",
                c.in_flight, (unsigned long long)c.connects, c.errors, c.latency_us);
    text_printf(t, "\"bytes_in\":%llu,\"bytes_out\":%llu,\"failures\":{",
                (unsigned long long)c.bytes_in, (unsigned long long)c.bytes_out);
    for (unsigned i = 0; i < PROXY_FAILURES; i++)
        text_printf(t, "%s\"%s\":%llu", i > 0 ? "," : "", proxy_failure_name((enum proxy_failure)i),
                    (unsigned long long)c.failures[i]);
    text_add(t, "},\"ends\":{");
    for (unsigned i = 0; i < PROXY_NOBODY; i++) /* which are of no server */
        text_printf(t, "%s\"%s\":%llu", i > 0 ? "," : "", proxy_end_name((enum proxy_end)i),
                    (unsigned long long)c.ends[i]);
    text_add(t, "},\"connect_time\":[");
    add_numbers(t, c.connect_time, PROXY_BUCKETS);
    text_add(t, "]},");
}

/* A moment of the monotonic clock as a time of day. */
static void add_since(struct text *t, qhcp_nsec since, struct status_moment at)
{
    int64_t age = since < at.now ? (int64_t)((at.now - since) / NSEC_PER_MSEC) : 0;
    char time[CLOCK_TEXT];

    member(t, "since", clock_rfc3339(at.ms - age, time));
}

/* How people call it, and the operator's tags. */
static void add_called(struct text *t, const struct fleet_entry *e, const char *address)
{
    const char *label = e ? fleet_text(e, FLEET_LABEL) : "",
               *tag = e ? fleet_text(e, FLEET_TAGS) : "";
    char one[FLEET_LABEL_MAX];

    member(t, "name", label[0] ? label : address);
    text_add(t, "\"tags\":[");
    while (*tag != '\0') {
        size_t n = strcspn(tag, "|");

        snprintf(one, sizeof one, "%.*s", (int)n, tag);
        text_json(t, one);
        tag += n + (tag[n] == '|');
        text_add(t, *tag != '\0' ? "," : "");
    }
    text_add(t, "],");
}

/* What the history has of it, while it is not checked yet. */
static void add_known(struct text *t, const struct fleet_entry *e)
{
    const struct fleet_known *known = e ? fleet_known(e) : NULL;
    char since[CLOCK_TEXT], as_of[CLOCK_TEXT];

    if (known)
        text_printf(t, "\"known\":{\"state\":\"%s\",\"since\":\"%s\",\"as_of\":\"%s\"},",
                    qhcp_state_name(known->state), clock_rfc3339(known->since_ms, since),
                    clock_rfc3339(known->as_of_ms, as_of));
}

static void add_server(struct text *t, const struct status_fleet *fleet, size_t index,
                       const struct qhcp_view *v, struct status_moment at)
{
    text_add(t, "{");
    member(t, "address", v->address);
    add_called(t, fleet->entry ? fleet->entry(fleet->ctx, index) : NULL, v->address);
    member(t, "server_id", v->server_id);
    member(t, "state", qhcp_state_name(v->state));
    add_since(t, v->since, at);
    member(t, "cause", qhcp_cause_name(v->cause));
    member(t, "reason", v->reason);
    add_known(t, fleet->entry ? fleet->entry(fleet->ctx, index) : NULL);
    if (v->notice[0] != '\0')
        member(t, "notice", v->notice);
    if (v->evidence[0] != '\0')
        member(t, "evidence", v->evidence);
    text_printf(t, "\"share\":%u,\"own_share\":%u,", v->share, v->own_share);
    text_printf(t, "\"false_verdicts\":%u,", v->false_verdicts);
    member(t, "liveness", v->listening ? "listen" : "ask");
    text_printf(t, "\"fails\":%u,\"rtt_us\":%llu,\"checks_sent\":%llu,\"checks_ok\":%llu,",
                v->fails, (unsigned long long)v->rtt_us, (unsigned long long)v->checks_sent,
                (unsigned long long)v->checks_ok);
    text_add(t, "\"metrics\":{");
    for (size_t i = 0; i < v->n_values; i++) {
        text_add(t, i > 0 ? "," : "");
        text_json(t, v->values[i].name);
        text_add(t, ":");
        status_json_value(t, &v->values[i]);
    }
    text_add(t, "},");
    add_forward(t, fleet, v->address);
    add_services(t, fleet, index);
    text_add(t, ",");
    add_checks(t, fleet, index);
    text_add(t, "}");
}

static void open_object(struct text *t, const char *type, int64_t ms)
{
    char time[CLOCK_TEXT];

    text_printf(t, "{\"type\":\"%s\",\"schema\":%d,\"time\":\"%s\",", type, STATUS_JSON_SCHEMA,
                clock_rfc3339(ms, time));
}

static void add_panic(struct text *t, const struct qhcp_panic *panic)
{
    text_printf(t, "\"panic\":%s,\"use\":\"%s\"", panic->on ? "true" : "false",
                qhcp_use_name(panic->use));
}

static void add_lateness(struct text *t, const struct qhcp_lateness *l)
{
    text_add(t, "\"probe_lateness_us\":{\"le\":[");
    for (size_t i = 0; i < QHCP_LATENESS - 1; i++)
        text_printf(t, "%s%" PRIu64, i > 0 ? "," : "", qhcp_lateness_us(i));
    text_add(t, "],\"count\":[");
    for (size_t i = 0; i < QHCP_LATENESS; i++)
        text_printf(t, "%s%" PRIu64, i > 0 ? "," : "", l->count[i]);
    text_add(t, "]}");
}

static void add_sources(struct text *t, const struct status_fleet *fleet)
{
    struct status_source s;

    if (!fleet->source || !fleet->source(fleet->ctx, 0, &s))
        return;
    text_add(t, "\"sources\":[");
    for (size_t i = 0; fleet->source(fleet->ctx, i, &s); i++) {
        text_add(t, i > 0 ? ",{" : "{");
        member(t, "name", s.name);
        text_printf(t, "\"servers\":%zu,", s.servers);
        if (s.age != NSEC_NEVER)
            text_printf(t, "\"age_s\":%llu,", (unsigned long long)(s.age / NSEC_PER_SEC));
        text_add(t, "\"error\":");
        text_json(t, s.words);
        text_add(t, "}");
    }
    text_add(t, "],");
}

static void add_sinks(struct text *t, const struct status_fleet *fleet)
{
    struct status_sink s;

    if (!fleet->sink || !fleet->sink(fleet->ctx, 0, &s))
        return;
    text_add(t, "\"sinks\":[");
    for (size_t i = 0; fleet->sink(fleet->ctx, i, &s); i++) {
        text_add(t, i > 0 ? ",{" : "{");
        member(t, "name", s.name);
        text_printf(t, "\"successes\":%" PRIu64 ",\"failures\":%" PRIu64 ",\"held\":%" PRIu64 ",",
                    s.successes, s.failures, s.held);
        if (s.age != NSEC_NEVER)
            text_printf(t, "\"age_s\":%llu,", (unsigned long long)(s.age / NSEC_PER_SEC));
        text_add(t, "\"error\":");
        text_json(t, s.words);
        text_add(t, "}");
    }
    text_add(t, "],");
}

void status_json_fleet(struct text *t, const struct status_fleet *fleet, struct status_moment at)
{
    struct text servers = {0};
    struct qhcp_self self = {0};
    struct qhcp_view v;
    size_t total = 0, up = 0, healthy = 0;

    for (size_t i = 0, n = fleet->count(fleet->ctx); i < n; i++) {
        if (fleet->view(fleet->ctx, i, &v) < 0)
            continue;
        text_add(&servers, total > 0 ? "," : "");
        add_server(&servers, fleet, i, &v, at);
        total++;
        up += v.state == QHCP_UP;
        healthy += v.state == QHCP_UP || v.state == QHCP_DEGRADED;
    }
    open_object(t, "status", at.ms);
    if (fleet->self)
        fleet->self(fleet->ctx, &self);
    text_printf(t, "\"total\":%zu,\"healthy\":%zu,\"up\":%zu,\"local_score\":%u,", total, healthy,
                up, self.local_score);
    add_panic(t, &self.panic);
    text_add(t, ",");
    add_lateness(t, &self.lateness);
    text_add(t, ",");
    if (fleet->insecure)
        text_add(t, "\"insecure\":true,");
    if (self.held > 0)
        text_printf(t, "\"held\":%zu,", self.held);
    add_sources(t, fleet);
    add_sinks(t, fleet);
    text_add(t, "\"servers\":[");
    text_bytes(t, servers.at ? servers.at : "", servers.n);
    text_add(t, "]}\n");
    t->failed = t->failed || servers.failed;
    text_deinit(&servers);
}

void status_json_listed(struct text *t, const struct status_listed *listed, int64_t ms)
{
    static const char *const types[] = {"added", "removed", "changed"};

    open_object(t, types[listed->kind], ms);
    member(t, "address", listed->address);
    text_add(t, "\"name\":");
    text_json(t, listed->name[0] ? listed->name : listed->address);
    if (listed->kind == STATUS_CHANGED) {
        text_add(t, ",\"words\":");
        text_json(t, listed->words);
    }
    text_add(t, "}\n");
}

void status_json_event(struct text *t, const struct qhcp_event *event, const char *name, int64_t ms)
{
    open_object(t, "event", ms);
    member(t, "address", event->address);
    member(t, "name", name[0] ? name : event->address);
    member(t, "from", qhcp_state_name(event->from));
    member(t, "to", qhcp_state_name(event->to));
    member(t, "cause", qhcp_cause_name(event->cause));
    if (event->evidence && event->evidence[0] != '\0')
        member(t, "evidence", event->evidence);
    text_add(t, "\"reason\":");
    text_json(t, event->reason ? event->reason : "");
    text_add(t, "}\n");
}

void status_json_panic(struct text *t, const struct qhcp_panic *panic, int64_t ms)
{
    open_object(t, "panic", ms);
    add_panic(t, panic);
    text_printf(t, ",\"healthy\":%zu,\"total\":%zu}\n", panic->healthy, panic->total);
}

void status_json_dropped(struct text *t, uint64_t count, int64_t ms)
{
    open_object(t, "dropped", ms);
    text_printf(t, "\"count\":%llu}\n", (unsigned long long)count);
}
