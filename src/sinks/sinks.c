#include "sinks/sinks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/words.h"
#include "fleet/feed.h"

#define TURNS 8 /* publications that are followed before others have their turn */

static const enum fleet_text texts[] = {FLEET_NAME, FLEET_LABEL, FLEET_TAGS, FLEET_SERVICES};

#define TEXTS (sizeof texts / sizeof texts[0])

/* What was said of a slot besides its struct say. */
struct told {
    uint64_t key;         /* 0: no server */
    uint64_t born[TEXTS]; /* the publications that changed its texts last; 0: it has none */
    union qhcp_addr target;
};

static bool same_say(const struct say *a, const struct say *b)
{
    return a->use == b->use && a->percent == b->percent && a->cause == b->cause &&
           a->weight == b->weight && a->priority == b->priority && a->degraded == b->degraded &&
           a->panic == b->panic;
}

static bool same_told(const struct told *a, const struct told *b)
{
    return a->key == b->key && memcmp(a->born, b->born, sizeof a->born) == 0 &&
           a->target.sa.sa_family == b->target.sa.sa_family &&
           (a->target.sa.sa_family == AF_UNSPEC || address_equal(&a->target, &b->target));
}

/* Remembers what is said of this server (NULL: none) from now on.  False: that is nothing new. */
static bool tell(struct sinks *s, uint32_t slot, const struct fleet_entry *e)
{
    struct told *before = &s->told[slot], fresh = {.key = 0};
    struct say say;
    bool is_new;

    if (e && e->text[FLEET_NAME]) {
        fresh.key = e->key;
        fresh.target = e->target;
        for (size_t i = 0; i < TEXTS; i++)
            fresh.born[i] = e->text[texts[i]] ? e->text[texts[i]]->block.born : 0;
    }
    say_server(e, s->view.snapshot->self.use, before->key == fresh.key ? &s->say[slot] : NULL,
               &say);
    is_new = !same_told(before, &fresh) || !same_say(&s->say[slot], &say);
    *before = fresh;
    s->say[slot] = say;
    return is_new;
}

/* Room for what is said of each slot.  False: there is no memory, and all stays as it was. */
static bool room_for(struct sinks *s, uint32_t slots)
{
    struct say *say;
    struct told *told;
    uint32_t *changed;

    if (slots <= s->view.slots)
        return true;
    say = realloc(s->say, slots * sizeof *say);
    s->say = say ? say : s->say;
    told = realloc(s->told, slots * sizeof *told);
    s->told = told ? told : s->told;
    changed = realloc(s->changed, slots * sizeof *changed);
    s->changed = changed ? changed : s->changed;
    s->view.say = s->say; /* who looks at what was said before finds it where it is */
    s->view.changed = s->changed;
    if (!say || !told || !changed)
        return false;
    memset(say + s->view.slots, 0, (slots - s->view.slots) * sizeof *say);
    memset(told + s->view.slots, 0, (slots - s->view.slots) * sizeof *told);
    s->view.slots = slots;
    return true;
}

/* Finds of which slots something new is said in the snapshot that is held now. */
static void compare(struct sinks *s)
{
    const struct fleet_snapshot *snapshot = s->view.snapshot;
    bool all = s->use != snapshot->self.use;
    const struct fleet_entry *e;

    s->view.n_changed = 0;
    s->use = snapshot->self.use;
    if (all) {
        for (uint32_t at = 0; at < s->view.slots; at++)
            if (tell(s, at, snapshot_at(snapshot, at)))
                s->changed[s->view.n_changed++] = at;
    } else {
        for (uint32_t at = 0; (e = snapshot_changed(snapshot, s->version, &at)); at++)
            if (tell(s, at, e))
                s->changed[s->view.n_changed++] = at;
    }
    s->version = snapshot->version;
}

static void tell_events(struct sinks *s, qhcp_nsec now)
{
    struct fleet_change c;
    enum reader_news news;

    while ((news = reader_next(s->reader, &c)) != READER_NONE) {
        for (size_t i = 0; i < s->n; i++)
            if (s->at[i]->started && s->at[i]->kind->event && (s->follows || news == READER_CHANGE))
                s->at[i]->kind->event(s->at[i], news == READER_CHANGE ? &c : NULL, now);
        s->follows = true; /* the first answer of a reader is that it is behind */
        if (news == READER_BEHIND)
            break;
    }
}

