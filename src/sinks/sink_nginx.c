/* nginx: a file that nginx includes, and a reload whenever it has changed.
 *
 *     write the file -> test -> reload -> nginx has it
 *                         |        \----> the file stays: try again
 *                         \-------------> put the old file back: try again
 *
 * The old file stays beside it as PATH.before until nginx has the new one: putting it back needs no
 * room on the disk.  Where a process ended in between, the next one finds it there, and knows that
 * nginx may not have read the file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/words.h"
#include "sinks/command.h"
#include "sinks/nginx_pace.h"
#include "sinks/nginx_text.h"
#include "sinks/sink_file.h"
#include "sinks/sink_kinds.h"

#define EVERY (5 * NSEC_PER_SEC)
#define EVERY_LEAST (100 * NSEC_PER_MSEC)
#define EVERY_MOST (3600 * NSEC_PER_SEC)
#define COMMAND_TIME (30 * NSEC_PER_SEC) /* a test resolves the names in the configuration */

static char default_test[] = "nginx -t", default_reload[] = "nginx -s reload";

struct sink_nginx {
    struct sink sink;
    const char *path, *upstream;
    char before[PATH_MAX];
    char *test, *reload; /* test NULL: none */
    struct nginx_pace pace;
    struct command command;
    struct loop_part part;
    qhcp_nsec due; /* NSEC_NEVER */
    struct sink_first first;
    struct text in_force, next; /* next: what is tested */
    bool known;                 /* in_force is what nginx has */
    bool had_file;              /* before `next` */
    bool looked;                /* at what was there */
    bool reloading;             /* the test is over */
    bool dirty;                 /* something new is said, which `next` does not have */
    uint64_t *serving;          /* keys of the servers that the file gives traffic, ascending ... */
    size_t n_serving;
    uint64_t *asked; /* ... and of those of `next` */
    size_t n_asked;
};

/* ---- which servers get traffic by it ---- */

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Keeps whom `next` gives traffic; without memory nobody: then nothing is urgent. */
static void note_serving(struct sink_nginx *g, const struct sink_view *view)
{
    const struct fleet_snapshot *s = view->snapshot;
    uint64_t *keys = realloc(g->asked, (s->self.n + 1) * sizeof *keys);
    const struct fleet_entry *e;

    g->n_asked = 0;
    if (!keys)
        return;
    g->asked = keys;
    for (uint32_t at = 0; g->n_asked < s->self.n && (e = snapshot_next(s, &at)); at++)
        if (view->say[at].use == SAY_SERVE)
            keys[g->n_asked++] = e->key;
    qsort(keys, g->n_asked, sizeof *keys, by_key);
}

/* Does the file give traffic to a server that is down? */
static bool is_urgent(const struct sink_nginx *g, const struct sink_view *view)
{
    for (size_t i = 0; i < (view->all ? view->snapshot->slots : view->n_changed); i++) {
        uint32_t slot = view->all ? (uint32_t)i : view->changed[i];
        const struct fleet_entry *e = snapshot_at(view->snapshot, slot);

        if (e && view->say[slot].use == SAY_DOWN && g->n_serving > 0 &&
            bsearch(&e->key, g->serving, g->n_serving, sizeof e->key, by_key))
            return true;
    }
    return false;
}

/* ---- the file ---- */

/* The old file is kept as PATH.before.  0 or an errno. */
static int keep_old(struct sink_nginx *g)
{
    int fd;

    if (unlink(g->before) != 0 && errno != ENOENT)
        return errno;
    g->had_file = link(g->path, g->before) == 0;
    if (g->had_file)
        return 0;
    if (errno != ENOENT)
        return errno;
    fd = open(g->before, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

/* 0 or an errno: then the new file is still there. */
static int put_back(struct sink_nginx *g)
{
    if (g->had_file)
        return rename(g->before, g->path) == 0 ? 0 : errno;
    if (unlink(g->path) != 0 && errno != ENOENT)
        return errno;
    return unlink(g->before) == 0 ? 0 : errno;
}

static bool same(const struct text *a, const struct text *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->at, b->at, a->n) == 0);
}

