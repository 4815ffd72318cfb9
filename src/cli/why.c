/* `qhcp why`: when a server went down, on what evidence, what it looked like before, and who went
 * with it. */
#include "history/history_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/os/clock.h"
#include "cli/cli.h"
#include "cli/past.h"
#include "history/history_table.h"

#define WHY_WORDS 700

struct why_options {
    struct options head;
    PAST_OPTIONS(OPTIONS_MEMBER)
};

#define ROW(...) OPTIONS_ROW(struct why_options, __VA_ARGS__)
static const struct options_row rows[] = {PAST_OPTIONS(ROW)};

static const struct options_table why_options_table = OPTIONS_TABLE(struct why_options, NULL);

const struct args_spec cli_why_spec = {
    .options = &why_options_table,
    .name = "qhcp why",
    .doc = "Tell why a server went down, the last time that it did: when, on what evidence, what "
           "its last minutes looked like, which others went with it, and how it came back. The "
           "load balancer need not run.",
    .positional = "SERVER",
    .operands = 1,
    .usage_status = ARGS_USAGE,
};

static int tell(struct query *q, const char *server, bool json, const struct words *w)
{
    struct story *s = malloc(sizeof *s);
    struct query_server found;
    struct text t = {0};
    int r = s ? query_find(q, server, &found, w) : words_fail(w, QHCP_E_NOMEM, "out of memory");

    if (r == 0 && (r = story_find(q, &found, s)) != 0)
        words_fail(w, r, "%s", query_words(q));
    if (r == 0 && json)
        history_json_story(&t, s);
    else if (r == 0)
        history_table_story(&t, s, clock_wall_ms());
    if (r == 0 && (t.failed || fputs(t.at, stdout) == EOF || (json && putchar('\n') == EOF) ||
                   fflush(stdout) == EOF))
        r = words_fail(w, QHCP_E_IO, "standard output cannot be written");
    text_deinit(&t);
    free(s);
    return r;
}

int cli_why(int argc, char **argv)
{
    char words[WHY_WORDS] = "";
    const struct words w = {words, sizeof words};
    struct why_options o;
    struct query *q = NULL;
    const char *server;
    int r;

    args_parse(&cli_why_spec, argc, argv, &o.head, &server);
    r = past_open(o.history, o.port, &q, &w);
    if (r == 0)
        r = tell(q, server, o.json, &w);
    if (r != 0)
        fprintf(stderr, "%s: %s\n", cli_why_spec.name, words);
    query_close(q);
    options_deinit(&o.head);
    return r == 0 ? ARGS_OK : ARGS_FAILURE;
}