static void settle(struct sinks *s, qhcp_nsec now)
{
    for (size_t i = 0; i < s->n; i++) {
        struct sink *one = s->at[i];
        struct sink_view view = s->view;

        view.all = !one->told;
        if (!one->started || !one->kind->settle || (one->told && view.n_changed == 0))
            continue;
        one->told = true;
        one->kind->settle(one, &view, now);
    }
}

/* The newest snapshot, and what is new in it. */
static void follow(struct sinks *s, qhcp_nsec now)
{
    const struct fleet_snapshot *snapshot = reader_hold(s->reader);

    s->view.snapshot = snapshot;
    tell_events(s, now);
    if (!room_for(s, snapshot->slots))
        return; /* the next publication tries again */
    compare(s);
    if (snapshot->self.swept || now >= s->patient_until)
        s->ready = true;
    if (s->ready)
        settle(s, now);
}

static void turn(void *ctx, qhcp_nsec now)
{
    struct sinks *s = ctx;

    for (int i = 0; i < TURNS; i++) {
        if (reader_sleep(s->reader))
            return;
        follow(s, now);
    }
    loop_again(s->loop);
}

static void on_wake(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct sinks *s = ctx;

    (void)now, (void)ready;
    reader_woken(s->reader); /* the turn follows it */
}

static qhcp_nsec deadline(void *ctx)
{
    const struct sinks *s = ctx;
    qhcp_nsec at = s->ready ? NSEC_NEVER : s->patient_until;

    for (size_t i = 0; i < s->n; i++)
        at = nsec_min(at, s->at[i]->start_at);
    return at;
}

static int begin(struct sink *one, qhcp_nsec now, char *words, size_t words_cap)
{
    int r = sink_start(one, now, words, words_cap);

    if (r < 0)
        sink_failed(one, now, "%s", words);
    return r;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct sinks *s = ctx;
    char words[SINK_WORDS];
    bool news = !s->ready && s->patient_until <= now;

    for (size_t i = 0; i < s->n; i++)
        if (s->at[i]->start_at <= now && begin(s->at[i], now, words, sizeof words) == 0) {
            sink_did(s->at[i], now);
            news = true;
        }
    if (news)
        follow(s, now);
}

void sinks_init(struct sinks *ret, struct loop *loop, struct feed *feed)
{
    *ret = (struct sinks){.loop = loop, .feed = feed};
    pthread_mutex_init(&ret->lock, NULL);
    ret->part = (struct loop_part){
        .name = "sinks", .ctx = ret, .deadline = deadline, .expire = expire, .turn = turn};
}

static int open_reader(struct sinks *s, qhcp_nsec now, char *words, size_t words_cap)
{
    int r;

    if (s->reader)
        return 0;
    r = reader_open(s->feed, &s->reader);
    if (r < 0) {
        snprintf(words, words_cap, "cannot follow the servers: %s", qhcp_strerror(r));
        return r;
    }
    s->patient_until = nsec_add(now, SINK_PATIENCE);
    s->ready = s->follows = false;
    loop_watch(s->loop, &s->watch, reader_fd(s->reader), LOOP_READABLE, on_wake, s);
    loop_add(s->loop, &s->part);
    return 0;
}

static void close_reader(struct sinks *s)
{
    if (!s->reader)
        return;
    loop_remove(&s->part);
    loop_unwatch(&s->watch);
    reader_close(s->reader);
    free(s->say);
    free(s->told);
    free(s->changed);
    s->reader = NULL;
    s->say = NULL;
    s->told = NULL;
    s->changed = NULL;
    s->view = (struct sink_view){.snapshot = NULL};
    s->version = 0;
}

void sinks_deinit(struct sinks *s)
{
    if (!s->loop)
        return;
    sinks_stop(s);
    pthread_mutex_destroy(&s->lock);
    s->loop = NULL;
}

