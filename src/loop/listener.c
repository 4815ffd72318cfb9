#include "loop/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"

#define AT_ONCE 16 /* accepted between two waits of the loop */
#define PAUSE (100 * NSEC_PER_MSEC)

/* False: nobody waits, or nobody can be accepted at the moment. */
static bool accept_one(struct listener *w, qhcp_nsec now)
{
    int fd = accept4(w->watch.io.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        w->come(w->ctx, now, fd);
        return listener_open(w);
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        loop_watch_change(&w->watch, 0);
        w->again = nsec_add(now, PAUSE);
    }
    return errno == ECONNABORTED || errno == EINTR;
}

static void on_ready(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct listener *w = ctx;

    (void)ready;
    for (int i = 0; i < AT_ONCE && accept_one(w, now); i++) {
    }
}

static qhcp_nsec deadline(void *ctx)
{
    return ((struct listener *)ctx)->again;
}

static void look_again(void *ctx, qhcp_nsec now)
{
    struct listener *w = ctx;

    (void)now;
    w->again = NSEC_NEVER;
    loop_watch_change(&w->watch, LOOP_READABLE);
}

void listener_begin(struct loop *l, struct listener *w, int fd,
                    void (*come)(void *ctx, qhcp_nsec now, int fd), void *ctx)
{
    *w = (struct listener){.again = NSEC_NEVER, .come = come, .ctx = ctx};
    w->part = (struct loop_part){
        .name = "listener", .ctx = w, .deadline = deadline, .expire = look_again};
    loop_watch(l, &w->watch, fd, LOOP_READABLE, on_ready, w);
    loop_add(l, &w->part);
}

void listener_end(struct listener *w)
{
    if (!listener_open(w))
        return;
    loop_remove(&w->part);
    loop_unwatch(&w->watch);
    close(w->watch.io.fd);
}

bool listener_open(const struct listener *w)
{
    return w->watch.loop != NULL;
}

int listener_tcp(const union qhcp_addr *at, int backlog, const char *option, int *ret, char *words,
                 size_t words_cap)
{
    int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, e;
    char text[ADDRESS_TEXT];

    address_format(at, text, sizeof text);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd >= 0 && at->sa.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (fd >= 0 && bind(fd, &at->sa, address_len(at)) == 0 && listen(fd, backlog) == 0) {
        *ret = fd;
        return 0;
    }
    e = errno;
    if (fd >= 0)
        close(fd);
    if (e == EADDRINUSE)
        snprintf(words, words_cap,
                 "TCP port %u is in use on %s: stop the program that has it ('ss -tlnp sport = "
                 ":%u' names it), or choose another port with %s",
                 ntohs(at->in.sin_port), text, ntohs(at->in.sin_port), option);
    else
        snprintf(words, words_cap, "%s: cannot listen on %s: %s", option, text, strerror(e));
    return e == EADDRINUSE ? QHCP_E_EXISTS : QHCP_E_IO;
}
