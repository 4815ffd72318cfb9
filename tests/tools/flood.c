/* A flood of datagrams, at a steady rate, for a bounded time, at this machine's own addresses.
 *
 *   flood KIND ADDRESS:PORT RATE SECONDS [SOURCE:PORT]
 *
 *   noise     short headers, garbage          garbage   Initials that do not open
 *   aimed     noise with the prefix of the server's connection IDs, which it tells to whoever asks
 *   initials  valid Initials, each of a new   honest    the same; each Retry is answered with its
 *             connection, answers ignored               token, and no more
 *   crowd     the same from 1,000 addresses
 *   finished  whole handshakes, after which nothing is said
 *   burst     tokens are collected; all are used at once when the time is over
 *   forged    noise from SOURCE:PORT, which is not ours (needs CAP_NET_RAW)
 *
 * Prints one line of JSON at its end. */
#include <gnutls/crypto.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/address.h"
#include "quic/internal.h"

#define SIZE 1200
#define BATCH 64
#define KEPT 20000 /* proven Initials of a burst */
#define RATE_MAX 200000
#define SECONDS_MAX 60
#define NUMBER 1 /* bytes of a packet number */
#define TAG 16

static uint8_t hello[SIZE]; /* the frames of a client's first packet */
static size_t hello_size;
static uint8_t client_id[QUIC_CLIENT_CID];
static uint8_t (*kept)[SIZE];
static size_t n_kept;
static uint8_t prefix[QUIC_PREFIX];
static unsigned long long sent, received, retries, finished;
static struct quic_endpoint *clients;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "flood: %s\n", what);
    exit(2);
}

static qhcp_nsec monotonic(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (qhcp_nsec)t.tv_sec * NSEC_PER_SEC + (qhcp_nsec)t.tv_nsec;
}

static void random_bytes(uint8_t *p, size_t n)
{
    if (gnutls_rnd(GNUTLS_RND_NONCE, p, n) != 0)
        die("no randomness");
}

static gnutls_aead_cipher_hd_t cipher_of(const struct keys *keys)
{
    gnutls_datum_t key = {.data = (unsigned char *)(uintptr_t)keys->key, .size = sizeof keys->key};
    gnutls_aead_cipher_hd_t cipher;

    if (gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_GCM, &key) != 0)
        die("no AES-128-GCM");
    return cipher;
}

/* An Initial as long as the least that a datagram of one may be; *ret has SIZE bytes of room. */
static void seal(const uint8_t *id, size_t n_id, const uint8_t *token, size_t n_token, uint8_t *ret)
{
    struct keys keys;
    uint8_t plain[SIZE] = {0}, mask[QUIC_INITIAL_SAMPLE];
    gnutls_aead_cipher_hd_t cipher;
    size_t at = 0, body, size;

    ret[at++] = 0xc0 | (NUMBER - 1);
    memcpy(ret + at, "\0\0\0\1", 4);
    at += 4;
    ret[at++] = (uint8_t)n_id;
    memcpy(ret + at, id, n_id);
    at += n_id;
    ret[at++] = sizeof client_id;
    memcpy(ret + at, client_id, sizeof client_id);
    at += sizeof client_id;
    ret[at++] = (uint8_t)(0x40 | n_token >> 8);
    ret[at++] = (uint8_t)n_token;
    if (n_token > 0)
        memcpy(ret + at, token, n_token);
    at += n_token;
    body = SIZE - at - 2;
    ret[at++] = (uint8_t)(0x40 | body >> 8);
    ret[at++] = (uint8_t)body;
    ret[at] = 0; /* the packet's number */
    size = body - NUMBER - TAG;
    if (hello_size > size)
        die("the token leaves no room");
    memcpy(plain, hello, hello_size);
    body -= NUMBER;
    quic_initial_derive(id, n_id, &keys, NULL);
    cipher = cipher_of(&keys);
    if (gnutls_aead_cipher_encrypt(cipher, keys.iv, sizeof keys.iv, ret, at + NUMBER, TAG, plain,
                                   size, ret + at + NUMBER, &body) != 0)
        die("cannot seal");
    gnutls_aead_cipher_deinit(cipher);
    quic_initial_mask(&keys, ret + at + 4, mask);
    ret[0] ^= mask[0] & 0x0f;
    ret[at] ^= mask[1];
}

