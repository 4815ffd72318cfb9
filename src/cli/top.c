/* `qhcp top`: the servers of a running load balancer on a terminal, as they change, and what an
 * operator does about them.
 *
 * Changes of state come as events, at once.  Figures are asked for: once a second a part of the
 * list, of SLICE servers at most, so that a fleet of 10,000 costs the load balancer no more than
 * one of 1,000; and, where that is not the whole fleet, those servers that are on the screen. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os/clock.h"
#include "base/value.h"
#include "cli/admin_client.h"
#include "cli/cli.h"
#include "cli/top.h"

#include <qhcp/error.h>

#define SLICE 1000
#define LOOKS 4     /* servers that are asked for one by one, at once */
#define DRAW_MS 100 /* between two drawings that no key asked for */
#define FIELDS "name,server,state,since,reason,notice,share,tags,intent,report,verdict,forward"

#define TOP_OPTIONS(X) ADMIN_CLIENT_OPTIONS(X)

struct top_options {
    struct options head;
    TOP_OPTIONS(OPTIONS_MEMBER)
};

#define ROW(...) OPTIONS_ROW(struct top_options, __VA_ARGS__)
static const struct options_row rows[] = {TOP_OPTIONS(ROW)};

static const struct options_table top_options_table = OPTIONS_TABLE(struct top_options, NULL);

const struct args_spec cli_top_spec = {
    .options = &top_options_table,
    .name = "qhcp top",
    .doc = "Show the servers of a running load balancer of this machine on the whole terminal, as "
           "they change: sort and filter them, drain them and take them back. The key ? shows "
           "what other keys do.",
    .usage_status = ARGS_USAGE,
};

size_t top_rows(struct top *t)
{
    if (t->dirty && top_fleet_sort(&t->fleet, t->filter.text, t->sort, t->reversed))
        t->dirty = false;
    return top_fleet_rows(&t->fleet);
}

size_t top_selected(struct top *t)
{
    size_t n = top_rows(t), at = t->selected ? top_fleet_find(&t->fleet, t->selected) : 0;

    return at < n ? at : n > 0 ? n - 1 : 0;
}

/* ---- asking ---- */

static void ask_list(struct top *t)
{
    char path[200];

    if (top_link_open(&t->link, TOP_LIST) > 0)
        return;
    snprintf(path, sizeof path, "/api/v1/servers?limit=%d&after=%" PRIu64 "&fields=" FIELDS, SLICE,
             t->after);
    top_link_ask(&t->link, TOP_LIST, path, NULL, 0);
}

static bool ask_one(struct top *t, const char *id)
{
    struct text path = {0};
    bool asked;

    admin_client_path(&path, "/api/v1/servers/", id, "");
    asked = !path.failed && top_link_ask(&t->link, TOP_LOOK, path.at, NULL, t->fleet.seq);
    text_deinit(&path);
    return asked;
}

static void ask_ones(struct top *t)
{
    while (t->queued > 0 && top_link_open(&t->link, TOP_LOOK) < LOOKS &&
           ask_one(t, t->queue[t->queued - 1]))
        free(t->queue[--t->queued]);
    if (t->away || top_fleet_count(&t->fleet) <= SLICE)
        return;
    while (t->looked < t->page && t->first + t->looked < top_rows(t) &&
           top_link_open(&t->link, TOP_LOOK) < LOOKS &&
           ask_one(t, top_fleet_row(&t->fleet, t->first + t->looked)->id))
        t->looked++;
}

static void read_again(struct top *t)
{
    top_link_unfollow(&t->link);
    top_fleet_again(&t->fleet);
    t->again = false;
    t->hurry = true;
    t->after = 0;
    t->first_seq = 0;
    ask_list(t);
}

static void ask_self(struct top *t)
{
    if (top_link_open(&t->link, TOP_SELF) == 0 &&
        top_link_ask(&t->link, TOP_SELF, "/api/v1/self", NULL, 0))
        t->self_old = false;
}

