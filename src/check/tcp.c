/* tcp: a program accepts connections on that port.  Only http and exec show that it does more. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check/connect.h"
#include "check/kind.h"

struct tcp {
    struct check_watch watch;
    int fd;
    size_t next; /* address to try */
    int error;   /* of the first that failed: the others are stand-ins */
};

static int tcp_open(struct check *c, char *words, size_t words_cap)
{
    struct tcp *t = calloc(1, sizeof *t);

    (void)words;
    (void)words_cap;
    if (!t)
        return QHCP_E_NOMEM;
    t->fd = t->watch.fd = -1;
    c->self = t;
    return 0;
}

static void tcp_close(struct check *c)
{
    free(c->self);
}

static void tcp_stop(struct check *c)
{
    struct tcp *t = c->self;

    check_unwatch(c, &t->watch);
    if (t->fd >= 0)
        connect_close(t->fd);
    t->fd = -1;
}

static int connect_next(struct check *c)
{
    struct tcp *t = c->self;
    const union qhcp_addr *a = &c->addrs[t->next++];

    t->fd = connect_begin(a);
    if (t->fd < 0)
        return errno;
    return check_watch(c, &t->watch, t->fd, EPOLLOUT) == 0 ? 0 : errno;
}

/* The address failed: the next, or the end. */
static void try_on(struct check *c, int error)
{
    struct tcp *t = c->self;

    while (error != 0) {
        tcp_stop(c);
        t->error = t->error ? t->error : error;
        if (t->next == c->n_addrs) {
            check_end(c, QHCP_NOT_SERVING, "%s", connect_words(t->error));
            return;
        }
        error = connect_next(c);
    }
}

static void tcp_begin(struct check *c)
{
    struct tcp *t = c->self;

    t->next = 0;
    t->error = 0;
    try_on(c, connect_next(c));
}

static void tcp_ready(struct check *c, struct check_watch *w, unsigned events)
{
    struct tcp *t = c->self;
    int error = connect_end(t->fd);

    (void)w;
    (void)events;
    if (error != 0) {
        try_on(c, error);
        return;
    }
    tcp_stop(c);
    check_end(c, QHCP_SERVING, "%s", "");
}

const struct kind tcp_kind = {
    .open = tcp_open,
    .close = tcp_close,
    .begin = tcp_begin,
    .stop = tcp_stop,
    .ready = tcp_ready,
    .late = "no connection",
};
