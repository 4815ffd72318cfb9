/* envoy: an endpoint discovery file, which Envoy reads when it is moved into place. */
#include <stdio.h>
#include <string.h>

#include "sinks/envoy_json.h"
#include "sinks/sink_file.h"
#include "sinks/sink_kinds.h"

/* Envoy has been seen to miss a move. */
#define AGAIN (60 * NSEC_PER_SEC)

struct sink_envoy {
    struct sink sink;
    const char *cluster;
    struct sink_file file;
};

static void render(struct sink *s, const struct sink_view *view, struct text *ret)
{
    envoy_json(((struct sink_envoy *)s)->cluster, view, ret);
}

static int parse(struct sink *s, char *words, size_t words_cap)
{
    struct sink_envoy *e = (struct sink_envoy *)s;

    e->cluster = sink_args_get(&s->args, "cluster");
    e->file = (struct sink_file){.sink = s,
                                 .path = s->args.argv[0],
                                 .render = render,
                                 .is_ours = envoy_json_is,
                                 .again = AGAIN};
    if (e->cluster && e->cluster[0] != '\0')
        return 0;
    snprintf(words, words_cap, "cluster=NAME is missing: the name of the cluster in Envoy");
    return QHCP_E_ARG;
}

static int start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    (void)now, (void)words, (void)words_cap;
    sink_file_begin(&((struct sink_envoy *)s)->file);
    return 0;
}

static void settle(struct sink *s, const struct sink_view *view, qhcp_nsec now)
{
    sink_file_settle(&((struct sink_envoy *)s)->file, view, now);
}

static void stop(struct sink *s)
{
    sink_file_end(&((struct sink_envoy *)s)->file);
}

const struct sink_kind sink_envoy = {.name = "envoy",
                                     .usage = "envoy PATH cluster=NAME",
                                     .size = sizeof(struct sink_envoy),
                                     .least = 1,
                                     .most = 1,
                                     .path = true,
                                     .settings = "cluster",
                                     .figures = true,
                                     .alone = true,
                                     .parse = parse,
                                     .start = start,
                                     .settle = settle,
                                     .stop = stop};
