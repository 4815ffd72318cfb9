#include "cli/top_fleet.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/admin_client.h"
#include "cli/overview.h"

#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define NUMBER_MAX 1e15 /* thirty years in microseconds */

struct top_server {
    struct top_row row;
    json_t *object; /* row.object */
    uint64_t pass;  /* the newest reading of the list that had it */
    uint64_t seq;   /* its newest event */
    bool left_out;  /* it is in no table: memory ran out */
    UT_hash_handle hh;
};

static void server_free(struct top_server *s)
{
    json_decref(s->object);
    free(s);
}

static void forget(struct top_fleet *f, struct top_server *s)
{
    f->n_rows = 0; /* one of them may be s */
    HASH_DEL(f->all, s);
    server_free(s);
}

void top_fleet_deinit(struct top_fleet *f)
{
    struct top_server *s, *next;

    HASH_ITER(hh, f->all, s, next)
    forget(f, s);
    free(f->rows);
    *f = (struct top_fleet){.all = NULL};
}

/* ---- what is known of a server ---- */

/* -1: it is none, or none that anybody means; beyond 2^63 the cast would be undefined. */
static int64_t number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    double d = json_number_value(value); /* 0 where it is none */

    return json_is_number(value) && d >= 0 && d < NUMBER_MAX ? (int64_t)d : -1;
}

static int64_t cpu_of(const json_t *object)
{
    const json_t *metrics = json_object_get(json_object_get(object, "report"), "metrics");
    const json_t *cpu = json_object_get(metrics, "cpu_usage_percent");

    return json_is_number(cpu) && json_number_value(cpu) >= 0 && json_number_value(cpu) <= 1e6
               ? (int64_t)(json_number_value(cpu) * 100)
               : -1;
}

static bool is_away(enum qhcp_state state)
{
    return state == QHCP_DOWN || state == QHCP_CONNECTING;
}

/* The figures follow from the object. */
static void read_object(struct top_server *s)
{
    struct top_row *r = &s->row;
    const json_t *forward = json_object_get(s->object, "forward");

    r->object = s->object;
    r->id = admin_client_text(s->object, "server");
    r->name = admin_client_text(s->object, "name");
    r->state = overview_state(s->object);
    r->since_ms = admin_client_time(admin_client_text(s->object, "since"));
    r->share = number(s->object, "share");
    r->connections = json_is_object(forward) ? number(forward, "in_flight") : -1;
    r->rtt_us = is_away(r->state) ? -1 : number(json_object_get(s->object, "verdict"), "rtt_us");
    if (r->rtt_us == 0)
        r->rtt_us = -1;
    r->cpu = is_away(r->state) ? -1 : cpu_of(s->object);
}

static struct top_server *find(const struct top_fleet *f, const char *id)
{
    struct top_server *s;

    HASH_FIND_STR(f->all, id, s);
    return s;
}

/* NULL: out of memory. */
static struct top_server *add(struct top_fleet *f, json_t *object)
{
    struct top_server *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->object = json_incref(object);
    read_object(s);
    HASH_ADD_KEYPTR(hh, f->all, s->row.id, strlen(s->row.id), s);
    if (!s->left_out)
        return s;
    server_free(s);
    return NULL;
}

/* The key of the table is in the object, so the table has to follow. */
static bool replace(struct top_fleet *f, struct top_server *s, json_t *object)
{
    json_t *before = s->object;

    HASH_DEL(f->all, s);
    s->object = json_incref(object);
    read_object(s);
    json_decref(before);
    s->left_out = false;
    HASH_ADD_KEYPTR(hh, f->all, s->row.id, strlen(s->row.id), s);
    if (!s->left_out)
        return true;
    f->n_rows = 0;
    server_free(s);
    return false;
}

bool top_fleet_take(struct top_fleet *f, json_t *object, uint64_t seq, int64_t second)
{
    const char *id = admin_client_text(object, "server");
    struct top_server *s = find(f, id);

    if (id[0] == '\0')
        return true;
    if (!s)
        s = add(f, object);
    else if (seq >= s->seq && !replace(f, s, object))
        s = NULL;
    if (!s)
        return false;
    s->pass = f->pass;
    top_spark_add(&s->row.rtts, second, s->row.rtt_us);
    top_spark_add(&s->row.cpus, second, s->row.cpu);
    return true;
}

static void set(json_t *object, const char *name, const char *value)
{
    json_object_set_new(object, name, json_string(value)); /* a failure leaves the old one */
}

static void change_state(struct top_server *s, const json_t *event)
{
    json_t *verdict = json_object_get(s->object, "verdict");

    set(s->object, "state", admin_client_text(event, "to"));
    set(s->object, "since", admin_client_text(event, "time"));
    set(s->object, "reason", admin_client_text(event, "reason"));
    json_object_del(s->object, "share"); /* the next answer has the new one */
    set(verdict, "evidence", admin_client_text(event, "evidence"));
    read_object(s);
}

