#include "sinks/sink.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/clock.h"
#include "sinks/sinks.h"

#define START_AGAIN (2 * NSEC_PER_SEC)
#define SAY_AGAIN (60 * NSEC_PER_SEC)
#define SAY_RARELY (3600 * NSEC_PER_SEC)

void sink_say(const struct sink *s, enum qhcp_log_level level, const char *fmt, ...)
{
    char words[SINK_WORDS];
    va_list args;

    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    log_say(level, "sink %s: %s", s->state.name, words);
}

void sink_did(struct sink *s, qhcp_nsec now)
{
    struct sink_state *st = &s->state;

    if (st->failing_since > 0)
        sink_say(s, QHCP_LOG_INFO, "works again");
    sinks_lock(s->all);
    st->done++;
    st->words[0] = '\0';
    st->failing_since = 0;
    st->good_at = now;
    st->good_at_ms = clock_wall_ms();
    sinks_unlock(s->all);
}

void sink_failed(struct sink *s, qhcp_nsec now, const char *fmt, ...)
{
    struct sink_state *st = &s->state;
    char words[SINK_WORDS];
    va_list args;
    bool is_new;

    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    is_new = st->failing_since == 0 || strcmp(words, st->words) != 0;
    sinks_lock(s->all);
    if (st->failing_since == 0)
        st->failing_since = now;
    st->failures++;
    memcpy(st->words, words, sizeof words);
    sinks_unlock(s->all);
    if (!is_new && now < s->say_at)
        return;
    sink_say(s, QHCP_LOG_WARNING, "%s", words);
    s->say_wait = is_new ? SAY_AGAIN : nsec_min(2 * s->say_wait, SAY_RARELY);
    s->say_at = nsec_add(now, s->say_wait);
}

void sink_holds(struct sink *s, uint64_t n)
{
    sinks_lock(s->all);
    s->state.held = n;
    sinks_unlock(s->all);
}

const struct sink_view *sink_look(const struct sink *s)
{
    return sinks_look(s->all);
}

int sink_new(const char *text, struct sink **ret, char *words, size_t words_cap)
{
    const struct sink_kind *kind;
    struct sink_args *args = malloc(sizeof *args);
    struct sink *s = NULL;
    int r = args ? sink_args_parse(text, args, &kind, words, words_cap) : QHCP_E_NOMEM;

    if (r == 0 && !(s = calloc(1, kind->size)))
        r = QHCP_E_NOMEM;
    free(args);
    if (r < 0)
        return r;
    s->kind = kind;
    s->text = strdup(text);
    r = s->text ? sink_args_parse(text, &s->args, &kind, words, words_cap) : QHCP_E_NOMEM;
    if (r == 0)
        r = kind->parse(s, words, words_cap);
    if (r < 0) {
        sink_free(s);
        return r;
    }
    memcpy(s->state.name, s->args.name, sizeof s->state.name);
    *ret = s;
    return 0;
}

void sink_free(struct sink *s)
{
    if (!s)
        return;
    sink_stop(s);
    if (s->kind->deinit)
        s->kind->deinit(s);
    free(s->text);
    free(s);
}

int sink_start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    int r = s->kind->look ? s->kind->look(s, words, words_cap) : 0;

    if (r == 0)
        r = s->kind->start(s, now, words, words_cap);
    s->started = r == 0;
    s->told = false;
    s->start_at = r == 0 ? NSEC_NEVER : nsec_add(now, START_AGAIN);
    return r;
}

void sink_stop(struct sink *s)
{
    if (s->started && s->kind->stop)
        s->kind->stop(s);
    s->started = false;
    s->start_at = NSEC_NEVER;
}

int sink_look_files(const char *text, char *words, size_t words_cap)
{
    struct sink *s;
    int r = sink_new(text, &s, words, words_cap);

    if (r < 0)
        return r;
    r = s->kind->look ? s->kind->look(s, words, words_cap) : 0;
    sink_free(s);
    return r;
}

int sink_check(const char *text, char *words, size_t words_cap)
{
    struct sink *s;
    int r;

    snprintf(words, words_cap, "out of memory");
    r = sink_new(text, &s, words, words_cap);
    if (r == 0)
        sink_free(s);
    return r;
}

/* NULL: nothing. */
static const char *claims(const struct sink *s)
{
    return s->kind->claims ? s->kind->claims(s) : NULL;
}

static bool same_place(const struct sink *a, const struct sink *b)
{
    return a->kind == b->kind && a->kind->alone && strcmp(a->args.name, b->args.name) == 0 &&
           strcmp(a->args.argv[0], b->args.argv[0]) == 0;
}

/* NULL: none. */
static const char *same_claim(const struct sink *a, const struct sink *b)
{
    const char *one = claims(a), *other = claims(b);

    return a->kind != b->kind && one && other && strcmp(one, other) == 0 ? one : NULL;
}

static int check_two(const char *text, const char *other, char *words, size_t words_cap)
{
    struct sink *a = NULL, *b = NULL;
    char ignored[SINK_WORDS];
    const char *claim;
    int r = 0;

    if (sink_new(text, &a, ignored, sizeof ignored) == 0 &&
        sink_new(other, &b, ignored, sizeof ignored) == 0) {
        if (same_place(a, b)) {
            snprintf(words, words_cap, "the sink %s is there twice: leave one of them out",
                     a->args.name);
            r = QHCP_E_ARG;
        } else if ((claim = same_claim(a, b))) {
            snprintf(words, words_cap,
                     "the sinks %s and %s both write %s: one of them must have weights=no",
                     b->args.name, a->args.name, claim);
            r = QHCP_E_ARG;
        }
    }
    sink_free(a);
    sink_free(b);
    return r;
}

int sink_check_beside(char *const *texts, size_t i, char *words, size_t words_cap)
{
    int r = 0;

    for (size_t k = 0; k < i && r == 0; k++)
        r = check_two(texts[i], texts[k], words, words_cap);
    return r;
}
