#include "sources/source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/clock.h"
#include "base/text.h"
#include "base/words.h"
#include "sources/listed.h"
#include "sources/servers.h"
#include "sources/source_kind.h"
#include "sources/sources.h"

#define SAY_AGAIN (60 * NSEC_PER_SEC) /* a failure that lasts; then after twice as long */
#define SAY_RARELY (3600 * NSEC_PER_SEC)

int source_new(struct sources *all, const char *text, struct source **ret, char *words,
               size_t words_cap)
{
    struct source *s = calloc(1, sizeof *s);
    int r = s ? source_spec_parse(text, &s->spec, words, words_cap) : QHCP_E_NOMEM;

    if (r == 0 && !(s->text = strdup(text)))
        r = QHCP_E_NOMEM;
    if (r < 0) {
        free(s);
        return r;
    }
    s->all = all;
    s->look_at = s->say_at = NSEC_NEVER;
    snprintf(s->state.name, sizeof s->state.name, "%s", s->spec.name);
    *ret = s;
    return 0;
}

void source_free(struct source *s)
{
    if (!s)
        return;
    if (s->begun)
        s->spec.kind->end(s);
    list_deinit(&s->servers);
    free(s->text);
    free(s);
}

void source_begin(struct source *s, qhcp_nsec now)
{
    s->look_at = now;
    s->begun = s->spec.kind->begin(s, now) == 0;
    if (s->begun)
        return;
    s->look_at = NSEC_NEVER;
    source_fail(s, now, "out of memory or descriptors; it is not asked again");
}

qhcp_nsec source_deadline(const struct source *s)
{
    return nsec_min(s->look_at, s->say_at);
}

/* " ...; keeping its 3 servers, which are 4 min old" */
static void say_failing(struct source *s, qhcp_nsec now)
{
    const struct source_state *st = &s->state;
    char words[SOURCE_NAME + SOURCE_WORDS + 120], age[WORDS_SPAN];

    words_span((int64_t)((now - st->good_at) / NSEC_PER_SEC), age);
    if (st->good_at == 0)
        snprintf(words, sizeof words, "%s: %s; it has named no server yet", st->name, st->words);
    else
        snprintf(words, sizeof words, "%s: %s; keeping its %zu server%s, confirmed %s ago",
                 st->name, st->words, TEXT_COUNT(st->servers), age);
    sources_note(s->all, true, words);
    s->say_at = nsec_add(now, s->say_wait);
    s->say_wait = nsec_min(2 * s->say_wait, SAY_RARELY);
}

void source_expire(struct source *s, qhcp_nsec now)
{
    if (s->say_at <= now) {
        say_failing(s, now);
        sources_news(s->all, s, now, false);
    }
    if (s->look_at > now)
        return;
    s->look_at = NSEC_NEVER;
    if (s->begun)
        s->spec.kind->look(s, now);
}

void source_fail(struct source *s, qhcp_nsec now, const char *fmt, ...)
{
    char words[SOURCE_WORDS];
    va_list args;
    bool is_new;

    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    s->state.looks++;
    s->state.failures++;
    is_new = s->state.failing_since == 0 || strcmp(words, s->state.words) != 0;
    if (s->state.failing_since == 0) {
        s->state.failing_since = now;
        s->say_wait = SAY_AGAIN;
    }
    memcpy(s->state.words, words, sizeof words);
    if (is_new)
        say_failing(s, now);
    sources_news(s->all, s, now, false);
}

/* The source's own settings, behind an entry that does not have them. */
static int complete(const struct source_spec *spec, struct list *servers)
{
    char entry[SOURCE_TEXT], word[sizeof spec->each_text];

    for (size_t i = 0; spec->each[0] != '\0' && i < servers->n; i++) {
        size_t n = (size_t)snprintf(entry, sizeof entry, "%s", servers->at[i]);
        char *whole;

        for (const char *p = spec->each; *p != '\0' && n < sizeof entry;) {
            size_t len = 1 + strcspn(p + 1, " "), key = strcspn(p, "=") + 1;

            snprintf(word, sizeof word, "%.*s", (int)key, p);
            if (!strstr(servers->at[i], word))
                n += (size_t)snprintf(entry + n, sizeof entry - n, "%.*s", (int)len, p);
            p += len;
        }
        whole = n < sizeof entry ? strdup(entry) : NULL;
        if (!whole)
            return QHCP_E_NOMEM;
        free(servers->at[i]);
        servers->at[i] = whole;
    }
    return 0;
}

void source_words(struct faults *f, char *words, size_t words_cap)
{
    const char *all = faults_text(f);
    char more[40] = "";

    if (f->n > 1)
        snprintf(more, sizeof more, " (and %zu more error%s)", TEXT_COUNT(f->n - 1));
    snprintf(words, words_cap, "%.*s%s", (int)strcspn(all, "\n"), all, more);
    faults_deinit(f);
}

int source_check(const struct list *servers, char *words, size_t words_cap)
{
    struct faults f = {.n = 0};
    char why[SOURCE_WORDS];
    int r;

    for (size_t i = 0; i < servers->n; i++) {
        const struct place at = list_place(servers, i, NULL);

        r = listed_check(servers->at[i], why, sizeof why);
        if (r < 0)
            faults_add(&f, &at, r, "%s", why);
    }
    if (f.n == 0)
        (void)servers_check(servers, NULL, &f);
    r = f.error;
    source_words(&f, words, words_cap);
    return r;
}

static bool same(const struct list *a, const struct list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->at[i], b->at[i]) != 0)
            return false;
    return true;
}

static void succeed(struct source *s, qhcp_nsec now, struct list *servers)
{
    char words[SOURCE_NAME + 80];
    bool changed = s->state.good_at == 0 || !same(&s->servers, servers);

    if (s->state.failing_since > 0) {
        snprintf(words, sizeof words, "%s: works again, and names %zu server%s", s->state.name,
                 TEXT_COUNT(servers->n));
        sources_note(s->all, false, words);
    }
    s->state.looks++;
    s->state.words[0] = '\0';
    s->state.failing_since = 0;
    s->state.good_at = now;
    s->state.good_at_ms = clock_wall_ms();
    s->state.servers = servers->n;
    s->say_at = NSEC_NEVER;
    if (changed) {
        struct list old = s->servers;

        s->servers = *servers;
        *servers = old;
    }
    sources_news(s->all, s, now, changed);
}

void source_yield(struct source *s, qhcp_nsec now, struct list *servers)
{
    char why[SOURCE_WORDS];
    int r = complete(&s->spec, servers);

    if (r < 0)
        source_fail(s, now, "out of memory");
    else if (source_check(servers, why, sizeof why) < 0)
        source_fail(s, now, "%s", why);
    else if (servers->n == 0 && s->servers.n > 0 && !s->spec.allow_empty)
        source_fail(s, now, "it names no server, which is taken for a mistake (allow-empty)");
    else
        succeed(s, now, servers);
    list_deinit(servers);
}
