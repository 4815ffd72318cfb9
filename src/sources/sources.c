#include "sources/sources.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sources/union.h"

#define FIRST "--servers"
#define PATIENCE (10 * NSEC_PER_SEC) /* with new sources, before servers that none names go */

struct sources {
    struct loop *loop;
    struct loop_part part;
    struct list servers; /* of --servers */
    struct source *at[SOURCES_MAX];
    size_t n;
    struct united told;      /* what was given last */
    qhcp_nsec patient_until; /* with sources that have not answered yet */
    qhcp_nsec ready_at;      /* the difference may be made; NSEC_NEVER: nothing has changed */
    sources_fn *fn;          /* who wants it; or NULL */
    void *ctx;
    struct source_note *notes, **last_note;
    size_t n_notes, left_out;
    uint64_t sets, given;  /* sources_set was called, and as often before the last difference */
    uint64_t twice, names; /* hashes of what is there twice, as it was said last */

    pthread_mutex_t lock; /* of what follows, which other threads read */
    struct source_state states[SOURCES_MAX + 1];
    size_t n_states;
};

struct loop *sources_loop(const struct sources *s)
{
    return s->loop;
}

static void free_notes(struct source_note *note)
{
    while (note) {
        struct source_note *next = note->next;

        free(note);
        note = next;
    }
}

void sources_change_free(struct sources_change *c)
{
    if (!c)
        return;
    list_deinit(&c->added);
    list_deinit(&c->changed);
    list_deinit(&c->removed);
    free_notes(c->notes);
    free(c->states);
    free(c);
}

void sources_note(struct sources *s, bool warning, const char *words)
{
    size_t n = strlen(words) + 1;
    struct source_note *note = s->n_notes < SOURCES_NOTES ? malloc(sizeof *note + n) : NULL;

    if (!note) {
        s->left_out++;
        return;
    }
    *note = (struct source_note){.warning = warning};
    memcpy(note->words, words, n);
    *s->last_note = note;
    s->last_note = &note->next;
    s->n_notes++;
}

static void take_states(struct sources *s)
{
    pthread_mutex_lock(&s->lock);
    s->n_states = 0;
    if (s->servers.n > 0 || s->n == 0) {
        s->states[0].servers = s->servers.n;
        snprintf(s->states[0].name, sizeof s->states[0].name, FIRST);
        s->n_states = 1;
    }
    for (size_t i = 0; i < s->n; i++)
        s->states[s->n_states++] = s->at[i]->state;
    pthread_mutex_unlock(&s->lock);
}

size_t sources_states(struct sources *s, struct source_state *ret, size_t cap)
{
    size_t n;

    pthread_mutex_lock(&s->lock);
    n = s->n_states;
    memcpy(ret, s->states, (n < cap ? n : cap) * sizeof *ret);
    pthread_mutex_unlock(&s->lock);
    return n;
}

void sources_news(struct sources *s, const struct source *of, qhcp_nsec now, bool list)
{
    (void)of;
    (void)list;
    take_states(s);
    s->ready_at = nsec_min(s->ready_at, nsec_add(now, SOURCES_MOMENT));
}

/* What is there twice is said once for each set of such things: `said` is the hash of the last. */
static bool is_new(const struct united_twice *t, uint64_t *said)
{
    if (t->hash == *said)
        return false;
    *said = t->hash;
    return t->n > 0;
}

static void say_twice(struct sources *s, const struct united *u)
{
    const struct united_twice *t = &u->twice, *n = &u->names;
    char words[3 * ADDRESS_KEY + 120];

    if (is_new(t, &s->twice)) {
        snprintf(words, sizeof words, "%s is named by \"%s\" and by \"%s\": the first one counts%s",
                 t->what, t->first, t->second, t->n > 1 ? ", for others too" : "");
        sources_note(s, false, words);
    }
    if (is_new(n, &s->names)) {
        snprintf(words, sizeof words,
                 "%s and %s are both called \"%s\": the first one has the name, the other goes by "
                 "its address%s",
                 n->first, n->second, n->what, n->n > 1 ? ", and so do others" : "");
        sources_note(s, true, words);
    }
}

/* A source is new and has not answered: it may name what no other one names any more. */
static bool awaiting(const struct sources *s, qhcp_nsec now)
{
    for (size_t i = 0; i < s->n && now < s->patient_until; i++)
        if (s->at[i]->state.looks == 0)
            return true;
    return false;
}

static int unite(struct sources *s, qhcp_nsec now, struct united *ret)
{
    int r = united_init(ret);

    if (r == 0)
        r = united_add(ret, FIRST, &s->servers);
    for (size_t i = 0; i < s->n && r == 0; i++)
        r = united_add(ret, s->at[i]->state.name, &s->at[i]->servers);
    if (r == 0 && awaiting(s, now))
        r = united_keep(ret, &s->told);
    united_complete(ret);
    return r;
}

static void say_left_out(struct sources *s)
{
    char words[80];
    size_t n = s->left_out;

    if (n == 0)
        return;
    s->n_notes = s->left_out = 0; /* one more fits */
    snprintf(words, sizeof words, "%zu more message%s of sources left out", TEXT_COUNT(n));
    sources_note(s, true, words);
}