/* What nginx has, from the process before us. */
static int look(struct sink_nginx *g, char *words, size_t words_cap)
{
    int r;

    if (g->looked)
        return 0;
    text_reset(&g->in_force);
    r = sink_file_look(g->path, nginx_text_is, &g->in_force, &g->known, words, words_cap);
    if (r < 0)
        return r;
    g->looked = true;
    g->known = g->known && access(g->before, F_OK) != 0;
    return 0;
}

static int write_file(struct sink_nginx *g, char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    int err = keep_old(g);
    int r = err ? words_errno(&w, err, "keep the old file as", g->before) : 0;

    if (r == 0)
        r = sink_file_put(g->path, &g->next, words, words_cap);
    if (r < 0 && !err) { /* it may be there in spite of an error */
        (void)put_back(g);
        unlink(g->before);
    }
    return r;
}

/* ---- test and reload ---- */

static void plan(struct sink_nginx *g, qhcp_nsec now, bool urgent)
{
    g->due = nsec_min(g->due, nsec_max(now, nginx_pace_next(&g->pace, now, urgent)));
}

/* Something is not said yet. */
static void hold(struct sink_nginx *g, bool dirty)
{
    g->dirty = dirty;
    sink_holds(&g->sink, dirty);
}

static void retry(struct sink_nginx *g, qhcp_nsec now)
{
    hold(g, true);
    g->due = nsec_add(now, nsec_max(g->pace.every, NSEC_PER_SEC));
}

/* A reload that fails after a good test is no fault of the file: nginx does not run, say.  And
 * where there was no file, nothing else can begin with the new one. */
static void fail(struct sink_nginx *g, qhcp_nsec now, const char *failure)
{
    bool stays = g->reloading && (g->test || !g->had_file);
    const char *command = g->reloading ? g->reload : g->test;
    int err = stays ? 0 : put_back(g);

    g->known = g->known && !stays;
    if (stays)
        sink_failed(&g->sink, now, "%s: %s; %s is written, and the reload is tried again", command,
                    failure, g->path);
    else if (err)
        sink_failed(&g->sink, now,
                    "%s: %s; and the old file cannot be put back (%s): move %s to %s by hand",
                    command, failure, strerror(err), g->before, g->path);
    else
        sink_failed(&g->sink, now, "%s: %s; %s", command, failure,
                    g->had_file ? "the old file was put back, and nginx goes on with it"
                                : "the new file was removed: there was none before");
    retry(g, now);
}

/* `next` is what the file says from now on, and `asked` whom it gives traffic. */
static void take_over(struct sink_nginx *g)
{
    struct text t = g->in_force;
    uint64_t *keys = g->serving;

    g->in_force = g->next;
    g->next = t;
    g->serving = g->asked;
    g->n_serving = g->n_asked;
    g->asked = keys;
    g->known = true;
}

static void on_done(void *ctx, qhcp_nsec now, const char *failure)
{
    struct sink_nginx *g = ctx;
    const struct sink_view *view;

    if (failure) {
        fail(g, now, failure);
        return;
    }
    if (!g->reloading) {
        g->reloading = true;
        command_run(&g->command, now, g->reload);
        return;
    }
    take_over(g);
    unlink(g->before);
    sink_did(&g->sink, now);
    view = g->dirty ? sink_look(&g->sink) : NULL;
    if (view)
        plan(g, now, is_urgent(g, view));
}

static void begin_change(struct sink_nginx *g, const struct sink_view *view, qhcp_nsec now)
{
    char words[SINK_WORDS] = "out of memory";
    int r = look(g, words, sizeof words);
    bool urgent = is_urgent(g, view);

    if (r == 0) {
        text_reset(&g->next);
        nginx_text(g->upstream, view, &g->next);
        note_serving(g, view);
        if (g->known && same(&g->next, &g->in_force) && !g->next.failed) {
            take_over(g);
            if (g->sink.state.failing_since > 0)
                sink_did(&g->sink, now);
            return;
        }
        r = write_file(g, words, sizeof words);
    }
    if (r < 0) {
        sink_failed(&g->sink, now, "%s", words);
        retry(g, now);
        return;
    }
    nginx_pace_begun(&g->pace, now, urgent);
    g->reloading = !g->test;
    command_run(&g->command, now, g->test ? g->test : g->reload);
}