static void on_second(struct top *t)
{
    t->second = (int64_t)(clock_monotonic() / NSEC_PER_SEC) + 1;
    t->looked = 0;
    t->draw = true;
    ask_self(t);
    if (!t->away)
        ask_list(t);
}

void top_act(struct top *t)
{
    const struct top_action *a = &t->action;
    json_t *body = json_object();
    struct text path = {0};
    bool well = body != NULL;

    if (a->reason.n > 0)
        well = well && json_object_set_new(body, "reason", json_string(a->reason.text)) == 0;
    if (a->lasts_for.n > 0)
        well = well && json_object_set_new(body, "for", json_string(a->lasts_for.text)) == 0;
    admin_client_path(&path, "/api/v1/servers/", a->id, "/");
    text_add(&path, a->verb);
    well = well && !path.failed && top_link_ask(&t->link, TOP_ACT, path.at, body, UINT64_MAX);
    snprintf(t->message, sizeof t->message, "%s",
             well ? "asking the load balancer ..." : "too much is going on: try again");
    text_deinit(&path);
    json_decref(body);
}

/* ---- what is answered ---- */

static void gone(struct top *t, const char *words)
{
    t->draw = t->draw || !t->away;
    t->away = true;
    snprintf(t->away_words, sizeof t->away_words, "%s", words);
}

static void on_self(struct top *t, const json_t *self)
{
    json_decref(t->self);
    t->self = json_incref((json_t *)(uintptr_t)self);
    t->draw = true;
    if (!t->away)
        return;
    t->away = false;
    t->again = true;
}

static void take(struct top *t, const json_t *server, uint64_t seq)
{
    top_fleet_take(&t->fleet, (json_t *)(uintptr_t)server, seq, t->second);
    t->dirty = true;
}

static void on_list(struct top *t, const json_t *answer)
{
    const json_t *next = json_object_get(answer, "next"), *server;
    uint64_t seq = (uint64_t)json_integer_value(json_object_get(answer, "seq"));
    size_t i;

    json_array_foreach(json_object_get(answer, "servers"), i, server) take(t, server, seq);
    if (t->hurry && t->after == 0)
        t->first_seq = seq;
    t->after = json_is_string(next) ? strtoull(json_string_value(next), NULL, 10) : 0;
    if (t->after > 0) {
        if (t->hurry)
            ask_list(t);
        return;
    }
    top_fleet_passed(&t->fleet);
    t->known = true;
    t->dirty = true;
    if (t->hurry && !t->link.stream.easy)
        top_link_follow(&t->link, t->first_seq);
    t->hurry = false;
}

/* What is in force now, or why it is not. */
static void on_act(struct top *t, const struct top_answer *a)
{
    const char *use = admin_client_text(json_object_get(a->json, "intent"), "use");
    struct text said = {0};

    if (a->json) {
        take(t, a->json, a->seq);
        text_printf(&said, "done: %s: wanted: %s, is: %s", admin_client_text(a->json, "name"),
                    strcmp(use, "in_use") == 0 ? "in use" : use,
                    admin_client_text(a->json, "state"));
    } else {
        text_printf(&said, "not done: %s", a->words);
    }
    snprintf(t->message, sizeof t->message, "%s", said.failed ? "out of memory" : said.at);
    text_deinit(&said);
    t->draw = true;
}

static void on_answer(void *ctx, const struct top_answer *a)
{
    struct top *t = ctx;

    if (a->ask == TOP_ACT)
        on_act(t, a);
    else if (!a->json && (!a->answered || a->ask == TOP_SELF))
        gone(t, a->words);
    else if (!a->json)
        return; /* a server that is gone: an event says so */
    else if (a->ask == TOP_SELF)
        on_self(t, a->json);
    else if (a->ask == TOP_LIST)
        on_list(t, a->json);
    else
        take(t, a->json, a->seq);
}

