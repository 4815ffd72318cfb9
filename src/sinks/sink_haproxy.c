/* haproxy: tells a HAProxy what its servers are worth, the moment that changes, by its Runtime API.
 *
 * In: what is said of the servers, and what HAProxy answers; out: commands, many in a line, one
 * exchange at a time (haproxy_talk.h).  While one is under way what is new waits, and of several
 * news about a server only the last is told, so that a storm costs no more than the fleet is large.
 *
 * Every exchange begins with `show info`: another process than before (a reload, a restart) has
 * forgotten everything, and is read and told all again. */
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "sinks/haproxy_list.h"
#include "sinks/haproxy_talk.h"
#include "sinks/sink_kinds.h"

#define EVERY (500 * NSEC_PER_MSEC)
#define EVERY_MIN (50 * NSEC_PER_MSEC)
#define EVERY_MAX (60 * NSEC_PER_SEC)
#define READ_AGAIN (10 * NSEC_PER_SEC) /* what others may have changed */
#define AGAIN NSEC_PER_SEC             /* a command that was refused */
#define LINE 8000                      /* bytes of a line; HAProxy takes 15,360 (tune.bufsize) */
#define COMMANDS 256                   /* in a line */
#define STATIC "static LB algorithm"

struct command {
    char name[HAPROXY_NAME];
    struct haproxy_step step;
};

struct haproxy {
    struct sink sink;
    struct haproxy_rules rules;
    const char *names, *add, *tag; /* NULL: none */
    qhcp_nsec every;
    struct haproxy_talk talk;
    struct loop_part part;
    struct haproxy_list list;
    struct haproxy_info info; /* of the process that was read */
    bool synced;              /* the list is that process's */
    bool reading;             /* what is under way reads it */
    qhcp_nsec poll_at, read_at, add_at;
    struct command command[COMMANDS]; /* under way */
    size_t n;
    struct text line;
};

/* ---- what there is to say ---- */

static bool has_tag(const struct fleet_entry *e, const char *tag)
{
    const char *p = fleet_text(e, FLEET_TAGS);
    size_t n = strlen(tag);

    for (; *p != '\0'; p += strspn(p, "|")) {
        size_t k = strcspn(p, "|");

        if (k == n && memcmp(p, tag, n) == 0)
            return true;
        p += k;
    }
    return false;
}

static bool room(const struct haproxy *h)
{
    return h->n < COMMANDS && h->line.n < LINE;
}

static void note(struct haproxy *h, const char *name, const struct haproxy_step *step)
{
    struct command *c = &h->command[h->n++];

    snprintf(c->name, sizeof c->name, "%s", name);
    c->step = *step;
}

/* Adds what this server is to be told.  False: it is that already. */
static bool tell(struct haproxy *h, struct haproxy_server *s, const struct sink_view *view)
{
    const struct fleet_entry *e =
        s->slot == FLEET_NOBODY ? NULL : snapshot_at(view->snapshot, s->slot);
    const struct say *say = e ? &view->say[s->slot] : NULL;
    struct haproxy_belief b = s->belief;
    struct haproxy_step step;
    bool any = false;

    if (!e && !s->ours)
        return false;
    do {
        size_t before = h->line.n;

        text_add(&h->line, ";");
        step = haproxy_server_step(s, &b, &h->rules, say, h->rules.manage && e ? &e->target : NULL,
                                   &h->line);
        if (step.effect == HAPROXY_NOTHING) {
            h->line.at[h->line.n = before] = '\0';
            return any;
        }
        any = true;
        haproxy_server_did(&b, &step);
        note(h, s->row.name, &step);
    } while (room(h) && step.effect < HAPROXY_SET_ADDRESS);
    return any;
}

/* What a server is told first: that it is dead. */
static bool is_down(const struct haproxy_server *s, const struct sink_view *view)
{
    return s->slot != FLEET_NOBODY && view->say[s->slot].use == SAY_DOWN;
}

