#include "admin/control_socket.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/intent.h"
#include "admin/private_socket.h"
#include "base/os/log.h"
#include "base/text.h"
#include "base/value.h"
#include "metrics/application.h"
#include "wire/registry.h"

#include <qhcp/server.h>

#define CONTROL_SHOWN 64                    /* load balancers by name, at most */
#define CONTROL_PATIENCE (2 * NSEC_PER_SEC) /* for a client that does not say what it wants */

int control_socket_path(const char *path, uint16_t port, char ret[CONTROL_PATH], char *words,
                        size_t words_cap)
{
    if (!path)
        return private_socket_path("control", port, "--control", ret, words, words_cap);
    if (strlen(path) >= CONTROL_PATH) {
        snprintf(words, words_cap,
                 "%s is too long for a socket's name: use another one with --control", path);
        return QHCP_E_FULL;
    }
    memcpy(ret, path, strlen(path) + 1);
    return 0;
}

static void hang_up(struct control_client *k)
{
    if (!k->watch.loop)
        return;
    loop_unwatch(&k->watch);
    close(k->watch.io.fd);
}

/* Whole or not at all: a reply is far smaller than a socket's buffer. */
static void reply(struct control_client *k, const struct text *t)
{
    if (!t->failed && t->n > 0)
        (void)!send(k->watch.io.fd, t->at, t->n, MSG_NOSIGNAL | MSG_DONTWAIT);
    hang_up(k);
}

static void status_line(struct text *t, const char *what, enum qhcp_status status,
                        const char *reason)
{
    text_printf(t, "%s: %s%s", what, wire_status(status)->name, reason[0] ? ": " : "");
    text_plain(t, reason);
    text_add(t, "\n");
}

static size_t watchers(const struct control_socket *c, struct qhcp_watcher **ret)
{
    size_t n = qhcp_server_sessions(c->core);

    *ret = calloc(n + 1, sizeof **ret);
    return *ret ? qhcp_server_watchers(c->core, *ret, n) : 0;
}

static void show_watcher(struct text *t, const struct qhcp_watcher *w, bool drains)
{
    text_add(t, "load balancer ");
    text_plain(t, w->lb_id);
    if (!drains)
        text_add(t, "\n");
    else if (!w->acknowledged)
        text_add(t, ": has not acknowledged\n");
    else if (!w->counts)
        text_add(t, ": has acknowledged, does not say how many connections it has open\n");
    else
        text_printf(t, ": has acknowledged, %llu connection%s in flight\n",
                    (unsigned long long)w->in_flight, w->in_flight == 1 ? "" : "s");
}

/* drains: with how far each is. */
static void show_watchers(const struct control_socket *c, struct text *t, bool drains)
{
    struct qhcp_watcher *all;
    size_t n = watchers(c, &all);

    text_printf(t, "load balancers: %zu\n", qhcp_server_sessions(c->core));
    for (size_t i = 0; i < n && i < CONTROL_SHOWN; i++)
        show_watcher(t, &all[i], drains);
    free(all);
}

/* How far the drain is, for `qhcp control drain --wait`: four numbers, and who is waited for. */
static void show_drain(const struct control_socket *c, struct text *t)
{
    struct qhcp_watcher *all;
    size_t n = watchers(c, &all), acknowledged = 0, counting = 0, shown = 0;
    unsigned long long in_flight = 0;

    if (!all) {
        text_add(t, "error: out of memory\n");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        acknowledged += all[i].acknowledged;
        counting += all[i].counts;
        if (__builtin_add_overflow(in_flight, all[i].in_flight, &in_flight))
            in_flight = ULLONG_MAX; /* what a peer says hides no other's connections */
    }
    text_printf(t, "ok\nload balancers: %zu\nacknowledged: %zu\ncounting: %zu\nin flight: %llu\n",
                n, acknowledged, counting, in_flight);
    for (size_t i = 0; i < n && shown < CONTROL_SHOWN; i++)
        if (!all[i].counts || all[i].in_flight > 0) {
            show_watcher(t, &all[i], true);
            shown++;
        }
    free(all);
}