/* The frames of a packet that the real client wrote. */
static void take_hello(const uint8_t *p, size_t n)
{
    struct keys keys;
    uint8_t mask[QUIC_INITIAL_SAMPLE], head[SIZE], nonce[QUIC_INITIAL_NONCE];
    gnutls_aead_cipher_hd_t cipher;
    size_t number, at;
    ngtcp2_pkt_hd hd;

    at = (size_t)ngtcp2_pkt_decode_hd_long(&hd, p, n);
    if (n != SIZE)
        die("no first packet");
    quic_initial_derive(hd.dcid.data, hd.dcid.datalen, &keys, NULL);
    quic_initial_mask(&keys, p + at + 4, mask);
    memcpy(head, p, at + 4);
    head[0] ^= mask[0] & 0x0f;
    number = (head[0] & 3) + 1u;
    memcpy(nonce, keys.iv, sizeof nonce);
    for (size_t i = 0; i < number; i++) {
        head[at + i] ^= mask[1 + i];
        nonce[sizeof nonce - number + i] ^= head[at + i];
    }
    cipher = cipher_of(&keys);
    hello_size = sizeof hello;
    if (gnutls_aead_cipher_decrypt(cipher, nonce, sizeof nonce, head, at + number, TAG,
                                   p + at + number, hd.len - number, hello, &hello_size) != 0)
        die("the first packet does not open");
    gnutls_aead_cipher_deinit(cipher);
    while (hello_size > 0 && hello[hello_size - 1] == 0)
        hello_size--; /* padding */
    memcpy(client_id, hd.scid.data, sizeof client_id);
}

static void on_connected(void *ctx, struct quic_conn *c, qhcp_nsec now)
{
    (void)ctx, (void)c, (void)now;
    finished++;
}

static void dial(const union qhcp_addr *to)
{
    struct quic_dial dial = {.remote = *to, .name = "localhost", .timeout = 5 * NSEC_PER_SEC};
    struct quic_conn *c;

    if (quic_dial(clients, monotonic(), &dial, &c) != 0)
        die("cannot dial");
}

static void make_clients(void)
{
    static const struct quic_handlers handlers = {.connected = on_connected};
    struct quic_endpoint_config config = {.handlers = &handlers};
    struct quic_tls_config tls_config = {.insecure = true};
    struct quic_tls *tls;
    char words[256];

    if (quic_tls_new(&tls_config, &tls, words, sizeof words) != 0 ||
        quic_endpoint_new(&config, tls, &clients) != 0)
        die("no clients");
    quic_tls_unref(tls);
}

static void make_hello(const union qhcp_addr *to)
{
    uint8_t data[1500];
    struct qhcp_packet packet = {.data = data, .cap = sizeof data};

    make_clients();
    dial(to);
    if (quic_send(clients, monotonic(), &packet, 1) != 1)
        die("no client");
    take_hello(packet.data, packet.len);
    quic_endpoint_free(clients);
    make_clients();
}

enum kind { NOISE, AIMED, GARBAGE, INITIALS, HONEST, CROWD, FINISHED, BURST, FORGED, KINDS };
static const char *const kinds[KINDS] = {"noise", "aimed",    "garbage", "initials", "honest",
                                         "crowd", "finished", "burst",   "forged"};

struct flood {
    enum kind kind;
    int fd;
    union qhcp_addr to, source;
    uint8_t data[BATCH][SIZE];
    struct iovec bytes[BATCH];
    struct mmsghdr headers[BATCH];
    uint8_t control[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
    uint32_t from; /* the address of the next packet, in IPv4 and the host's order; 0: any */
    size_t n;
};

#define SOURCE 0x7f000042 /* 127.0.0.66: none of those who are measured */
#define CROWD_SOURCES 1000

static void set_source(struct flood *f, struct msghdr *header)
{
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(f->from)};
    struct cmsghdr *c;

    if (f->from == 0)
        return;
    header->msg_control = f->control[f->n];
    header->msg_controllen = sizeof f->control[f->n];
    memset(header->msg_control, 0, header->msg_controllen);
    c = CMSG_FIRSTHDR(header);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(c), &info, sizeof info);
}

static uint8_t *next_packet(struct flood *f, size_t size)
{
    f->bytes[f->n] = (struct iovec){.iov_base = f->data[f->n], .iov_len = size};
    f->headers[f->n].msg_hdr = (struct msghdr){.msg_name = &f->to,
                                               .msg_namelen = address_len(&f->to),
                                               .msg_iov = &f->bytes[f->n],
                                               .msg_iovlen = 1};
    set_source(f, &f->headers[f->n].msg_hdr);
    return f->data[f->n++];
}

