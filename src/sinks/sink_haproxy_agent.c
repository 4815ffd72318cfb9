/* haproxy-agent: answers HAProxy's agent-check for every server, on one port of this machine.
 *
 * In: one line of each connection, the name of a server, "backend/server" or "server"
 * (agent-send "be/web1\n"); out: one line (base/agent_line.h).  A server that was not looked at
 * yet, or that nobody knows, gets none: HAProxy leaves its state as it is then. */
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/agent_line.h"
#include "base/value.h"
#include "loop/responder.h"
#include "sinks/directory.h"
#include "sinks/sink_kinds.h"

#define ODD_APART NSEC_PER_SEC        /* what is wrong is noted that often ... */
#define ODD_LASTS (60 * NSEC_PER_SEC) /* ... and stands so long */

struct agent {
    struct sink sink;
    union qhcp_addr addr;
    const char *backend; /* NULL: any */
    bool admin, weights;
    struct responder responder;
    struct directory directory;
    qhcp_nsec odd_at; /* when a name or a line was wrong last; 0: never */
};

static int parse(struct sink *s, char *words, size_t words_cap)
{
    struct agent *a = (struct agent *)s;
    int r = address_parse_listen(s->args.argv[0], &a->addr, words, words_cap);

    a->backend = sink_args_get(&s->args, "backend");
    a->admin = a->weights = true;
    if (r == 0)
        r = sink_args_switch(&s->args, "admin", &a->admin, words, words_cap);
    if (r == 0)
        r = sink_args_switch(&s->args, "weights", &a->weights, words, words_cap);
    if (r == 0 && !a->admin && !a->weights) {
        snprintf(words, words_cap,
                 "admin=no and weights=no exclude each other: a server that drains is told by one "
                 "of the two");
        r = QHCP_E_ARG;
    }
    return r;
}

/* Something that is asked is wrong; a flood of it says no more than one. */
static bool odd(struct agent *a, qhcp_nsec now)
{
    if (a->odd_at > 0 && nsec_add(a->odd_at, ODD_APART) > now)
        return false;
    a->odd_at = now;
    return true;
}

/* The slot that a line asks for; FLEET_NOBODY. */
static uint32_t find(struct agent *a, const struct sink_view *view, const char *line)
{
    const char *slash = strrchr(line, '/');
    char backend[RESPONDER_LINE];

    if (!slash)
        return directory_find(&a->directory, view, line);
    snprintf(backend, sizeof backend, "%.*s", (int)(slash - line), line);
    if (a->backend && strcmp(a->backend, backend) != 0)
        return FLEET_NOBODY;
    return directory_of(&a->directory, view, backend, slash + 1);
}

static enum agent_word word_of(enum say_use use)
{
    switch (use) {
    case SAY_SERVE:
        return AGENT_UP;
    case SAY_DRAIN:
        return AGENT_DRAIN;
    case SAY_MAINTENANCE:
        return AGENT_MAINTENANCE;
    default:
        return AGENT_DOWN;
    }
}

static size_t answer(void *ctx, qhcp_nsec now, const char *line, char *ret, size_t cap)
{
    struct agent *a = ctx;
    const struct sink_view *view = sink_look(&a->sink);
    char quote[VALUE_QUOTE + 8], out[AGENT_LINE];
    const struct say *say;
    uint32_t slot;
    size_t n;

    if (!view)
        return 0;
    slot = find(a, view, line);
    if (slot == FLEET_NOBODY) {
        if (odd(a, now))
            sink_failed(&a->sink, now,
                        "HAProxy asks for %s, which is no server here: its "
                        "agent-send must have the name of a server, and \\n behind it",
                        value_quote(line, quote));
        return 0;
    }
    say = &view->say[slot];
    if (say->use == SAY_UNKNOWN)
        return 0;
    n = agent_line(&(struct agent_say){.word = word_of(say->use),
                                       .percent = a->weights ? say->percent : 0,
                                       .admin = a->admin,
                                       .reason = say_why(say, snapshot_at(view->snapshot, slot))},
                   out);
    if (a->odd_at == 0 || nsec_add(a->odd_at, ODD_LASTS) <= now)
        sink_did(&a->sink, now);
    if (n > cap)
        return 0;
    memcpy(ret, out, n);
    return n;
}

static void incomplete(void *ctx, qhcp_nsec now, bool too_long)
{
    struct agent *a = ctx;

    if (odd(a, now))
        sink_failed(&a->sink, now,
                    "a connection sent %s: agent-send must be the name of a server "
                    "and \\n",
                    too_long ? "a line that is too long" : "no whole line");
}

static int start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    struct agent *a = (struct agent *)s;
    int r = responder_begin(&a->responder,
                            &(struct responder_config){.loop = s->loop,
                                                       .addr = a->addr,
                                                       .asks = true,
                                                       .answer = answer,
                                                       .incomplete = incomplete,
                                                       .ctx = a},
                            words, words_cap);

    (void)now;
    if (r == 0 && !address_is_loopback(&a->addr))
        sink_say(s, QHCP_LOG_WARNING,
                 "other machines may reach that address: whoever does can ask for the state of "
                 "every server");
    return r;
}

static void settle(struct sink *s, const struct sink_view *view, qhcp_nsec now)
{
    (void)now;
    directory_see(&((struct agent *)s)->directory, view);
}

static void stop(struct sink *s)
{
    responder_end(&((struct agent *)s)->responder);
}

static void deinit(struct sink *s)
{
    directory_deinit(&((struct agent *)s)->directory);
}

/* A server's weight has one master. */
static const char *claims(const struct sink *s)
{
    return ((const struct agent *)s)->weights ? "the weights of HAProxy" : NULL;
}

const struct sink_kind sink_haproxy_agent = {
    .name = "haproxy-agent",
    .usage = "haproxy-agent [ADDRESS:]PORT [backend=NAME] [admin=no] [weights=no]",
    .size = sizeof(struct agent),
    .least = 1,
    .most = 1,
    .settings = "backend admin weights",
    .claims = claims,
    .figures = true,
    .parse = parse,
    .start = start,
    .settle = settle,
    .stop = stop,
    .deinit = deinit,
};
