#include "history/story.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"

static void copy(const struct query_event *e, struct story_event *ret)
{
    ret->id = e->id;
    ret->at_ms = e->at_ms;
    snprintf(ret->kind, sizeof ret->kind, "%s", e->kind);
    snprintf(ret->before, sizeof ret->before, "%s", e->before);
    snprintf(ret->after, sizeof ret->after, "%s", e->after);
    snprintf(ret->cause, sizeof ret->cause, "%s", e->cause);
    snprintf(ret->who, sizeof ret->who, "%s", e->who);
    snprintf(ret->words, sizeof ret->words, "%s", e->words);
    snprintf(ret->evidence, sizeof ret->evidence, "%s", e->evidence);
}

static bool on_fall(void *ctx, const struct query_event *e)
{
    copy(e, ctx);
    return true;
}

/* The newest state event of its own before this one: when the state before it began. */
struct before {
    int64_t id, at_ms;
};

static bool on_before(void *ctx, const struct query_event *e)
{
    struct before *b = ctx;

    if (e->id < b->id && strcmp(e->kind, "state") == 0)
        b->at_ms = e->at_ms;
    return e->id < b->id;
}

static bool is_healthy(const char *state)
{
    return strcmp(state, "up") == 0 || strcmp(state, "degraded") == 0;
}

static bool on_event(void *ctx, const struct query_event *e)
{
    struct story *s = ctx;

    if (s->back.id == 0 && e->id > s->fall.id && strcmp(e->kind, "state") == 0 &&
        is_healthy(e->after))
        copy(e, &s->back);
    if (s->back.id != 0 && e->at_ms > s->back.at_ms + STORY_AFTER_MS)
        return false;
    if (s->n_events == STORY_EVENTS) {
        memmove(&s->events[0], &s->events[1], (STORY_EVENTS - 1) * sizeof s->events[0]);
        s->n_events--;
    }
    copy(e, &s->events[s->n_events++]);
    return true;
}

static bool on_sample(void *ctx, const struct query_sample *sample)
{
    struct story *s = ctx;

    s->samples[s->n_samples++] = *sample;
    return s->n_samples < STORY_SAMPLES;
}

void story_network(const char *remote, char ret[STORY_NETWORK])
{
    struct address a;
    char ignored[200], ip[ADDRESS_IP];

    ret[0] = '\0';
    if (remote[0] == '\0' || address_parse(remote, &a, ignored, sizeof ignored) != 0 || !a.literal)
        return;
    if (a.addr.sa.sa_family == AF_INET)
        a.addr.in.sin_addr.s_addr &= htonl(0xffffff00);
    else
        memset(&a.addr.in6.sin6_addr.s6_addr[8], 0, 8);
    snprintf(ret, STORY_NETWORK, "%s/%d", address_ip(&a.addr, ip),
             a.addr.sa.sa_family == AF_INET ? 24 : 64);
}

/* "|"-separated. */
static bool has_tag(const char *tags, const char *tag)
{
    size_t n = strlen(tag);

    for (const char *p = tags; *p != '\0'; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == n && strncmp(p, tag, n) == 0)
            return true;
    return false;
}

static void add_group(struct story *s, const char *kind, const char *name, size_t n)
{
    if (n > 0 && s->n_groups < STORY_GROUPS)
        snprintf(s->groups[s->n_groups++].name, STORY_GROUP, "%s %.*s", kind, (int)n, name);
}

static void find_groups(struct story *s)
{
    char network[STORY_NETWORK], priority[16];

    story_network(s->server.remote, network);
    add_group(s, "network", network, strlen(network));
    snprintf(priority, sizeof priority, "%u", s->server.priority);
    add_group(s, "priority", priority, strlen(priority));
    for (const char *p = s->server.tags; *p != '\0'; p += strcspn(p, "|"), p += *p == '|')
        add_group(s, "tag", p, strcspn(p, "|"));
}

static bool is_in(const char *group, const struct query_server *other)
{
    char network[STORY_NETWORK], priority[16];
    const char *name = strchr(group, ' ') + 1;

    if (group[0] == 't')
        return has_tag(other->tags, name);
    story_network(other->remote, network);
    snprintf(priority, sizeof priority, "%u", other->priority);
    return strcmp(name, group[0] == 'n' ? network : priority) == 0;
}

static bool on_watched(void *ctx, const struct query_server *other)
{
    struct story *s = ctx;

    if (other->id == s->server.id)
        return true;
    s->others++;
    for (size_t i = 0; i < s->n_groups; i++)
        s->groups[i].of += is_in(s->groups[i].name, other);
    return true;
}

static bool on_companion(void *ctx, const struct query_server *other)
{
    struct story *s = ctx;

    s->went++;
    for (size_t i = 0; i < s->n_groups; i++)
        s->groups[i].went += is_in(s->groups[i].name, other);
    if (s->n_names < STORY_NAMES)
        snprintf(s->names[s->n_names++], QUERY_NAME, "%s",
                 other->label[0] != '\0' ? other->label : other->name);
    return true;
}

/* The state whose beginning is told. */
static const char *told(const struct query_server *server)
{
    static const char *const states[] = {"degraded", "draining", "maintenance"};

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(server->state, states[i]) == 0)
            return states[i];
    return "down";
}

static int find_before(struct query *q, struct story *s)
{
    struct before before = {.id = s->fall.id};
    const struct query_range own = {.server = s->server.id,
                                    .until_ms = QUERY_ALWAYS,
                                    .before = s->fall.id,
                                    .limit = STORY_EVENTS};
    int r = query_events(q, &own, on_before, &before);

    s->held_since_ms = before.at_ms;
    return r;
}

static int find_around(struct query *q, struct story *s)
{
    const struct query_range events = {.server = s->server.id,
                                       .since_ms = s->fall.at_ms - STORY_BEFORE_MS,
                                       .until_ms = QUERY_ALWAYS,
                                       .limit = 1000};
    const struct query_range samples = {.server = s->server.id,
                                        .since_ms = s->fall.at_ms - (STORY_SAMPLES + 1) * 60000,
                                        .until_ms = s->fall.at_ms,
                                        .limit = STORY_SAMPLES};
    int r = query_events(q, &events, on_event, s);

    if (r == 0)
        r = query_samples(q, &samples, on_sample, s);
    if (r == 0)
        r = query_servers(q, on_watched, s);
    if (r == 0)
        r = query_companions(q, s->server.id, s->fall.at_ms, STORY_MOMENT_MS, on_companion, s);
    return r;
}

int story_find(struct query *q, const struct query_server *server, struct story *ret)
{
    const struct query_range falls = {
        .server = server->id, .until_ms = QUERY_ALWAYS, .after_state = told(server), .limit = 1};
    int r;

    *ret = (struct story){.server = *server, .newest_ms = query_newest(q)};
    find_groups(ret);
    r = query_events(q, &falls, on_fall, &ret->fall);
    if (r == 0 && ret->fall.id != 0)
        r = find_before(q, ret);
    if (r == 0 && ret->fall.id != 0)
        r = find_around(q, ret);
    return r;
}