/* A server of ours that HAProxy does not have: at most one of them in a line, its last. */
static bool add_one(struct haproxy *h, const struct sink_view *view)
{
    const struct fleet_entry *e;
    char address[ADDRESS_TEXT], name[HAPROXY_NAME];

    for (uint32_t at = 0; (e = snapshot_next(view->snapshot, &at)); at++) {
        if (view->say[at].use != SAY_SERVE || e->target.sa.sa_family == AF_UNSPEC ||
            (h->tag && !has_tag(e, h->tag)) || haproxy_list_has(&h->list, at))
            continue;
        haproxy_list_name(h->names, e, name);
        if (!haproxy_server_name(name) || haproxy_list_find(&h->list, name))
            continue;
        address_format(&e->target, address, sizeof address);
        text_printf(&h->line, ";add server %s/%s %s%s%s", h->rules.backend, name, address,
                    h->add ? " " : "", h->add ? h->add : "");
        note(h, name, &(struct haproxy_step){.effect = HAPROXY_ADD});
        return true;
    }
    return false;
}

/* Puts the commands together; how many servers are not as they should be. */
static size_t compose(struct haproxy *h, const struct sink_view *view, qhcp_nsec now)
{
    size_t held = 0;
    bool last = false; /* the line has a command that must be its last */

    haproxy_list_match(&h->list, view, h->rules.backend, h->names);
    for (int downs = 1; downs >= 0; downs--) {
        for (size_t i = 0; i < h->list.n; i++) {
            struct haproxy_server *s = &h->list.at[i];

            if (is_down(s, view) != (downs == 1) || s->again > now)
                continue;
            if (!room(h) || last) {
                held++;
            } else if (tell(h, s, view)) {
                held++;
                last = h->command[h->n - 1].step.effect >= HAPROXY_SET_ADDRESS;
            }
        }
    }
    if (h->rules.manage && room(h) && !last && h->add_at <= now && add_one(h, view))
        held++;
    return held;
}

/* ---- exchanges ---- */

static void ask(struct haproxy *h, qhcp_nsec now)
{
    h->poll_at = nsec_add(now, h->every);
    haproxy_talk_ask(&h->talk, now, &h->line);
}

/* Says what there is to say, if nothing is under way.  poll: asks for the process at least. */
static void kick(struct haproxy *h, qhcp_nsec now, bool poll)
{
    const struct sink_view *view = sink_look(&h->sink);
    size_t held;

    if (haproxy_talk_busy(&h->talk) || !view)
        return;
    text_reset(&h->line);
    text_add(&h->line, "show info");
    h->n = 0;
    h->reading = !h->synced || (poll && h->read_at <= now);
    if (h->reading) {
        if (poll || h->poll_at <= now || h->synced) {
            text_printf(&h->line, ";show servers state %s", h->rules.backend);
            ask(h, now);
        }
        return;
    }
    held = compose(h, view, now);
    sink_holds(&h->sink, held);
    if (h->n > 0 || poll)
        ask(h, now);
}

/* Nothing is known of HAProxy any more, and it is read again at the next poll. */
static void lose(struct haproxy *h)
{
    h->synced = false;
}

static void say_strangers(struct haproxy *h)
{
    struct text t = {0};
    size_t n = 0;

    for (size_t i = 0; i < h->list.n; i++) {
        if (h->list.at[i].ours)
            continue;
        if (n++ < 8)
            text_printf(&t, "%s%s", n > 1 ? ", " : "", h->list.at[i].row.name);
    }
    if (n > 0)
        sink_say(&h->sink, QHCP_LOG_INFO,
                 "%zu server%s of backend \"%s\" %s left as %s: no server here has the name (%s%s)",
                 n, n == 1 ? "" : "s", h->rules.backend, n == 1 ? "is" : "are",
                 n == 1 ? "it is" : "they are", t.at, n > 8 ? ", ..." : "");
    text_deinit(&t);
}

/* The answer to `show servers state`. */
static bool take_state(struct haproxy *h, qhcp_nsec now, const char *answer, size_t n)
{
    bool again = h->synced;

    if (!haproxy_text_is_state(answer, n)) {
        while (n > 0 && answer[n - 1] == '\n')
            n--;
        sink_failed(&h->sink, now, "HAProxy has no backend \"%s\": \"%.*s\"", h->rules.backend,
                    (int)(n < 100 ? n : 100), answer);
        return false;
    }
    if (haproxy_list_read(&h->list, answer, n, h->rules.backend) < 0)
        return false;
    haproxy_list_match(&h->list, sink_look(&h->sink), h->rules.backend, h->names);
    h->synced = true;
    h->read_at = nsec_add(now, READ_AGAIN);
    if (h->list.matched == 0 && !h->rules.manage) {
        sink_failed(&h->sink, now,
                    "no server of HAProxy's backend %s has the name of one here: give the servers "
                    "here the names that they have in haproxy.cfg (name=), or use names=",
                    h->rules.backend);
        return false;
    }
    if (!again)
        say_strangers(h);
    return true;
}

