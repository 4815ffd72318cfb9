#include "daemon/intents.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define HASH_NONFATAL_OOM 1 /* else a table without memory would end the process */
#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#include <uthash.h>

#include "base/utf8.h"
#include "fleet/fleet.h"

#include <qhcp/error.h>

/* By enum fleet_intent_use; as in the admin interface. */
static const char *const uses[] = {"in_use", "drain", "maintenance"};

struct intent_named {
    struct intent intent; /* first: a record is its place in the table */
    UT_hash_handle hh;
    bool left_out; /* of the table, for lack of memory */
};

void intents_forget(struct intents *all, struct intent *one)
{
    struct intent_named *named = (struct intent_named *)one;

    HASH_DEL(all->by_name, named);
    free(named);
}

void intents_deinit(struct intents *all)
{
    struct intent_named *one, *next;

    HASH_ITER(hh, all->by_name, one, next)
    {
        intents_forget(all, &one->intent);
    }
}

struct intent *intents_find(const struct intents *all, const char *server)
{
    struct intent_named *found;

    HASH_FIND_STR(all->by_name, server, found);
    return found ? &found->intent : NULL;
}

/* NULL: no memory. */
static struct intent *add(struct intents *all, const char *server)
{
    struct intent_named *one = calloc(1, sizeof *one);

    if (!one)
        return NULL;
    snprintf(one->intent.server, sizeof one->intent.server, "%s", server);
    HASH_ADD_STR(all->by_name, intent.server, one);
    if (!one->left_out)
        return &one->intent;
    free(one);
    return NULL;
}

static void say(struct intent_said *ret, const struct wish *w, int64_t wall_ms)
{
    ret->since_ms = wall_ms;
    utf8_clean(slice_str(w->who), ret->who, sizeof ret->who);
    utf8_clean(slice_str(w->words), ret->why, sizeof ret->why);
}

static void take_use(struct intent *one, const struct fleet_entry *e, const struct wish *w,
                     int64_t wall_ms)
{
    one->use = e->intent.use;
    one->until_ms = w->lasts > 0 ? wall_ms + (int64_t)(w->lasts / NSEC_PER_MSEC) : 0;
    say(&one->used, w, wall_ms);
}

int intents_take(struct intents *all, const struct fleet_entry *e, const struct wish *w,
                 int64_t wall_ms)
{
    struct intent *one = intents_find(all, fleet_text(e, FLEET_NAME));
    bool any = e->intent.use != FLEET_IN_USE || e->intent.weighed;

    if (!one && any && !(one = add(all, fleet_text(e, FLEET_NAME))))
        return QHCP_E_NOMEM;
    if (one && !any)
        intents_forget(all, one);
    if (!any)
        return 0;
    if (w->kind != WISH_WEIGHT) {
        take_use(one, e, w, wall_ms);
        return 0;
    }
    one->weighed = e->intent.weighed;
    one->weight = e->intent.weight;
    say(&one->weighted, w, wall_ms);
    return 0;
}

static void put_said(json_t *o, const char *const names[3], const struct intent_said *said)
{
    json_object_set_new(o, names[0], json_integer(said->since_ms));
    json_object_set_new(o, names[1], json_string(said->who));
    json_object_set_new(o, names[2], json_string(said->why));
}

static const char *const of_use[] = {"since_ms", "who", "reason"};
static const char *const of_weight[] = {"weight_since_ms", "weight_who", "weight_reason"};

static void write_one(struct text *t, const struct intent *one)
{
    json_t *o = json_object();
    char *line;

    json_object_set_new(o, "server", json_string(one->server));
    json_object_set_new(o, "use", json_string(uses[one->use]));
    if (one->use != FLEET_IN_USE)
        put_said(o, of_use, &one->used);
    if (one->until_ms > 0)
        json_object_set_new(o, "until_ms", json_integer(one->until_ms));
    if (one->weighed) {
        json_object_set_new(o, "weight", json_integer(one->weight));
        put_said(o, of_weight, &one->weighted);
    }
    if (one->gone_ms > 0)
        json_object_set_new(o, "gone_ms", json_integer(one->gone_ms));
    line = json_dumps(o, JSON_COMPACT);
    if (line)
        text_printf(t, "%s\n", line);
    else
        t->failed = true;
    free(line);
    json_decref(o);
}

void intents_write(struct intents *all, int64_t wall_ms, struct text *t)
{
    struct intent_named *at, *next;

    HASH_ITER(hh, all->by_name, at, next)
    {
        struct intent *one = &at->intent;

        if (one->gone_ms > 0 && wall_ms - one->gone_ms > INTENTS_GONE_MS)
            intents_forget(all, one);
        else
            write_one(t, one);
    }
}

/* 0 where there is none that makes sense. */
static int64_t get_time(const json_t *o, const char *name)
{
    int64_t ms = json_integer_value(json_object_get(o, name));

    return ms > 0 && ms < INT64_MAX / 2 ? ms : 0;
}

static void get_text(const json_t *o, const char *name, char *ret, size_t cap)
{
    const json_t *v = json_object_get(o, name);

    utf8_clean(json_is_string(v) ? slice_of(json_string_value(v), json_string_length(v))
                                 : slice_str(""),
               ret, cap);
}

static void get_said(const json_t *o, const char *const names[3], struct intent_said *ret)
{
    ret->since_ms = get_time(o, names[0]);
    get_text(o, names[1], ret->who, sizeof ret->who);
    get_text(o, names[2], ret->why, sizeof ret->why);
}

static bool get_use(const json_t *o, enum fleet_intent_use *ret)
{
    const char *use = json_string_value(json_object_get(o, "use"));

    for (size_t i = 0; use && i < sizeof uses / sizeof uses[0]; i++) {
        if (strcmp(use, uses[i]) != 0)
            continue;
        *ret = (enum fleet_intent_use)i;
        return true;
    }
    return false;
}

static bool get_weight(const json_t *o, struct intent *ret)
{
    const json_t *w = json_object_get(o, "weight");
    int64_t weight = json_integer_value(w);

    ret->weighed = w != NULL;
    ret->weight = (uint16_t)weight;
    return !w || (json_is_integer(w) && weight >= 0 && weight <= FLEET_WEIGHT_MAX);
}

static bool read_object(struct intents *all, const json_t *o, int64_t wall_ms)
{
    const char *server = json_string_value(json_object_get(o, "server"));
    struct intent said = {.gone_ms = get_time(o, "gone_ms")}, *one;

    if (!server || server[0] == '\0' || strlen(server) >= sizeof said.server ||
        !get_use(o, &said.use) || !get_weight(o, &said) || HASH_COUNT(all->by_name) >= INTENTS_MOST)
        return false;
    if (said.use == FLEET_IN_USE && !said.weighed)
        return true;
    one = intents_find(all, server);
    if (!one && !(one = add(all, server)))
        return false;
    one->use = said.use;
    one->until_ms = get_time(o, "until_ms");
    one->weighed = said.weighed;
    one->weight = said.weight;
    one->gone_ms = said.gone_ms > 0 && said.gone_ms < wall_ms ? said.gone_ms : wall_ms;
    get_said(o, of_use, &one->used);
    get_said(o, of_weight, &one->weighted);
    return true;
}

size_t intents_read(struct intents *all, const char *text, int64_t wall_ms)
{
    size_t left_out = 0;

    for (const char *line = text, *end; *line; line = end + (*end == '\n')) {
        json_t *o;

        end = strchrnul(line, '\n');
        o = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
        left_out += !o || !read_object(all, o, wall_ms);
        json_decref(o);
    }
    return left_out;
}