static void give_notes(struct sources *s, struct sources_change *c)
{
    say_left_out(s);
    c->notes = s->notes;
    s->notes = NULL;
    s->last_note = &s->notes;
    s->n_notes = s->left_out = 0;
}

/* QHCP_E_NOMEM: nothing has changed; it is tried again. */
static int make(struct sources *s, qhcp_nsec now, struct sources_change *c)
{
    struct united fresh;
    int r = unite(s, now, &fresh);

    if (r == 0)
        r = united_difference(&s->told, &fresh, &c->added, &c->changed, &c->removed);
    c->states = r == 0 ? malloc((SOURCES_MAX + 1) * sizeof *c->states) : NULL;
    if (!c->states) {
        united_deinit(&fresh);
        return QHCP_E_NOMEM;
    }
    take_states(s);
    c->n_states = sources_states(s, c->states, SOURCES_MAX + 1);
    c->servers = united_count(&fresh);
    c->set = s->given = s->sets;
    say_twice(s, &fresh);
    give_notes(s, c);
    united_deinit(&s->told);
    s->told = fresh;
    return 0;
}

static void give(struct sources *s, qhcp_nsec now)
{
    struct sources_change *c = calloc(1, sizeof *c);
    sources_fn *fn = s->fn;

    if (!c || make(s, now, c) < 0) {
        sources_change_free(c);
        s->ready_at = nsec_add(now, NSEC_PER_SEC);
        return;
    }
    s->ready_at = awaiting(s, now) ? s->patient_until : NSEC_NEVER;
    s->fn = NULL;
    fn(s->ctx, c);
}

void sources_want(struct sources *s, qhcp_nsec now, sources_fn *fn, void *ctx)
{
    s->fn = fn;
    s->ctx = ctx;
    if (s->given != s->sets)
        give(s, now);
}

static qhcp_nsec deadline(void *ctx)
{
    const struct sources *s = ctx;
    qhcp_nsec at = s->fn ? s->ready_at : NSEC_NEVER;

    for (size_t i = 0; i < s->n; i++)
        at = nsec_min(at, source_deadline(s->at[i]));
    return at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct sources *s = ctx;

    for (size_t i = 0; i < s->n; i++)
        if (source_deadline(s->at[i]) <= now)
            source_expire(s->at[i], now);
    if (s->fn && s->ready_at <= now)
        give(s, now);
}

int sources_new(struct loop *loop, struct sources **ret)
{
    struct sources *s = calloc(1, sizeof *s);

    if (!s)
        return QHCP_E_NOMEM;
    s->loop = loop;
    s->ready_at = NSEC_NEVER;
    s->last_note = &s->notes;
    pthread_mutex_init(&s->lock, NULL);
    s->part =
        (struct loop_part){.name = "sources", .ctx = s, .deadline = deadline, .expire = expire};
    if (united_init(&s->told) < 0) {
        free(s);
        return QHCP_E_NOMEM;
    }
    loop_add(loop, &s->part);
    *ret = s;
    return 0;
}

void sources_free(struct sources *s)
{
    if (!s)
        return;
    loop_remove(&s->part);
    for (size_t i = 0; i < s->n; i++)
        source_free(s->at[i]);
    list_deinit(&s->servers);
    united_deinit(&s->told);
    free_notes(s->notes);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* The source of this text, taken out of `from`; NULL. */
static struct source *take(struct source **from, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        struct source *found = from[i];

        if (found && strcmp(found->text, text) == 0) {
            from[i] = NULL;
            return found;
        }
    }
    return NULL;
}

static int copy(struct list *to, const struct list *from)
{
    int r = 0;

    list_deinit(to);
    for (size_t i = 0; i < from->n && r == 0; i++)
        r = list_add(to, from->at[i], strlen(from->at[i]), NULL);
    return r;
}

int sources_set(struct sources *s, qhcp_nsec now, const struct list *servers,
                const struct list *specs)
{
    struct source *old[SOURCES_MAX];
    size_t n_old = s->n;
    char words[SOURCE_WORDS];
    int r = copy(&s->servers, servers);

    memcpy(old, s->at, sizeof old);
    s->n = 0;
    for (size_t i = 0; i < specs->n && s->n < SOURCES_MAX; i++) {
        struct source *one = take(old, n_old, specs->at[i]);

        if (!one && source_new(s, specs->at[i], &one, words, sizeof words) < 0) {
            r = QHCP_E_NOMEM;
            continue;
        }
        s->at[s->n++] = one;
    }
    for (size_t i = 0; i < n_old; i++)
        source_free(old[i]);
    s->patient_until = nsec_add(now, PATIENCE);
    s->states[0].good_at = now;
    for (size_t i = 0; i < s->n; i++) {
        if (s->at[i]->begun || s->at[i]->state.looks > 0)
            continue;
        source_begin(s->at[i], now);
        source_expire(s->at[i], now);
    }
    s->sets++;
    sources_news(s, NULL, now, true);
    if (s->fn)
        give(s, now);
    return r;
}
