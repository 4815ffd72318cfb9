/* checks-floor: the least that a check can cost: one datagram out and one in, each sealed and
 * opened once (AES-128-GCM), and nothing else.
 *
 *   checks-floor echo PORT                      opens what comes, seals it again, sends it back
 *   checks-floor ask PORT SERVERS RATE TICK     asks 127.1.0.1 and on in turn, RATE times a second
 * in all
 *
 * Every TICK microseconds the answers that came are drained and the requests that are due leave, 64
 * at a time.  TICK 0: one wake-up for each request, and one for each answer.  A line on standard
 * input prints what was done since the one before, as JSON; its end ends the program. */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "spread.h"

#define FIRST 0x7f010001u /* 127.1.0.1 */
#define BATCH 64
#define PLAIN 40 /* bytes; about what a check of QHCP has */
#define NONCE 12
#define TAG 16
#define SEALED (NONCE + PLAIN + TAG)
#define ROOM (4 << 20) /* bytes of a socket's buffers */

struct floor {
    int fd;
    gnutls_aead_cipher_hd_t cipher;
    uint64_t nonce, out, in;
    uint16_t port;
    /* Who asks: */
    unsigned servers;
    int64_t every, tick, begun; /* ns; between two requests */
    uint64_t asked;             /* requests since begun */
    struct spread late;
    /* A batch: */
    struct mmsghdr messages[BATCH];
    struct iovec iov[BATCH];
    struct sockaddr_in peers[BATCH];
    uint8_t sealed[BATCH][SEALED], plain[PLAIN];
    union {
        struct cmsghdr align;
        char at[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control[BATCH];
};

static int64_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void seal(struct floor *f, uint8_t *packet)
{
    size_t n = PLAIN + TAG;

    memcpy(packet, &f->nonce, sizeof f->nonce);
    f->nonce++;
    memset(packet + sizeof f->nonce, 0, NONCE - sizeof f->nonce);
    if (gnutls_aead_cipher_encrypt(f->cipher, packet, NONCE, NULL, 0, TAG, f->plain, PLAIN,
                                   packet + NONCE, &n) != 0)
        abort();
}

static void open_sealed(struct floor *f, const uint8_t *packet)
{
    size_t n = PLAIN;

    if (gnutls_aead_cipher_decrypt(f->cipher, packet, NONCE, NULL, 0, TAG, packet + NONCE,
                                   PLAIN + TAG, f->plain, &n) != 0)
        abort();
}

static void set_up(struct floor *f, uint16_t port, bool bound)
{
    static const uint8_t secret[16] = "the floor's key";
    const gnutls_datum_t key = {.data = (uint8_t *)(uintptr_t)secret, .size = sizeof secret};
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(bound ? port : 0)};
    int room = ROOM, on = 1;