static void look_now(struct sink_nginx *g, const struct sink_view *view, qhcp_nsec now)
{
    g->due = NSEC_NEVER;
    if (g->command.running)
        return;
    if (sink_first_early(&g->first, &g->sink, view, now)) {
        g->due = g->first.until;
        return;
    }
    hold(g, false);
    begin_change(g, view, now);
}

static qhcp_nsec deadline(void *ctx)
{
    return ((struct sink_nginx *)ctx)->due;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct sink_nginx *g = ctx;
    const struct sink_view *view = sink_look(&g->sink);

    g->due = NSEC_NEVER;
    if (view)
        look_now(g, view, now);
}

/* ---- the kind ---- */

/* "off" is none. */
static char *command_of(const struct sink_args *args, const char *key, char *def)
{
    char *given = (char *)sink_args_get(args, key);

    return !given ? def : strcmp(given, "off") == 0 ? NULL : given;
}

static int parse(struct sink *s, char *words, size_t words_cap)
{
    struct sink_nginx *g = (struct sink_nginx *)s;
    int r;

    g->path = s->args.argv[0];
    g->upstream = sink_args_get(&s->args, "upstream");
    g->test = command_of(&s->args, "test", default_test);
    g->reload = command_of(&s->args, "reload", default_reload);
    g->pace.every = EVERY;
    g->due = NSEC_NEVER;
    r = sink_args_duration(&s->args, "every", EVERY_LEAST, EVERY_MOST, &g->pace.every, words,
                           words_cap);
    if (r < 0)
        return r;
    if (!g->reload || g->reload[0] == '\0' || (g->test && g->test[0] == '\0')) {
        snprintf(words, words_cap, "%s",
                 g->reload && g->reload[0] != '\0'
                     ? "test= needs a command, as in test='nginx -t', or off"
                     : "reload= needs a command, as in reload='nginx -s reload'");
        return QHCP_E_ARG;
    }
    if (g->upstream && !nginx_text_name(g->upstream)) {
        snprintf(words, words_cap,
                 "upstream=%.80s is not a name: use 1 to 64 of A-Z a-z 0-9 . _ and -", g->upstream);
        return QHCP_E_ARG;
    }
    if (snprintf(g->before, sizeof g->before, "%s.before", g->path) < (int)sizeof g->before)
        return 0;
    snprintf(words, words_cap, "the path is too long");
    return QHCP_E_ARG;
}

static int start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    struct sink_nginx *g = (struct sink_nginx *)s;

    (void)now, (void)words, (void)words_cap;
    g->first = (struct sink_first){.until = 0};
    g->command.loop = s->loop;
    g->command.timeout = COMMAND_TIME;
    g->command.ctx = g;
    g->command.done = on_done;
    g->part =
        (struct loop_part){.name = "sink nginx", .ctx = g, .deadline = deadline, .expire = expire};
    loop_add(s->loop, &g->part);
    return 0;
}

static void settle(struct sink *s, const struct sink_view *view, qhcp_nsec now)
{
    struct sink_nginx *g = (struct sink_nginx *)s;

    hold(g, true);
    if (g->sink.state.failing_since == 0)
        plan(g, now, is_urgent(g, view));
    if (g->due <= now)
        look_now(g, view, now);
}

static void stop(struct sink *s)
{
    struct sink_nginx *g = (struct sink_nginx *)s;

    command_stop(&g->command);
    loop_remove(&g->part);
    text_deinit(&g->in_force);
    text_deinit(&g->next);
    free(g->serving);
    free(g->asked);
    g->in_force = g->next = (struct text){0};
    g->serving = g->asked = NULL;
    g->n_serving = g->n_asked = 0;
    g->looked = g->known = false;
}

const struct sink_kind sink_nginx = {
    .name = "nginx",
    .usage =
        "nginx PATH [upstream=NAME] [reload='nginx -s reload'] [test='nginx -t'|off] [every=5s]",
    .size = sizeof(struct sink_nginx),
    .least = 1,
    .most = 1,
    .path = true,
    .settings = "upstream reload test every",
    .alone = true,
    .parse = parse,
    .start = start,
    .settle = settle,
    .stop = stop};