/* The sink of this text, taken out of `from`; NULL. */
static struct sink *take(struct sink **from, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        struct sink *found = from[i];

        if (found && strcmp(found->text, text) == 0) {
            from[i] = NULL;
            return found;
        }
    }
    return NULL;
}

/* The sinks of these texts, those of `old` among them, which are taken out of it. */
static int gather(struct sinks *s, const struct list *specs, struct sink **old, struct sink **ret,
                  size_t *ret_n, const struct words *w)
{
    int r = 0, e;

    *ret_n = 0;
    for (size_t i = 0; i < specs->n && *ret_n < SINKS_MAX; i++) {
        struct sink *one = take(old, s->n, specs->at[i]);

        e = one ? 0 : sink_new(specs->at[i], &one, w->p, w->cap);
        r = r < 0 ? r : e;
        if (e < 0)
            continue;
        one->loop = s->loop;
        one->all = s;
        ret[(*ret_n)++] = one;
    }
    return r;
}

/* The name of fresh[i]: no two are called the same. */
static void name(struct sink *const *fresh, size_t i)
{
    struct sink *one = fresh[i];
    unsigned same = 1;

    for (size_t k = 0; k < i; k++)
        same += strcmp(fresh[k]->args.name, one->args.name) == 0;
    if (same == 1)
        snprintf(one->state.name, sizeof one->state.name, "%s", one->args.name);
    else
        snprintf(one->state.name, sizeof one->state.name, "%.*s (%u)", SINK_NAME - 8,
                 one->args.name, same);
}

static void replace(struct sinks *s, struct sink **fresh, size_t n)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < n; i++) {
        name(fresh, i);
        s->at[i] = fresh[i];
    }
    s->n = n;
    pthread_mutex_unlock(&s->lock);
}

int sinks_set(struct sinks *s, qhcp_nsec now, const struct list *specs, char *words,
              size_t words_cap)
{
    struct sink *old[SINKS_MAX], *fresh[SINKS_MAX];
    const struct words w = {words, words_cap};
    size_t n_old = s->n, n;
    int r = specs->n > 0 ? open_reader(s, now, words, words_cap) : 0, e;

    if (r < 0)
        return r;
    memcpy(old, s->at, sizeof old);
    r = gather(s, specs, old, fresh, &n, &w);
    replace(s, fresh, n);
    for (size_t i = 0; i < n_old; i++)
        sink_free(old[i]); /* before others begin: they may want the same address */
    for (size_t i = 0; i < s->n; i++) {
        e = s->at[i]->started ? 0 : begin(s->at[i], now, words, words_cap);
        r = r < 0 ? r : e;
    }
    if (s->n > 0)
        follow(s, now);
    else
        close_reader(s);
    return r;
}

void sinks_stop(struct sinks *s)
{
    struct sink *old[SINKS_MAX];
    size_t n = s->n;

    memcpy(old, s->at, sizeof old);
    replace(s, NULL, 0);
    for (size_t i = 0; i < n; i++)
        sink_free(old[i]);
    close_reader(s);
}

const struct sink_view *sinks_look(struct sinks *s)
{
    if (!s->ready)
        return NULL;
    s->whole = s->view;
    s->whole.all = true;
    return &s->whole;
}

void sinks_lock(struct sinks *s)
{
    if (s)
        pthread_mutex_lock(&s->lock);
}

void sinks_unlock(struct sinks *s)
{
    if (s)
        pthread_mutex_unlock(&s->lock);
}

size_t sinks_states(struct sinks *s, struct sink_state *ret, size_t cap)
{
    size_t n;

    sinks_lock(s);
    n = s->n;
    for (size_t i = 0; i < n && i < cap; i++)
        ret[i] = s->at[i]->state;
    sinks_unlock(s);
    return n;
}

bool sinks_figures(struct sinks *s)
{
    bool figures = false;

    sinks_lock(s);
    for (size_t i = 0; i < s->n; i++)
        figures |= s->at[i]->kind->figures;
    sinks_unlock(s);
    return figures;
}