static void flush(struct flood *f)
{
    size_t done = 0;

    while (done < f->n) {
        int n = sendmmsg(f->fd, f->headers + done, (unsigned)(f->n - done), 0);

        if (n <= 0)
            break; /* what an ICMP error stopped is not worth sending again */
        done += (size_t)n;
    }
    sent += done;
    f->n = 0;
}

/* IPv4 and UDP by hand: the kernel would not lend that address. */
static void forge(struct flood *f)
{
    struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
    struct udphdr udp = {
        .source = f->source.in.sin_port, .dest = f->to.in.sin_port, .len = htons(sizeof udp + 60)};
    uint8_t *p = next_packet(f, sizeof ip + sizeof udp + 60);

    ip.saddr = f->source.in.sin_addr.s_addr;
    ip.daddr = f->to.in.sin_addr.s_addr;
    memcpy(p, &ip, sizeof ip);
    memcpy(p + sizeof ip, &udp, sizeof udp);
    p += sizeof ip + sizeof udp;
    random_bytes(p, 60);
    p[0] = 0x40 | (p[0] & 0x3f);
}

static void make(struct flood *f)
{
    uint8_t id[QUIC_SERVER_CID], *p;

    switch (f->kind) {
    case FORGED:
        forge(f);
        return;
    case FINISHED:
        dial(&f->to);
        return;
    case NOISE:
    case AIMED:
        p = next_packet(f, 60);
        random_bytes(p, 60);
        p[0] = 0x40 | (p[0] & 0x3f);
        if (f->kind == AIMED)
            memcpy(p + 1, prefix, sizeof prefix);
        return;
    case GARBAGE:
        p = next_packet(f, SIZE);
        random_bytes(p, SIZE);
        memcpy(p, "\xc0\0\0\0\1\x14", 6);
        memcpy(p + 26, "\x08", 1);
        memcpy(p + 35, "\0\x44\x8a", 3); /* no token; what is left: 1162 */
        return;
    default:
        if (f->kind == CROWD)
            f->from = SOURCE + (f->from - SOURCE + 1) % CROWD_SOURCES;
        random_bytes(id, sizeof id);
        seal(id, sizeof id, NULL, 0, next_packet(f, SIZE));
    }
}

/* A Retry: the connection begins again under the ID and with the token that it gives. */
static void take_answer(struct flood *f, const uint8_t *p, size_t n)
{
    ngtcp2_pkt_hd hd;
    ngtcp2_ssize at;

    received++;
    if (n < 40 || (p[0] & 0xf0) != 0xf0 ||
        (f->kind != HONEST && f->kind != CROWD && f->kind != BURST))
        return;
    at = ngtcp2_pkt_decode_hd_long(&hd, p, n);
    if (at <= 0 || hd.type != NGTCP2_PKT_RETRY || n <= (size_t)at + TAG)
        return;
    retries++;
    if (f->kind == BURST) {
        if (n_kept < KEPT)
            seal(hd.scid.data, hd.scid.datalen, p + at, n - (size_t)at - TAG, kept[n_kept++]);
        return;
    }
    seal(hd.scid.data, hd.scid.datalen, p + at, n - (size_t)at - TAG, next_packet(f, SIZE));
    if (f->n == BATCH)
        flush(f);
}

/* What the clients have to say, and hear. */
static void talk(struct flood *f)
{
    uint8_t data[2048];
    struct qhcp_packet packet = {.remote = f->to, .data = data, .cap = sizeof data};
    ssize_t n;

    while ((n = recv(f->fd, data, sizeof data, MSG_DONTWAIT)) > 0) {
        received++;
        packet.len = (size_t)n;
        quic_receive(clients, monotonic(), &packet, 1);
    }
    quic_expire(clients, monotonic());
    while (quic_send(clients, monotonic(), &packet, 1) == 1) {
        memcpy(next_packet(f, packet.len), data, packet.len);
        if (f->n == BATCH)
            flush(f);
    }
    flush(f);
}

static void take_answers(struct flood *f)
{
    uint8_t data[2048], control[256];
    struct iovec bytes = {.iov_base = data, .iov_len = sizeof data};
    uint32_t from = f->from;

    if (f->kind == FORGED)
        return;
    if (f->kind == FINISHED) {
        talk(f);
        return;
    }
    for (;;) {
        struct msghdr header = {.msg_iov = &bytes,
                                .msg_iovlen = 1,
                                .msg_control = control,
                                .msg_controllen = sizeof control};
        ssize_t n = recvmsg(f->fd, &header, MSG_DONTWAIT);
        struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&header) : NULL;

        if (n <= 0)
            break;
        if (c != NULL && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof info);
            f->from = ntohl(info.ipi_addr.s_addr); /* what it was sent to answers */
        }
        take_answer(f, data, (size_t)n);
    }
    flush(f);
    f->from = from;
}