/* Was the command taken?  Answers are words, and most commands have none. */
static bool is_taken(const struct command *c, const char *answer, size_t n)
{
    char words[200];

    snprintf(words, sizeof words, "%.*s", (int)n, answer);
    switch (c->step.effect) {
    case HAPROXY_ADD:
        return strncmp(words, "New server registered", 21) == 0;
    case HAPROXY_DELETE:
        return strncmp(words, "Server deleted", 14) == 0;
    case HAPROXY_SET_ADDRESS:
        return strstr(words, "changed from") || strstr(words, "no need to change");
    default:
        return n == 0;
    }
}

static bool has(const char *answer, size_t n, const char *words)
{
    return memmem(answer, n, words, strlen(words)) != NULL;
}

static void refused(struct haproxy *h, qhcp_nsec now, const struct command *c, const char *answer,
                    size_t n)
{
    struct haproxy_server *s = haproxy_list_find(&h->list, c->name);
    int shown = (int)(n < 160 ? n : 160);

    if (s)
        s->again = nsec_add(now, AGAIN);
    if (c->step.effect == HAPROXY_ADD)
        h->add_at = nsec_add(now, AGAIN);
    if (c->step.effect == HAPROXY_DELETE)
        return; /* it has connections: tried again, and held meanwhile */
    if (has(answer, n, STATIC)) {
        h->rules.weights = false;
        sink_say(&h->sink, QHCP_LOG_WARNING,
                 "weights are left alone: the algorithm of backend %s is static", h->rules.backend);
        return;
    }
    if (has(answer, n, "No such server"))
        lose(h);
    sink_failed(&h->sink, now, "HAProxy refuses a command about %s/%s: %.*s%s", h->rules.backend,
                c->name, shown, answer,
                has(answer, n, "Permission denied") ? ": its stats socket needs \"level admin\""
                                                    : "");
}

static void taken(struct haproxy *h, const struct command *c)
{
    struct haproxy_server *s = haproxy_list_find(&h->list, c->name);

    if (s)
        haproxy_server_did(&s->belief, &c->step);
    if (c->step.effect >= HAPROXY_SET_ADDRESS) {
        h->read_at = 0; /* its list is another one */
        h->poll_at = 0;
    }
}

/* False: something was refused, or there are too few answers. */
static bool take_answers(struct haproxy *h, qhcp_nsec now, const char *text, size_t n)
{
    bool good = true;

    for (size_t i = 0; i < h->n; i++) {
        const char *answer;
        size_t k;

        if (!haproxy_text_answer(&text, &n, i + 1 == h->n, &answer, &k)) {
            sink_failed(&h->sink, now, "HAProxy has answered %zu of %zu commands", i, h->n);
            lose(h);
            return false;
        }
        if (is_taken(&h->command[i], answer, k)) {
            taken(h, &h->command[i]);
        } else {
            refused(h, now, &h->command[i], answer, k);
            good = false;
        }
    }
    return good;
}

static void done(void *ctx, qhcp_nsec now, const struct text *answers, const char *failed)
{
    struct haproxy *h = ctx;
    const char *text = answers->n > 0 ? answers->at : "", *answer;
    size_t n = answers->n, k;
    struct haproxy_info info;
    bool good;

    if (failed || !haproxy_text_answer(&text, &n, false, &answer, &k)) {
        lose(h);
        sink_failed(&h->sink, now, "%s", failed ? failed : "HAProxy has closed without an answer");
        return;
    }
    if (!haproxy_text_info(answer, k, &info)) {
        lose(h);
        sink_failed(&h->sink, now, "no answer of HAProxy: \"%.*s\"", (int)(k < 100 ? k : 100),
                    answer);
        return;
    }
    if (h->synced && (info.pid != h->info.pid || info.started != h->info.started)) {
        sink_say(&h->sink, QHCP_LOG_INFO, "HAProxy is a new process (%llu): told everything again",
                 (unsigned long long)info.pid);
        lose(h);
        h->poll_at = now;
        kick(h, now, true);
        return;
    }
    h->info = info;
    good = h->reading ? take_state(h, now, text, n) : take_answers(h, now, text, n);
    if (good && (h->list.matched > 0 || h->rules.manage))
        sink_did(&h->sink, now);
    if (h->synced)
        kick(h, now, h->poll_at == 0);
}