bool top_fleet_event(struct top_fleet *f, const json_t *event)
{
    const char *kind = admin_client_text(event, "kind"), *id = admin_client_text(event, "server");
    int64_t seq = number(event, "seq");
    struct top_server *s = find(f, id);

    if (seq < 0 || (s && (uint64_t)seq <= s->seq))
        return false;
    f->seq = (uint64_t)seq > f->seq ? (uint64_t)seq : f->seq;
    if (id[0] == '\0')
        return false;
    if (strcmp(kind, "removed") == 0) {
        if (s)
            forget(f, s);
        return false;
    }
    if (!s)
        return true;
    s->seq = (uint64_t)seq;
    s->pass = f->pass;
    if (strcmp(kind, "state") == 0)
        change_state(s, event);
    return strcmp(kind, "intent") == 0;
}

void top_fleet_again(struct top_fleet *f)
{
    struct top_server *s, *next;

    HASH_ITER(hh, f->all, s, next)
    s->seq = 0;
    f->seq = 0;
    f->pass++;
}

void top_fleet_passed(struct top_fleet *f)
{
    struct top_server *s, *next;

    HASH_ITER(hh, f->all, s, next)
    if (s->pass != f->pass)
        forget(f, s);
    f->pass++;
}

/* ---- rows ---- */

static bool has_word(const struct top_server *s, const char *word)
{
    const json_t *tag;
    size_t i;

    if (strcasestr(s->row.name, word) || strcasestr(s->row.id, word) ||
        strcasestr(qhcp_state_name(s->row.state), word) ||
        strcasestr(admin_client_text(s->object, "reason"), word))
        return true;
    json_array_foreach(json_object_get(s->object, "tags"), i,
                       tag) if (json_is_string(tag) &&
                                strcasestr(json_string_value(tag), word)) return true;
    return false;
}

/* words: each ends with a NUL, the last with two. */
static bool matches(const struct top_server *s, const char *words)
{
    for (; *words != '\0'; words += strlen(words) + 1)
        if (!has_word(s, words))
            return false;
    return true;
}

/* "a b" becomes "a\0b\0\0".  NULL: out of memory. */
static char *split(const char *filter)
{
    char *words = malloc(strlen(filter) + 2), *at = words;

    for (; words && *filter != '\0'; filter++)
        if (*filter != ' ')
            *at++ = *filter;
        else if (at > words && at[-1] != '\0')
            *at++ = '\0';
    if (words) {
        if (at > words && at[-1] != '\0')
            *at++ = '\0';
        *at = '\0';
    }
    return words;
}

struct order {
    enum top_sort sort;
    bool reversed;
};

static int by_number(int64_t a, int64_t b)
{
    return a == b ? 0 : a > b ? -1 : 1;
}

static int by_worst(const struct top_row *a, const struct top_row *b)
{
    int x = overview_rank(a->state), y = overview_rank(b->state);

    if (x != y)
        return x < y ? -1 : 1;
    return a->state == QHCP_UP ? 0 : by_number(a->since_ms, b->since_ms);
}

static int by_sort(const struct top_row *a, const struct top_row *b, enum top_sort sort)
{
    switch (sort) {
    case TOP_SINCE:
        return by_number(a->since_ms, b->since_ms);
    case TOP_SHARE:
        return by_number(a->share, b->share);
    case TOP_CONNECTIONS:
        return by_number(a->connections, b->connections);
    case TOP_RTT:
        return by_number(a->rtt_us, b->rtt_us);
    case TOP_CPU:
        return by_number(a->cpu, b->cpu);
    case TOP_WORST:
        return by_worst(a, b);
    case TOP_NAME:
        break;
    }
    return 0;
}

static int compare(const void *a, const void *b, void *ctx)
{
    const struct top_row *x = &(*(struct top_server *const *)a)->row;
    const struct top_row *y = &(*(struct top_server *const *)b)->row;
    const struct order *o = ctx;
    int r = by_sort(x, y, o->sort);

    if (r == 0)
        r = strverscmp(x->name, y->name); /* web2 before web10 */
    if (r == 0)
        r = strcmp(x->id, y->id);
    return o->reversed ? -r : r;
}

bool top_fleet_sort(struct top_fleet *f, const char *filter, enum top_sort sort, bool reversed)
{
    size_t n = HASH_COUNT(f->all);
    struct order order = {sort, reversed};
    char *words = split(filter);
    struct top_server *s, *next, **rows = f->rows;

    if (words && n > f->cap && (rows = realloc(f->rows, 2 * n * sizeof(struct top_server *)))) {
        f->rows = rows;
        f->cap = 2 * n;
    }
    if (!words || (n > 0 && !rows)) {
        free(words);
        return false;
    }
    f->n_rows = 0;
    HASH_ITER(hh, f->all, s, next)
    if (matches(s, words))
        f->rows[f->n_rows++] = s;
    free(words);
    if (f->n_rows > 0)
        qsort_r(f->rows, f->n_rows, sizeof(struct top_server *), compare, &order);
    return true;
}

size_t top_fleet_count(const struct top_fleet *f)
{
    return HASH_COUNT(f->all);
}

size_t top_fleet_rows(const struct top_fleet *f)
{
    return f->n_rows;
}

const struct top_row *top_fleet_row(const struct top_fleet *f, size_t i)
{
    return &f->rows[i]->row;
}

size_t top_fleet_find(const struct top_fleet *f, const char *id)
{
    size_t i = 0;

    while (i < f->n_rows && strcmp(f->rows[i]->row.id, id) != 0)
        i++;
    return i;
}