static void show(const struct control_socket *c, struct text *t)
{
    struct qhcp_server_view v;
    char took[32];

    qhcp_server_status(c->core, &v);
    text_add(t, "ok\n");
    status_line(t, "status", v.status, v.reason);
    if (v.set_status == QHCP_SERVING)
        text_add(t, "set by the operator: nothing\n");
    else
        status_line(t, "set by the operator", v.set_status, v.set_reason);
    show_watchers(c, t, v.status >= QHCP_STATUS_DRAINING);
    for (size_t i = 0; i < v.n_checks; i++) {
        const struct qhcp_check_view *k = &v.checks[i];
        value_duration_text(k->duration - k->duration % (100 * NSEC_PER_USEC), took, sizeof took);
        text_add(t, "check ");
        text_plain(t, k->name);
        text_printf(t, ": %s%s", wire_status(k->status)->name, k->reason[0] ? ": " : "");
        text_plain(t, k->reason);
        text_printf(t, k->duration ? " (took %s)\n" : "\n", took);
    }
}

static const struct {
    const char *verb;
    enum qhcp_status status;
} verbs[] = {
    {"drain", QHCP_STATUS_DRAINING},
    {"maintenance", QHCP_STATUS_MAINTENANCE},
    {"serving", QHCP_SERVING},
    {"undrain", QHCP_SERVING},
};

/* Is the change allowed now?  Words, or NULL. */
static const char *objection(const struct control_socket *c, const char *verb)
{
    struct qhcp_server_view v;

    qhcp_server_status(c->core, &v);
    if (c->stopping)
        return "the server is stopping";
    if (strcmp(verb, "undrain") == 0 && v.set_status == QHCP_STATUS_MAINTENANCE)
        return "it is in maintenance, which ends with: qhcp control serving";
    if (strcmp(verb, "undrain") == 0 && v.set_status != QHCP_STATUS_DRAINING)
        return "no operator has set it to drain";
    return NULL;
}

static void change(struct control_socket *c, qhcp_nsec now, const struct control_client *k,
                   size_t i, const char *words, struct text *t)
{
    const char *no = objection(c, verbs[i].verb);
    char reason[CONTROL_LINE];

    if (no) {
        text_printf(t, "error: %s\n", no);
        return;
    }
    snprintf(reason, sizeof reason, "by operator%s%.200s", words[0] ? ": " : "", words);
    if (verbs[i].status == QHCP_SERVING)
        reason[0] = '\0';
    log_say(QHCP_LOG_INFO, "operator (user %u, process %d): %s%s%.200s", (unsigned)k->peer.uid,
            (int)k->peer.pid, verbs[i].verb, words[0] ? ": " : "", words);
    qhcp_server_set_status(c->core, now, verbs[i].status, reason);
    intent_keep(c->path, verbs[i].status, reason);
    show(c, t);
}

/* "NAME=VALUE NAME=VALUE ...": all of them, or none. */
static void take_report(struct control_socket *c, char *words, struct text *t)
{
    struct application_value values[CONTROL_REPORT];
    char why[300], quote[VALUE_QUOTE + 8], *rest = words;
    size_t n = 0;
    int r = 0;

    for (char *word; (word = strtok_r(rest, " ", &rest)) && r == 0;) {
        if (n == CONTROL_REPORT) {
            text_printf(t, "error: more than %d values at once\n", CONTROL_REPORT);
            return;
        }
        r = application_parse(word, &values[n++], why, sizeof why);
    }
    if (r < 0 || n == 0) {
        text_printf(t, "error: %s\n", r < 0 ? why : "there is no value");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (qhcp_server_knows_metric(c->core, values[i].name))
            continue;
        text_printf(t,
                    "error: %s is not a metric of this server; start it with --metrics %s, or "
                    "use a name of docs/protocol.md's registry\n",
                    value_quote(values[i].name, quote), values[i].name);
        return;
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        r = qhcp_server_set_metric(c->core, values[i].name, values[i].unit, values[i].value);
        if (r < 0) {
            text_printf(t, "error: %s: ", values[i].name);
            text_add(t, r == QHCP_E_FULL ? "too many metrics\n"
                                         : "not a metric's name (a-z, 0-9, _), or one that the "
                                           "server measures itself\n");
        }
    }
    if (r == 0)
        text_add(t, "ok\n");
}

