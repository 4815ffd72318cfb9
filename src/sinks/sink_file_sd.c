/* file_sd: the servers as targets of Prometheus, which reads the file when it changes. */
#include "sinks/sink_file.h"
#include "sinks/sink_kinds.h"
#include "sinks/targets_json.h"

struct sink_file_sd {
    struct sink sink;
    uint16_t port; /* of all targets; 0: each server's own */
    struct sink_file file;
};

static void render(struct sink *s, const struct sink_view *view, struct text *ret)
{
    targets_json(view->snapshot, ((struct sink_file_sd *)s)->port, ret);
}

static int parse(struct sink *s, char *words, size_t words_cap)
{
    struct sink_file_sd *f = (struct sink_file_sd *)s;
    uint64_t number = 0;
    int r = sink_args_count(&s->args, "port", 1, UINT16_MAX, &number, words, words_cap);

    f->port = (uint16_t)number;
    f->file = (struct sink_file){
        .sink = s, .path = s->args.argv[0], .render = render, .is_ours = targets_json_is};
    return r;
}

static int start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    (void)now, (void)words, (void)words_cap;
    sink_file_begin(&((struct sink_file_sd *)s)->file);
    return 0;
}

static void settle(struct sink *s, const struct sink_view *view, qhcp_nsec now)
{
    sink_file_settle(&((struct sink_file_sd *)s)->file, view, now);
}

static void stop(struct sink *s)
{
    sink_file_end(&((struct sink_file_sd *)s)->file);
}

const struct sink_kind sink_file_sd = {.name = "file_sd",
                                       .usage = "file_sd PATH [port=PORT]",
                                       .size = sizeof(struct sink_file_sd),
                                       .least = 1,
                                       .most = 1,
                                       .path = true,
                                       .settings = "port",
                                       .alone = true,
                                       .parse = parse,
                                       .start = start,
                                       .settle = settle,
                                       .stop = stop};
