#include "history/history_json.h"

#include <inttypes.h>

#include "base/os/clock.h"

static void member(struct text *t, const char *name, const char *value)
{
    text_printf(t, "\"%s\":", name);
    text_json(t, value);
    text_add(t, ",");
}

static void time_member(struct text *t, const char *name, int64_t ms)
{
    char time[CLOCK_TEXT];

    text_printf(t, "\"%s\":\"%s\",", name, clock_rfc3339(ms, time));
}

void history_json_event(struct text *t, const struct query_event *e)
{
    text_printf(t, "{\"id\":%" PRId64 ",", e->id);
    time_member(t, "time", e->at_ms);
    if (e->server[0] != '\0')
        member(t, "server", e->server);
    if (e->label[0] != '\0')
        member(t, "name", e->label);
    if (e->after[0] != '\0') {
        member(t, "from", e->before);
        member(t, "to", e->after);
        member(t, "cause", e->cause);
    }
    if (e->evidence[0] != '\0')
        member(t, "evidence", e->evidence);
    if (e->who[0] != '\0')
        member(t, "who", e->who);
    member(t, "kind", e->kind);
    text_add(t, "\"reason\":");
    text_json(t, e->words);
    text_add(t, "}");
}

/* null where nothing is known. */
static void number(struct text *t, const char *name, int64_t value, bool hundredths)
{
    if (value == QUERY_UNKNOWN)
        text_printf(t, ",\"%s\":null", name);
    else if (hundredths)
        text_printf(t, ",\"%s\":%" PRId64 ".%02" PRId64, name, value / 100, value % 100);
    else
        text_printf(t, ",\"%s\":%" PRId64, name, value);
}

void history_json_sample(struct text *t, const struct query_sample *s)
{
    text_add(t, "{");
    time_member(t, "time", s->at_ms);
    member(t, "state", qhcp_state_name(s->state));
    text_printf(t, "\"share\":%u,\"checks_sent\":%" PRIu64 ",\"checks_ok\":%" PRIu64, s->share,
                s->sent, s->answered);
    number(t, "rtt_us", s->rtt_us, false);
    number(t, "cpu_usage_percent", s->cpu, true);
    number(t, "memory_usage_percent", s->memory, true);
    number(t, "requests_in_flight", s->requests, false);
    number(t, "connections", s->connections, false);
    text_add(t, "}");
}

static void add_event(struct text *t, const struct story *s, const struct story_event *e)
{
    history_json_event(t, &(struct query_event){.id = e->id,
                                                .at_ms = e->at_ms,
                                                .server = s->server.name,
                                                .label = s->server.label,
                                                .kind = e->kind,
                                                .before = e->before,
                                                .after = e->after,
                                                .cause = e->cause,
                                                .words = e->words,
                                                .evidence = e->evidence,
                                                .who = e->who});
}

static void add_one(struct text *t, const char *name, const struct story *s,
                    const struct story_event *e)
{
    text_printf(t, ",\"%s\":", name);
    if (e->id == 0)
        text_add(t, "null");
    else
        add_event(t, s, e);
}

static void add_others(struct text *t, const struct story *s)
{
    text_printf(t, ",\"others\":{\"within_ms\":%d,\"went\":%zu,\"of\":%zu,\"groups\":[",
                STORY_MOMENT_MS, s->went, s->others);
    for (size_t i = 0; i < s->n_groups; i++) {
        text_add(t, i > 0 ? ",{" : "{");
        member(t, "group", s->groups[i].name);
        text_printf(t, "\"went\":%zu,\"of\":%zu}", s->groups[i].went, s->groups[i].of);
    }
    text_add(t, "],\"servers\":[");
    for (size_t i = 0; i < s->n_names; i++) {
        text_add(t, i > 0 ? "," : "");
        text_json(t, s->names[i]);
    }
    text_add(t, "]}");
}

void history_json_story(struct text *t, const struct story *s)
{
    text_add(t, "{");
    member(t, "server", s->server.name);
    if (s->server.label[0] != '\0')
        member(t, "name", s->server.label);
    member(t, "state", s->server.state);
    time_member(t, "since", s->server.since_ms);
    member(t, "cause", s->server.cause);
    member(t, "reason", s->server.words);
    time_member(t, "as_of", s->newest_ms);
    text_printf(t, "\"watched\":%s", s->server.watched ? "true" : "false");
    add_one(t, "fall", s, &s->fall);
    add_one(t, "return", s, &s->back);
    if (s->fall.id != 0)
        add_others(t, s);
    text_add(t, ",\"events\":[");
    for (size_t i = 0; i < s->n_events; i++) {
        text_add(t, i > 0 ? "," : "");
        add_event(t, s, &s->events[i]);
    }
    text_add(t, "],\"samples\":[");
    for (size_t i = 0; i < s->n_samples; i++) {
        text_add(t, i > 0 ? "," : "");
        history_json_sample(t, &s->samples[i]);
    }
    text_add(t, "]}");
}