/* "VERB" or "VERB WORDS". */
static void obey(struct control_socket *c, qhcp_nsec now, struct control_client *k)
{
    char *words = strchr(k->line, ' '), quote[VALUE_QUOTE + 8];
    struct text t = {0};
    size_t i = 0;

    if (words)
        *words++ = '\0';
    while (i < sizeof verbs / sizeof verbs[0] && strcmp(verbs[i].verb, k->line) != 0)
        i++;
    if (i < sizeof verbs / sizeof verbs[0])
        change(c, now, k, i, words ? words : "", &t);
    else if (strcmp(k->line, "show") == 0)
        show(c, &t);
    else if (strcmp(k->line, "drained") == 0)
        show_drain(c, &t);
    else if (strcmp(k->line, "report") == 0)
        take_report(c, words ? words : k->line + strlen(k->line), &t);
    else
        text_printf(&t, "error: there is no command %s\n", value_quote(k->line, quote));
    reply(k, &t);
    text_deinit(&t);
}

static void hear(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct control_client *k = ctx;
    ssize_t n = recv(k->watch.io.fd, k->line + k->n, sizeof k->line - 1 - k->n, MSG_DONTWAIT);
    char *end;

    (void)ready;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        hang_up(k);
        return;
    }
    k->n += (size_t)n;
    k->line[k->n] = '\0';
    end = memchr(k->line, '\n', k->n);
    if (end) {
        *end = '\0';
        obey(k->socket, now, k);
    } else if (k->n == sizeof k->line - 1) {
        hang_up(k);
    }
}

static bool may_speak(int fd, struct ucred *ret)
{
    socklen_t n = sizeof *ret;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &n) < 0)
        return false;
    if (ret->uid == 0 || ret->uid == geteuid())
        return true;
    log_say(QHCP_LOG_WARNING, "control socket: refused user %u (process %d)", (unsigned)ret->uid,
            (int)ret->pid);
    return false;
}

static void welcome(void *ctx, qhcp_nsec now, int fd)
{
    struct control_socket *c = ctx;
    struct control_client *k = NULL;
    struct ucred peer;

    for (size_t i = 0; i < CONTROL_CLIENTS && !k; i++)
        if (!c->clients[i].watch.loop)
            k = &c->clients[i];
    if (!may_speak(fd, &peer)) {
        static const char no[] = "error: only root and the server's user may use this socket\n";
        (void)!send(fd, no, sizeof no - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else if (k) {
        k->socket = c;
        k->peer = peer;
        k->n = 0;
        k->until = nsec_add(now, CONTROL_PATIENCE);
        loop_watch(c->listener.watch.loop, &k->watch, fd, LOOP_READABLE, hear, k);
        return;
    }
    close(fd);
}

static int listen_there(struct control_socket *c, struct loop *loop, char *words, size_t words_cap)
{
    int fd, r = private_socket_listen(c->path, 0600, CONTROL_CLIENTS, "--control", &fd, words,
                                      words_cap);

    if (r == 0)
        listener_begin(loop, &c->listener, fd, welcome, c);
    else
        c->path[0] = '\0'; /* not ours to remove */
    return r;
}

static qhcp_nsec deadline(void *ctx)
{
    const struct control_socket *c = ctx;
    qhcp_nsec at = NSEC_NEVER;

    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (c->clients[i].watch.loop)
            at = nsec_min(at, c->clients[i].until);
    return at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct control_socket *c = ctx;

    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (c->clients[i].until <= now)
            hang_up(&c->clients[i]);
}

int control_socket_init(struct control_socket *ret, const char *path, struct qhcp_server *core,
                        struct loop *loop, char *words, size_t words_cap)
{
    int r;

    *ret = (struct control_socket){.core = core};
    ret->part = (struct loop_part){
        .name = "control socket", .ctx = ret, .deadline = deadline, .expire = expire};
    snprintf(ret->path, sizeof ret->path, "%s", path);
    r = listen_there(ret, loop, words, words_cap);
    if (r == 0)
        loop_add(loop, &ret->part);
    else
        control_socket_deinit(ret);
    return r;
}

void control_socket_deinit(struct control_socket *c)
{
    if (!c->core)
        return;
    loop_remove(&c->part);
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        hang_up(&c->clients[i]);
    if (c->path[0] != '\0')
        unlink(c->path);
    listener_end(&c->listener);
    *c = (struct control_socket){.core = NULL};
}