/* ---- the sink ---- */

static qhcp_nsec deadline(void *ctx)
{
    const struct haproxy *h = ctx;

    return haproxy_talk_busy(&h->talk) ? NSEC_NEVER : h->poll_at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct haproxy *h = ctx;

    h->poll_at = nsec_add(now, h->every);
    kick(h, now, true);
}

static int parse(struct sink *s, char *words, size_t words_cap)
{
    struct haproxy *h = (struct haproxy *)s;
    int r = haproxy_talk_parse(s->args.argv[0], &h->talk.place, words, words_cap);

    h->rules = (struct haproxy_rules){
        .backend = sink_args_get(&s->args, "backend"), .admin = true, .weights = true};
    h->names = sink_args_get(&s->args, "names");
    h->add = sink_args_get(&s->args, "add");
    h->tag = sink_args_get(&s->args, "tag");
    h->every = EVERY;
    if (r == 0 && (!h->rules.backend || !haproxy_server_name(h->rules.backend))) {
        snprintf(words, words_cap, "haproxy needs backend=NAME, a backend of HAProxy");
        r = QHCP_E_ARG;
    }
    if (r == 0) /* one socket has many backends */
        snprintf(s->args.name, sizeof s->args.name, "haproxy %.80s %.38s", s->args.argv[0],
                 h->rules.backend);
    if (r == 0)
        r = sink_args_switch(&s->args, "admin", &h->rules.admin, words, words_cap);
    if (r == 0)
        r = sink_args_switch(&s->args, "weights", &h->rules.weights, words, words_cap);
    if (r == 0)
        r = sink_args_switch(&s->args, "manage", &h->rules.manage, words, words_cap);
    if (r == 0)
        r = sink_args_duration(&s->args, "every", EVERY_MIN, EVERY_MAX, &h->every, words,
                               words_cap);
    if (r == 0 && (h->add || h->tag) && !h->rules.manage) {
        snprintf(words, words_cap, "add= and tag= need manage=yes");
        r = QHCP_E_ARG;
    }
    if (r == 0 && h->add && strcspn(h->add, ";\\\n\r") != strlen(h->add)) {
        snprintf(words, words_cap, "add=: keywords of a server line, without ; and \\");
        r = QHCP_E_ARG;
    }
    return r;
}

static int start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    struct haproxy *h = (struct haproxy *)s;

    (void)words, (void)words_cap;
    h->talk.done = done;
    h->talk.ctx = h;
    h->synced = false;
    h->poll_at = now;
    h->part = (struct loop_part){
        .name = "haproxy sink", .ctx = h, .deadline = deadline, .expire = expire};
    haproxy_talk_begin(&h->talk, s->loop);
    loop_add(s->loop, &h->part);
    return 0;
}

static void settle(struct sink *s, const struct sink_view *view, qhcp_nsec now)
{
    struct haproxy *h = (struct haproxy *)s;

    haproxy_list_see(&h->list, view);
    if (view->all)
        h->poll_at = now;
    kick(h, now, false);
}

static void stop(struct sink *s)
{
    struct haproxy *h = (struct haproxy *)s;

    loop_remove(&h->part);
    haproxy_talk_end(&h->talk);
}

static void deinit(struct sink *s)
{
    struct haproxy *h = (struct haproxy *)s;

    haproxy_list_deinit(&h->list);
    text_deinit(&h->line);
}

/* A server's weight has one master. */
static const char *claims(const struct sink *s)
{
    return ((const struct haproxy *)s)->rules.weights ? "the weights of HAProxy" : NULL;
}

const struct sink_kind sink_haproxy = {
    .name = "haproxy",
    .usage = "haproxy SOCKET backend=NAME [names=OURS=THEIRS,...] [admin=no] [weights=no] "
             "[every=500ms] [manage=yes [add='KEYWORDS'] [tag=TAG]]",
    .size = sizeof(struct haproxy),
    .least = 1,
    .most = 1,
    .settings = "backend names admin weights every manage add tag",
    .claims = claims,
    .figures = true,
    .alone = true,
    .parse = parse,
    .start = start,
    .settle = settle,
    .stop = stop,
    .deinit = deinit,
};
