#include "nameserver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#define UDP_MOST 512
#define MESSAGE 65000

enum { A = 1, CNAME = 5, AAAA = 28, SRV = 33 };

struct message {
    uint8_t at[MESSAGE];
    size_t n;
    unsigned answers;
};

static void put(struct message *m, const void *p, size_t n)
{
    assert_true(m->n + n <= sizeof m->at);
    memcpy(m->at + m->n, p, n);
    m->n += n;
}

static void put16(struct message *m, unsigned v)
{
    put(m, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static size_t put_name(struct message *m, const char *name)
{
    size_t before = m->n;

    while (*name && strcmp(name, ".") != 0) {
        size_t len = strcspn(name, ".");

        put(m, &(uint8_t){(uint8_t)len}, 1);
        put(m, name, len);
        name += len + (name[len] == '.');
    }
    put(m, "", 1);
    return m->n - before;
}

/* Of the name in the question, to which it points. */
static void record(struct message *m, const struct nameserver *n, unsigned type, const void *p,
                   size_t len)
{
    put16(m, 0xc00c);
    put16(m, type);
    put16(m, 1);
    put16(m, 0);
    put16(m, n->ttl);
    put16(m, (unsigned)len);
    put(m, p, len);
    m->answers++;
}

static void put_service(struct message *m, const struct nameserver *n,
                        const struct nameserver_service *s)
{
    struct message data = {.n = 0};

    put16(&data, s->priority);
    put16(&data, s->weight);
    put16(&data, s->port);
    put_name(&data, s->target);
    record(m, n, SRV, data.at, data.n);
}

static void put_answers(struct message *m, struct nameserver *n, unsigned type)
{
    unsigned many = type == A ? n->v4 : type == AAAA ? n->v6 : n->n_services;

    n->turned++;
    for (unsigned i = 0; i < many; i++) {
        unsigned k = (i + n->turned) % many, number = k + 1;
        uint8_t v6[16] = {0xfd, [14] = (uint8_t)(number >> 8), [15] = (uint8_t)number};

        if (type == A)
            record(m, n, A, (uint8_t[]){10, 0, (uint8_t)(number >> 8), (uint8_t)number}, 4);
        else if (type == AAAA)
            record(m, n, AAAA, v6, sizeof v6);
        else
            put_service(m, n, &n->services[k]);
    }
}

/* b.example is an alias of the name, and the name of b.example. */
static void put_circle(struct message *m, const struct nameserver *n)
{
    struct message data = {.n = 0};

    put_name(&data, "b.example");
    record(m, n, CNAME, data.at, data.n);
    put_name(m, "b.example");
    put16(m, CNAME);
    put16(m, 1);
    put16(m, 0);
    put16(m, n->ttl);
    put16(m, 2);
    put16(m, 0xc00c);
    m->answers++;
}

/* False: nothing is to be said. */
static bool answer(struct nameserver *n, const uint8_t *query, size_t len, struct message *m)
{
    size_t end = 12;
    unsigned type, rcode = 0;

    n->asked++;
    if (len < 12 || n->mood == NAMESERVER_SILENT)
        return false;
    while (end < len && query[end] != 0)
        end += query[end] + 1u;
    end += 5;
    assert_true(end <= len);
    type = (unsigned)(query[end - 4] << 8 | query[end - 3]);
    if (n->mood == NAMESERVER_NXDOMAIN)
        rcode = 3;
    else if (n->mood == NAMESERVER_SERVFAIL || (n->mood == NAMESERVER_HALF && type == AAAA))
        rcode = 2;
    m->n = m->answers = 0;
    put(m, query, 2);
    put16(m, 0x8180 | rcode);
    put(m, (uint8_t[]){0, 1, 0, 0, 0, 0, 0, 0}, 8);
    put(m, query + 12, end - 12);
    if (rcode == 0 && n->mood == NAMESERVER_CIRCLE)
        put_circle(m, n);
    else if (rcode == 0 && n->mood != NAMESERVER_NODATA)
        put_answers(m, n, type);
    m->at[6] = (uint8_t)(m->answers >> 8);
    m->at[7] = (uint8_t)m->answers;
    return true;
}

static void on_udp(void *ctx, qhcp_nsec now, unsigned ready)
{
    static struct message m;
    struct nameserver *n = ctx;
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    uint8_t query[UDP_MOST];
    ssize_t len =
        recvfrom(n->udp, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

    (void)now, (void)ready;
    if (len < 0 || !answer(n, query, (size_t)len, &m))
        return;
    if (m.n > UDP_MOST) { /* "truncated": ask by TCP */
        m.n = 12 + (size_t)(len - 12);
        m.at[2] |= 2;
        m.at[6] = m.at[7] = 0;
    }
    (void)!sendto(n->udp, m.at, m.n, 0, (struct sockaddr *)&from, from_len);
}

static void on_peer(void *ctx, qhcp_nsec now, unsigned ready)
{
    static struct message m;
    struct nameserver *n = ctx;
    uint8_t query[UDP_MOST];
    ssize_t len = recv(n->peer, query, sizeof query, MSG_DONTWAIT);

    (void)now, (void)ready;
    if (len > 2 && answer(n, query + 2, (size_t)len - 2, &m)) {
        uint8_t size[2] = {(uint8_t)(m.n >> 8), (uint8_t)m.n};

        n->asked_tcp++;
        (void)!send(n->peer, size, 2, MSG_NOSIGNAL);
        (void)!send(n->peer, m.at, m.n, MSG_NOSIGNAL);
    } else if (len <= 0) {
        loop_unwatch(&n->watch_peer);
        close(n->peer);
        n->peer = -1;
    }
}

static void on_tcp(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct nameserver *n = ctx;
    int fd = accept(n->tcp, NULL, NULL);

    (void)now, (void)ready;
    if (fd < 0)
        return;
    if (n->peer >= 0) {
        loop_unwatch(&n->watch_peer);
        close(n->peer);
    }
    n->peer = fd;
    loop_watch(n->loop, &n->watch_peer, fd, LOOP_READABLE, on_peer, n);
}

void nameserver_begin(struct nameserver *ret, struct loop *loop)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    *ret = (struct nameserver){.loop = loop, .peer = -1, .ttl = 60};
    ret->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ret->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(ret->udp, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(ret->udp, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(bind(ret->tcp, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(ret->tcp, 8), 0);
    snprintf(ret->address, sizeof ret->address, "127.0.0.1:%u", ntohs(a.sin_port));
    loop_watch(loop, &ret->watch_udp, ret->udp, LOOP_READABLE, on_udp, ret);
    loop_watch(loop, &ret->watch_tcp, ret->tcp, LOOP_READABLE, on_tcp, ret);
}

void nameserver_end(struct nameserver *n)
{
    loop_unwatch(&n->watch_udp);
    loop_unwatch(&n->watch_tcp);
    loop_unwatch(&n->watch_peer);
    close(n->udp);
    close(n->tcp);
    if (n->peer >= 0)
        close(n->peer);
}
