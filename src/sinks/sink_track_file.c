/* track-file: a number for keepalived's vrrp_track_file: the percentage of the servers that get
 * traffic.  Servers that their operator drains or keeps out, or that say that they leave, do not
 * count. */
#include <string.h>

#include "sinks/sink_file.h"
#include "sinks/sink_kinds.h"

#define FAULT (-254) /* keepalived: at this sum and below, its instance gives up (FAULT) */

struct sink_track_file {
    struct sink sink;
    unsigned fault; /* percent, below which the file says FAULT */
    struct sink_file file;
};

static void render(struct sink *s, const struct sink_view *view, struct text *ret)
{
    const struct sink_track_file *t = (struct sink_track_file *)s;
    size_t served = 0, all = 0;
    unsigned percent;

    for (uint32_t slot = 0; slot < view->snapshot->slots; slot++) {
        served += view->say[slot].use == SAY_SERVE && !view->say[slot].panic;
        all += view->say[slot].use == SAY_SERVE || view->say[slot].use == SAY_DOWN;
    }
    percent = all > 0 ? (unsigned)(served * 100 / all) : 0;
    text_printf(ret, "%d\n", percent < t->fault ? FAULT : (int)percent);
}

/* A number and a newline, as this kind writes it. */
static bool is_ours(const char *content)
{
    const char *digits = content + (content[0] == '-');
    size_t n = strspn(digits, "0123456789");

    return n > 0 && n <= 3 && strcmp(digits + n, "\n") == 0;
}

static int parse(struct sink *s, char *words, size_t words_cap)
{
    struct sink_track_file *t = (struct sink_track_file *)s;
    uint64_t number = 0;
    int r = sink_args_count(&s->args, "fault", 0, 100, &number, words, words_cap);

    t->fault = (unsigned)number;
    t->file = (struct sink_file){
        .sink = s, .path = s->args.argv[0], .render = render, .is_ours = is_ours};
    return r;
}

static int start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    (void)now, (void)words, (void)words_cap;
    sink_file_begin(&((struct sink_track_file *)s)->file);
    return 0;
}

static void settle(struct sink *s, const struct sink_view *view, qhcp_nsec now)
{
    sink_file_settle(&((struct sink_track_file *)s)->file, view, now);
}

static void stop(struct sink *s)
{
    sink_file_end(&((struct sink_track_file *)s)->file);
}

const struct sink_kind sink_track_file = {.name = "track-file",
                                          .usage = "track-file PATH [fault=PERCENT]",
                                          .size = sizeof(struct sink_track_file),
                                          .least = 1,
                                          .most = 1,
                                          .path = true,
                                          .settings = "fault",
                                          .alone = true,
                                          .parse = parse,
                                          .start = start,
                                          .settle = settle,
                                          .stop = stop};
