#include "sinks/sink_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/file.h"

#define MODE 0644 /* programs of other users read it */

int sink_file_look(const char *path, bool (*is_ours)(const char *content), struct text *ret,
                   bool *ret_there, char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    char *content;
    size_t n;
    int r = file_read(path, true, SINK_FILE_MAX, &content, &n, &w);

    *ret_there = r == 0;
    if (r == QHCP_E_NOT_FOUND)
        return 0;
    if (r < 0)
        return r;
    if (n > 0 && !is_ours(content))
        r = words_fail(
            &w, QHCP_E_EXISTS,
            "%s is there, and was not written by a sink of this kind: it is not replaced. "
            "Move it away, or give another path",
            path);
    text_bytes(ret, content, n);
    free(content);
    return ret->failed && r == 0 ? QHCP_E_NOMEM : r;
}

int sink_file_put(const char *path, const struct text *content, char *words, size_t words_cap)
{
    if (content->failed) {
        snprintf(words, words_cap, "%s cannot be written: out of memory", path);
        return QHCP_E_NOMEM;
    }
    return file_renew(path, slice_of(content->at, content->n), MODE,
                      &(struct words){words, words_cap});
}

/* Servers that get traffic, and of which nobody has found yet where. */
static size_t without_place(const struct sink_view *view)
{
    const struct fleet_entry *e;
    size_t n = 0;

    for (uint32_t at = 0; (e = snapshot_next(view->snapshot, &at)); at++)
        n += view->say[at].use == SAY_SERVE && e->target.sa.sa_family == AF_UNSPEC;
    return n;
}

bool sink_first_early(struct sink_first *f, struct sink *s, const struct sink_view *view,
                      qhcp_nsec now)
{
    const struct fleet_self *self = &view->snapshot->self;
    size_t n = f->over ? 0 : self->by_state[QHCP_CONNECTING] + without_place(view);

    if (f->until == 0)
        f->until = nsec_add(now, SINK_FILE_SWEEP);
    if (self->swept && !f->swept)
        f->until = nsec_add(now, SINK_FILE_PLACE);
    f->swept |= self->swept;
    f->over |= (f->swept && n == 0) || now >= f->until;
    if (!f->over)
        sink_holds(s, n);
    return !f->over;
}

static bool same(const struct text *a, const struct text *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->at, b->at, a->n) == 0);
}

/* 0: the file is what it is to be. */
static int keep(struct sink_file *f, struct text *content, bool again, char *words,
                size_t words_cap)
{
    bool there;
    int r = 0;

    if (!f->known) {
        text_reset(&f->there);
        r = sink_file_look(f->path, f->is_ours, &f->there, &there, words, words_cap);
        if (r < 0)
            return r;
        f->known = there;
    }
    if (f->known && !again && same(&f->there, content))
        return 0;
    f->known = false; /* it may be there in spite of an error */
    r = sink_file_put(f->path, content, words, words_cap);
    if (r < 0)
        return r;
    text_deinit(&f->there);
    f->there = *content;
    *content = (struct text){0};
    f->known = true;
    return 0;
}

static void write_now(struct sink_file *f, const struct sink_view *view, bool again, qhcp_nsec now)
{
    char words[SINK_WORDS] = "out of memory";
    struct text content = {0};

    f->due = f->again > 0 ? nsec_add(now, f->again) : NSEC_NEVER;
    f->not_before = nsec_add(now, SINK_FILE_GAP);
    if (sink_first_early(&f->first, f->sink, view, now)) {
        f->due = f->first.until;
        return;
    }
    f->render(f->sink, view, &content);
    if (keep(f, &content, again, words, sizeof words) == 0) {
        sink_did(f->sink, now);
    } else {
        sink_failed(f->sink, now, "%s", words);
        f->due = nsec_add(now, SINK_FILE_RETRY);
    }
    text_deinit(&content);
    sink_holds(f->sink, 0);
}

static qhcp_nsec deadline(void *ctx)
{
    return ((struct sink_file *)ctx)->due;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct sink_file *f = ctx;
    const struct sink_view *view = sink_look(f->sink);

    f->due = NSEC_NEVER;
    if (view)
        write_now(f, view, f->again > 0, now);
}

void sink_file_settle(struct sink_file *f, const struct sink_view *view, qhcp_nsec now)
{
    if (now >= f->not_before)
        write_now(f, view, false, now);
    else
        f->due = nsec_min(f->due, f->not_before);
}

void sink_file_begin(struct sink_file *f)
{
    f->due = NSEC_NEVER;
    f->first = (struct sink_first){.until = 0};
    f->part =
        (struct loop_part){.name = "sink file", .ctx = f, .deadline = deadline, .expire = expire};
    loop_add(f->sink->loop, &f->part);
}

void sink_file_end(struct sink_file *f)
{
    loop_remove(&f->part);
    text_deinit(&f->there);
    f->there = (struct text){0};
    f->known = false;
    f->not_before = 0;
}
