/* file: a file with one server a line, as @FILE of --servers has them; or all files of a directory,
 * or of a pattern.  file_sd: the same with Prometheus' JSON in the files. */
#include <stdlib.h>

#include "sources/followed.h"
#include "sources/sd.h"
#include "sources/source_kind.h"
#include "sources/sources.h"

#define LOOK_AGAIN (5 * NSEC_PER_SEC) /* at the files' times */

struct file {
    struct followed followed;
    struct source *source;
    bool due; /* to be read, whatever the times say */
};

static int check(const struct source_spec *spec, char *words, size_t words_cap)
{
    (void)spec, (void)words, (void)words_cap;
    return 0;
}

static void on_changed(void *ctx, qhcp_nsec when)
{
    struct file *f = ctx;

    f->due = true;
    f->source->look_at = nsec_min(f->source->look_at, when);
}

static int begin(struct source *s, qhcp_nsec now)
{
    struct file *f = calloc(1, sizeof *f);
    int r;

    (void)now;
    if (!f)
        return QHCP_E_NOMEM;
    f->source = s;
    f->due = true;
    r = followed_begin(&f->followed, sources_loop(s->all), s->spec.argv[0], on_changed, f);
    if (r < 0)
        free(f);
    else
        s->self = f;
    return r;
}

static int take_lines(void *ctx, const char *path, const char *content, size_t n, char *words,
                      size_t words_cap)
{
    struct faults f = {.n = 0};
    int r = list_parse_lines(ctx, path, content, n, &f);

    source_words(&f, words, words_cap);
    return r;
}

static int take_json(void *ctx, const char *path, const char *content, size_t n, char *words,
                     size_t words_cap)
{
    return sd_parse(path, content, n, ctx, words, words_cap);
}

static void read_files(struct source *s, qhcp_nsec now, followed_take_fn *take)
{
    struct file *f = s->self;
    char words[SOURCE_WORDS];
    struct list l = {0};

    s->look_at = nsec_add(now, LOOK_AGAIN);
    if (!f->due && !followed_differ(&f->followed))
        return;
    f->due = false;
    if (followed_read(&f->followed, take, &l, words, sizeof words) == 0)
        source_yield(s, now, &l);
    else
        source_fail(s, now, "%s", words);
    list_deinit(&l);
}

static void look(struct source *s, qhcp_nsec now)
{
    read_files(s, now, take_lines);
}

static void look_json(struct source *s, qhcp_nsec now)
{
    read_files(s, now, take_json);
}

static void end(struct source *s)
{
    struct file *f = s->self;

    followed_end(&f->followed);
    free(f);
}

const struct source_kind kind_file = {.name = "file",
                                      .usage = "file PATH (a file, a directory or a pattern)",
                                      .arguments = 1,
                                      .check = check,
                                      .begin = begin,
                                      .look = look,
                                      .end = end};

const struct source_kind kind_file_sd = {.name = "file_sd",
                                         .usage = "file_sd PATH (a file, a directory or a pattern)",
                                         .arguments = 1,
                                         .check = check,
                                         .begin = begin,
                                         .look = look_json,
                                         .end = end};