/* (nothing is asked here: curl is in the middle of a call) */
static void on_event(void *ctx, const json_t *event)
{
    struct top *t = ctx;

    if (!event) {
        t->again = true;
        return;
    }
    t->dirty = t->self_old = true;
    if (!top_fleet_event(&t->fleet, event))
        return;
    if (t->queued == TOP_QUEUE)
        t->again = true; /* so many: all of them */
    else if ((t->queue[t->queued] = strdup(admin_client_text(event, "server"))))
        t->queued++;
}

static void on_ended(void *ctx, const char *words)
{
    gone(ctx, words);
}

static const struct top_link_fns link_fns = {on_answer, on_event, on_ended};

/* ---- the loop ---- */

static int until_next(const struct top *t, qhcp_nsec now, qhcp_nsec drawn)
{
    qhcp_nsec next = (qhcp_nsec)t->second * NSEC_PER_SEC;

    if ((t->draw || t->dirty) && drawn + DRAW_MS * NSEC_PER_MSEC < next)
        next = drawn + DRAW_MS * NSEC_PER_MSEC;
    return next > now ? (int)((next - now) / NSEC_PER_MSEC) + 1 : 0;
}

/* Until a key or a signal ends it: the signal's number, or 0. */
static int run(struct top *t)
{
    const int fds[] = {STDIN_FILENO, t->screen.signals};
    qhcp_nsec drawn = 0, now;
    int number;

    for (;;) {
        now = clock_monotonic();
        if (now >= (qhcp_nsec)t->second * NSEC_PER_SEC)
            on_second(t);
        if (t->again && !t->away)
            read_again(t);
        ask_ones(t);
        if ((t->draw || t->dirty) && now >= drawn + DRAW_MS * NSEC_PER_MSEC) {
            if (t->self_old)
                ask_self(t);
            top_view(t);
            t->draw = t->urgent = false;
            drawn = clock_monotonic();
        }
        top_link_wait(&t->link, fds, 2, until_next(t, now, drawn));
        number = top_screen_signals(&t->screen);
        if (number != 0)
            return number;
        if (!top_keys(t))
            return 0;
        drawn = t->urgent ? 0 : drawn;
    }
}

static void deinit(struct top *t)
{
    top_link_end(&t->link);
    top_fleet_deinit(&t->fleet);
    top_keys_drop(t);
    while (t->queued > 0)
        free(t->queue[--t->queued]);
    free(t->selected);
    free(t->shown);
    json_decref(t->self);
}

/* Somebody answers there: else the terminal is not touched. */
static int look(struct top *t, const struct words *w)
{
    struct admin_answer self;
    int r = admin_client_ask(&t->client, "/api/v1/self", NULL, &self, w);

    if (r == 0)
        t->self = json_incref(self.json);
    admin_client_release(&self);
    return r;
}

/* As if the signal had not been caught: who started us learns of it. */
static void end_by(int number)
{
    sigset_t set;

    signal(number, SIG_DFL);
    raise(number);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int show(struct top *t, const struct words *w)
{
    int number, r = look(t, w);

    if (r == 0)
        r = top_link_begin(&t->link, &t->client, &link_fns, t, w);
    if (r == 0)
        r = top_screen_begin(&t->screen, w);
    if (r == 0) {
        t->again = true;
        number = run(t);
        top_screen_end(&t->screen);
        if (number != 0)
            end_by(number);
    }
    return r;
}

int cli_top(int argc, char **argv)
{
    char words[TOP_WORDS] = "";
    const struct words w = {words, sizeof words};
    struct top_options o;
    struct top t = {.sort = TOP_WORST};
    int r;

    args_parse(&cli_top_spec, argc, argv, &o.head, NULL);
    r = admin_client_find(&t.client, o.admin_socket, o.port, &w);
    if (r == 0)
        r = show(&t, &w);
    if (r != 0)
        fprintf(stderr, "%s: %s\n", cli_top_spec.name, words);
    deinit(&t);
    options_deinit(&o.head);
    return r == 0 ? ARGS_OK : ARGS_FAILURE;
}
