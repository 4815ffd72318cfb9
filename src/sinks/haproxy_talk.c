#include "sinks/haproxy_talk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/address.h"
#include "base/value.h"

#define CHUNK 65536

int haproxy_talk_parse(const char *text, struct haproxy_place *ret, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];

    memset(ret, 0, sizeof *ret);
    if (text[0] != '/')
        return address_parse_listen(text, &ret->addr, words, words_cap);
    if (strlen(text) >= sizeof ret->path) {
        snprintf(words, words_cap, "%s: the path of a socket has at most %zu bytes",
                 value_quote(text, quote), sizeof ret->path - 1);
        return QHCP_E_PARSE;
    }
    snprintf(ret->path, sizeof ret->path, "%s", text);
    return 0;
}

static void close_it(struct haproxy_talk *t)
{
    int fd = t->watch.io.fd;

    if (!t->watch.loop)
        return;
    loop_unwatch(&t->watch);
    close(fd);
}

static void end(struct haproxy_talk *t, qhcp_nsec now, const char *failed)
{
    close_it(t);
    t->until = NSEC_NEVER;
    t->failed[0] = '\0';
    t->done(t->ctx, now, &t->got, failed);
}

static const char *cause(int error)
{
    switch (error) {
    case ENOENT:
        return "there is no such socket: is HAProxy running, and has it \"stats socket ... level "
               "admin\" there?";
    case ECONNREFUSED:
        return "nobody listens there: is HAProxy running?";
    case EACCES:
        return "no permission: run as a user or in a group that may write to it";
    case EAGAIN:
        return "HAProxy accepts no connection: it is too busy";
    default:
        return strerror(error);
    }
}

static void on_ready(void *ctx, qhcp_nsec now, unsigned ready);

/* errno, or 0. */
static int dial(struct haproxy_talk *t)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    const struct haproxy_place *p = &t->place;
    bool local = p->path[0] != '\0';
    int fd = socket(local ? AF_UNIX : p->addr.sa.sa_family,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r, error;

    if (fd < 0)
        return errno;
    memcpy(un.sun_path, p->path, sizeof p->path);
    r = local ? connect(fd, (const struct sockaddr *)&un, sizeof un)
              : connect(fd, &p->addr.sa, address_len(&p->addr));
    if (r < 0 && errno != EINPROGRESS) {
        error = errno;
        close(fd);
        return error;
    }
    loop_watch(t->loop, &t->watch, fd, LOOP_READABLE | LOOP_WRITABLE, on_ready, t);
    return 0;
}

static void fail(struct haproxy_talk *t, qhcp_nsec now, int error)
{
    char words[sizeof t->failed];

    snprintf(words, sizeof words, "%s", cause(error));
    end(t, now, words);
}

/* False: it has ended. */
static bool write_out(struct haproxy_talk *t, qhcp_nsec now)
{
    ssize_t k = send(t->watch.io.fd, t->line.at + t->sent, t->line.n - t->sent, MSG_NOSIGNAL);

    if (k < 0 && errno != EAGAIN && errno != EINTR) {
        fail(t, now, errno);
        return false;
    }
    t->sent += k > 0 ? (size_t)k : 0;
    if (t->sent == t->line.n)
        loop_watch_change(&t->watch, LOOP_READABLE);
    return true;
}

static void read_in(struct haproxy_talk *t, qhcp_nsec now)
{
    char chunk[CHUNK];
    ssize_t k = recv(t->watch.io.fd, chunk, sizeof chunk, 0);

    if (k < 0) {
        if (errno != EAGAIN && errno != EINTR)
            fail(t, now, errno);
        return;
    }
    text_bytes(&t->got, chunk, (size_t)k);
    if (t->got.failed || t->got.n > HAPROXY_ANSWER)
        end(t, now, t->got.failed ? "out of memory" : "its answer does not end");
    else if (k == 0)
        end(t, now, t->sent < t->line.n ? "it closed the connection" : NULL);
}

static void on_ready(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct haproxy_talk *t = ctx;

    if (ready & LOOP_WRITABLE && t->sent < t->line.n && !write_out(t, now))
        return;
    if (ready & LOOP_READABLE)
        read_in(t, now);
}

static qhcp_nsec deadline(void *ctx)
{
    return ((const struct haproxy_talk *)ctx)->until;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct haproxy_talk *t = ctx;
    char words[sizeof t->failed];

    memcpy(words, t->failed, sizeof words);
    end(t, now, words[0] != '\0' ? words : "it has not answered within 2 s");
}

void haproxy_talk_begin(struct haproxy_talk *t, struct loop *loop)
{
    t->loop = loop;
    t->until = NSEC_NEVER;
    t->part =
        (struct loop_part){.name = "haproxy", .ctx = t, .deadline = deadline, .expire = expire};
    loop_add(loop, &t->part);
}

void haproxy_talk_end(struct haproxy_talk *t)
{
    loop_remove(&t->part);
    close_it(t);
    text_deinit(&t->line);
    text_deinit(&t->got);
    t->until = NSEC_NEVER;
}

bool haproxy_talk_busy(const struct haproxy_talk *t)
{
    return t->until != NSEC_NEVER;
}

void haproxy_talk_ask(struct haproxy_talk *t, qhcp_nsec now, const struct text *line)
{
    int error;

    text_reset(&t->line);
    text_bytes(&t->line, line->at, line->n);
    text_add(&t->line, "\n");
    text_reset(&t->got);
    t->sent = 0;
    t->until = nsec_add(now, HAPROXY_PATIENCE);
    error = t->line.failed ? ENOMEM : dial(t);
    if (error != 0) {
        snprintf(t->failed, sizeof t->failed, "%s", cause(error));
        t->until = now;
    }
}