/* A handshake that is begun shows how the server's connection IDs begin. */
static void learn_prefix(struct flood *f)
{
    uint8_t id[QUIC_SERVER_CID], data[2048];
    ngtcp2_pkt_hd hd;
    ssize_t n;

    random_bytes(id, sizeof id);
    seal(id, sizeof id, NULL, 0, next_packet(f, SIZE));
    flush(f);
    (void)poll(&(struct pollfd){.fd = f->fd, .events = POLLIN}, 1, 5000);
    n = recv(f->fd, data, sizeof data, MSG_DONTWAIT);
    if (n <= 0 || ngtcp2_pkt_decode_hd_long(&hd, data, (size_t)n) <= 0 ||
        hd.scid.datalen < sizeof prefix)
        die("no server there");
    memcpy(prefix, hd.scid.data, sizeof prefix);
}

static void run(struct flood *f, unsigned long long rate, unsigned seconds)
{
    qhcp_nsec began = monotonic(), now;
    unsigned long long made = 0;

    while ((now = monotonic()) - began < seconds * NSEC_PER_SEC) {
        unsigned long long due = (now - began) * rate / NSEC_PER_SEC;

        if (due > made + rate / 100 + BATCH)
            made = due - BATCH; /* what this machine cannot make is not made up for */
        while (made < due && f->n < BATCH) {
            make(f);
            made++;
        }
        flush(f);
        take_answers(f);
        if (made >= due)
            (void)poll(&(struct pollfd){.fd = f->fd, .events = POLLIN}, 1, 1);
    }
    for (size_t i = 0; i < n_kept; i++) {
        memcpy(next_packet(f, SIZE), kept[i], SIZE);
        if (f->n == BATCH || i + 1 == n_kept)
            flush(f);
    }
}

static void parse(const char *text, union qhcp_addr *ret)
{
    struct address a;
    char words[256];

    if (address_parse(text, &a, words, sizeof words) != 0 || !a.literal)
        die("an address is wanted, like 127.0.0.1:4243");
    if ((a.addr.sa.sa_family == AF_INET && ntohl(a.addr.in.sin_addr.s_addr) >> 24 != 127) ||
        (a.addr.sa.sa_family == AF_INET6 && !IN6_IS_ADDR_LOOPBACK(&a.addr.in6.sin6_addr)))
        die("only at this machine's own addresses: 127.0.0.0/8 or ::1");
    *ret = a.addr;
}

int main(int argc, char **argv)
{
    static struct flood f;
    unsigned long long rate;
    unsigned seconds, room = 4 << 20;

    if (argc < 5)
        die("usage: flood KIND ADDRESS:PORT RATE SECONDS [SOURCE:PORT]");
    while (f.kind < KINDS && strcmp(argv[1], kinds[f.kind]) != 0)
        f.kind++;
    rate = strtoull(argv[3], NULL, 10);
    seconds = (unsigned)strtoul(argv[4], NULL, 10);
    if (f.kind == KINDS || rate < 1 || rate > RATE_MAX || seconds < 1 || seconds > SECONDS_MAX ||
        (f.kind == FORGED) != (argc > 5))
        die("usage: flood KIND ADDRESS:PORT RATE SECONDS [SOURCE:PORT]");
    parse(argv[2], &f.to);
    if (argc > 5)
        parse(argv[5], &f.source);
    kept = malloc(KEPT * sizeof *kept);
    f.fd = f.kind == FORGED ? socket(AF_INET, SOCK_RAW, IPPROTO_RAW)
                            : socket(f.to.sa.sa_family, SOCK_DGRAM, 0);
    if (f.fd < 0 || kept == NULL)
        die("no socket");
    (void)setsockopt(f.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (f.kind != FORGED && f.to.sa.sa_family == AF_INET) {
        (void)setsockopt(f.fd, IPPROTO_IP, IP_PKTINFO, &(int){1}, sizeof(int));
        f.from = SOURCE;
    }
    make_hello(&f.to);
    if (f.kind == AIMED)
        learn_prefix(&f);
    run(&f, rate, seconds);
    printf("{\"sent\":%llu,\"received\":%llu,\"retries\":%llu,\"kept\":%zu,\"finished\":%llu}\n",
           sent, received, retries, n_kept, finished);
    quic_endpoint_free(clients);
    free(kept);
    close(f.fd);
    return 0;
}
