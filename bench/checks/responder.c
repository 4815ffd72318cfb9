/* One thread, one epoll.  A connection is answered, and closed when the checker has closed it; the
 * agent's line ends with the connection, as its protocol wants.
 *
 *   checks-responder PORT    PORT: TCP alone, PORT + 1: HTTP, PORT + 2: HTTPS, PORT + 3:
 * agent-check
 *
 * A line on standard input prints as JSON what was done since the one before: connections that came
 * through, answers, and of the TLS handshakes those that resumed a session.  Its end ends the
 * program. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "responder.h"

#define EVENTS 256
#define BACKLOG 8192
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define AGENT "up\n"

enum kind { TCP, HTTP, HTTPS, KIND_AGENT, KINDS };

struct conn {
    int fd;
    enum kind kind;
    bool listens, shaken, answered;
    gnutls_session_t session;
};

static struct counts {
    unsigned long long accepted, answers, handshakes, resumed;
} counts;
static int poller;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(struct conn *c)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};

    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e) < 0)
        fail("epoll_ctl");
}

static struct conn *new_conn(int fd, enum kind kind)
{
    struct conn *c = calloc(1, sizeof *c);

    if (!c)
        fail("calloc");
    c->fd = fd;
    c->kind = kind;
    return c;
}

static void listen_at(uint16_t port, enum kind kind)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct conn *c = new_conn(fd, kind);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&any, sizeof any) < 0 || listen(fd, BACKLOG) < 0)
        fail("listen");
    c->listens = true;
    watch(c);
}

static void end(struct conn *c)
{
    if (c->session)
        gnutls_deinit(c->session);
    close(c->fd);
    free(c);
}

static void accept_all(const struct conn *listener)
{
    int fd;

    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        counts.accepted++;
        if (listener->kind == KIND_AGENT) {
            counts.answers += send(fd, AGENT, strlen(AGENT), MSG_NOSIGNAL) > 0;
            close(fd);
            continue;
        }
        struct conn *c = new_conn(fd, listener->kind);
        if (c->kind == HTTPS)
            c->session = tls_new(fd);
        watch(c);
    }
}

/* False once the connection is of no more use. */
static bool again(ssize_t r)
{
    return r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED;
}

static bool shake(struct conn *c)
{
    int r;

    if (c->shaken)
        return true;
    r = gnutls_handshake(c->session);
    if (r < 0)
        return again(r) || !gnutls_error_is_fatal(r);
    c->shaken = true;
    counts.handshakes++;
    counts.resumed += gnutls_session_is_resumed(c->session) != 0;
    return true;
}

static bool serve_tls(struct conn *c)
{
    char request[4096];
    ssize_t r;

    if (!shake(c))
        return false;
    if (!c->shaken)
        return true;
    while ((r = gnutls_record_recv(c->session, request, sizeof request)) > 0)
        if (!c->answered) {
            c->answered = gnutls_record_send(c->session, ANSWER, strlen(ANSWER)) > 0;
            counts.answers += c->answered;
        }
    return again(r);
}

static bool serve_plain(struct conn *c)
{
    char request[4096];
    ssize_t r = recv(c->fd, request, sizeof request, 0);

    if (r > 0 && c->kind == HTTP && !c->answered) {
        c->answered = send(c->fd, ANSWER, strlen(ANSWER), MSG_NOSIGNAL) > 0;
        counts.answers += c->answered;
    }
    return r > 0 || (r < 0 && errno == EAGAIN);
}

static bool report(void)
{
    char line[256];

    if (read(STDIN_FILENO, line, sizeof line) <= 0)
        return false;
    printf("{\"accepted\":%llu,\"answers\":%llu,\"handshakes\":%llu,\"resumed\":%llu}\n",
           counts.accepted, counts.answers, counts.handshakes, counts.resumed);
    fflush(stdout);
    counts = (struct counts){0};
    return true;
}

int main(int argc, char **argv)
{
    static struct conn input = {.fd = STDIN_FILENO};
    struct epoll_event events[EVENTS];

    if (argc != 2) {
        fprintf(stderr, "usage: checks-responder PORT\n");
        return 2;
    }
    tls_init();
    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(&input);
    for (int kind = 0; kind < KINDS; kind++)
        listen_at((uint16_t)(atoi(argv[1]) + kind), (enum kind)kind);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;

            if (c == &input && !report())
                return 0;
            if (c == &input)
                continue;
            if (c->listens)
                accept_all(c);
            else if (!(c->kind == HTTPS ? serve_tls(c) : serve_plain(c)))
                end(c);
        }
    }
}