    f->port = port;
    f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (f->fd < 0 || bind(f->fd, (struct sockaddr *)&any, sizeof any) < 0 ||
        setsockopt(f->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) < 0 ||
        setsockopt(f->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room) < 0 ||
        (bound && setsockopt(f->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0))
        fail("socket");
    if (gnutls_aead_cipher_init(&f->cipher, GNUTLS_CIPHER_AES_128_GCM, &key) != 0)
        abort();
}

/* A batch of what is there; whose answers leave from the address that was asked. */
static int receive(struct floor *f, bool answers)
{
    int n;

    for (int i = 0; i < BATCH; i++) {
        f->iov[i] = (struct iovec){.iov_base = f->sealed[i], .iov_len = SEALED};
        f->messages[i].msg_hdr = (struct msghdr){.msg_name = &f->peers[i],
                                                 .msg_namelen = sizeof f->peers[i],
                                                 .msg_iov = &f->iov[i],
                                                 .msg_iovlen = 1};
        if (!answers)
            continue;
        f->messages[i].msg_hdr.msg_control = f->control[i].at;
        f->messages[i].msg_hdr.msg_controllen = sizeof f->control[i].at;
    }
    n = recvmmsg(f->fd, f->messages, BATCH, MSG_DONTWAIT, NULL);
    if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
        fail("recvmmsg");
    for (int i = 0; i < n; i++)
        open_sealed(f, f->sealed[i]);
    f->in += n > 0 ? (uint64_t)n : 0;
    return n;
}

static void send_batch(struct floor *f, int n)
{
    for (int sent = 0, r; sent < n; sent += r) {
        r = sendmmsg(f->fd, f->messages + sent, (unsigned)(n - sent), 0);
        if (r <= 0)
            fail("sendmmsg");
    }
    f->out += (uint64_t)n;
}

static void echo(struct floor *f)
{
    int n = receive(f, true);

    for (int i = 0; i < n; i++) {
        struct cmsghdr *c = CMSG_FIRSTHDR(&f->messages[i].msg_hdr);

        seal(f, f->sealed[i]);
        if (c) /* the kernel's interface is of no use for the way back */
            ((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_ifindex = 0;
    }
    if (n > 0)
        send_batch(f, n);
}

static int64_t due(const struct floor *f)
{
    return f->begun + (int64_t)f->asked * f->every;
}

/* Up to a batch of the requests that are due. */
static int ask_some(struct floor *f)
{
    int64_t at = now();
    int n = 0;

    for (; n < BATCH && due(f) <= at; n++, f->asked++) {
        spread_add(&f->late, at - due(f));
        f->peers[n] = (struct sockaddr_in){.sin_family = AF_INET,
                                           .sin_port = htons(f->port),
                                           .sin_addr.s_addr =
                                               htonl(FIRST + (uint32_t)(f->asked % f->servers))};
        seal(f, f->sealed[n]);
        f->iov[n] = (struct iovec){.iov_base = f->sealed[n], .iov_len = SEALED};
        f->messages[n].msg_hdr = (struct msghdr){.msg_name = &f->peers[n],
                                                 .msg_namelen = sizeof f->peers[n],
                                                 .msg_iov = &f->iov[n],
                                                 .msg_iovlen = 1};
    }
    if (n > 0)
        send_batch(f, n);
    return n;
}

static void ask(struct floor *f)
{
    while (receive(f, false) == BATCH)
        continue;
    while (ask_some(f) == BATCH)
        continue;
}

/* False at the end of standard input. */
static bool report(struct floor *f)
{
    char line[256];

    if (read(STDIN_FILENO, line, sizeof line) <= 0)
        return false;
    printf("{\"out\":%llu,\"in\":%llu,", (unsigned long long)f->out, (unsigned long long)f->in);
    spread_print(&f->late);
    printf("}\n");
    fflush(stdout);
    f->out = f->in = 0;
    return true;
}

static struct timespec until(int64_t at)
{
    int64_t left = at - now();

    if (left < 0)
        left = 0;
    return (struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
}

int main(int argc, char **argv)
{
    static struct floor f;
    bool asks = argc == 6 && strcmp(argv[1], "ask") == 0;
    int64_t next;

    if (!asks && (argc != 3 || strcmp(argv[1], "echo") != 0)) {
        fprintf(stderr, "usage: checks-floor echo PORT | ask PORT SERVERS RATE TICK_US\n");
        return 2;
    }
    set_up(&f, (uint16_t)atoi(argv[2]), !asks);
    next = f.begun = now();
    if (asks) {
        f.servers = (unsigned)atoi(argv[3]);
        f.every = (int64_t)(1e9 / atof(argv[4]));
        f.tick = atoi(argv[5]) * INT64_C(1000);
    }
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = f.tick > 0 ? -1 : f.fd, .events = POLLIN}};
        struct timespec wait;

        if (asks && f.tick == 0)
            next = due(&f);
        wait = until(next);
        if (ppoll(fds, 2, asks ? &wait : NULL, NULL) < 0 && errno != EINTR)
            fail("ppoll");
        if (fds[0].revents && !report(&f))
            return 0;
        if (!asks)
            echo(&f);
        else if (f.tick == 0 || now() >= next)
            ask(&f);
        while (f.tick > 0 && next <= now())
            next += f.tick;
    }
}
