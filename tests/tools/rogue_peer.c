/* The rogue peer of the unit tests (tests/unit/quic/rogue.h) on a socket, against real processes.
 *
 *   rogue_peer dial ADDRESS:PORT [NAME=VALUE ...]
 *   rogue_peer listen ADDRESS:PORT CERT-PEM KEY-PEM [NAME=VALUE ...]
 *
 * NAME is what it does wrong, VALUE in hex but for alpn and files: params (appended to its
 * transport parameters), without (the ids of those it leaves out), noparams, alpn, handshake and
 * app (frames, before the end of the handshake and after); a client shows a certificate with
 * cert=PEM key=PEM, in this order.  Then it sends a PING.  One line for each connection:
 *
 *   closed app|quic CODE WORDS
 *   goes-on                     the PING was acknowledged
 *
 * A client has one connection, and gives up after 5 s; a server prints `listening` first, and takes
 * one connection after another until 60 s after its start. */
#include <ctype.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "../unit/quic/rogue.h"
#include "base/address.h"

#define DIAL_MS 5000
#define LISTEN_MS 60000
#define VALUE_MAX 4096

struct peer {
    int fd;
    union qhcp_addr remote;
    bool server, told;
    int64_t ping; /* its packet number; -1: not sent */
    gnutls_certificate_credentials_t credentials;
    const char *cert;            /* its file */
    struct rogue_plan plan, app; /* app: what is sent after the handshake */
    struct rogue rogue;
    uint8_t other[20]; /* server: the connection ID of the client that it talks with */
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "rogue_peer: %s\n", what);
    exit(2);
}

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_send(void *ctx, const uint8_t *p, size_t n)
{
    struct peer *peer = ctx;

    if (sendto(peer->fd, p, n, 0, &peer->remote.sa, address_len(&peer->remote)) < 0)
        perror("rogue_peer: send");
}

static struct slice hex(const char *text)
{
    uint8_t *bytes = malloc(VALUE_MAX);
    size_t n = 0;

    if (bytes == NULL || strlen(text) > (size_t)2 * VALUE_MAX)
        die("out of room");
    for (; isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]); text += 2) {
        char pair[3] = {text[0], text[1]};

        bytes[n++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return slice_of(bytes, n);
}

static void load(struct peer *peer, const char *cert, const char *key)
{
    if (cert == NULL ||
        gnutls_certificate_set_x509_key_file(peer->credentials, cert, key, GNUTLS_X509_FMT_PEM) < 0)
        die("no certificate");
}

static void set(struct peer *peer, const char *option)
{
    const char *value = strchr(option, '=');

    if (value == NULL)
        die("an option is NAME=VALUE");
    value++;
    if (strncmp(option, "params=", 7) == 0)
        peer->plan.params = hex(value);
    else if (strncmp(option, "without=", 8) == 0)
        peer->plan.without = value;
    else if (strncmp(option, "noparams=", 9) == 0)
        peer->plan.no_params = true;
    else if (strncmp(option, "alpn=", 5) == 0)
        peer->plan.alpn = value;
    else if (strncmp(option, "cert=", 5) == 0)
        peer->cert = value;
    else if (strncmp(option, "key=", 4) == 0)
        load(peer, peer->cert, value);
    else if (strncmp(option, "handshake=", 10) == 0)
        peer->plan.level = ROGUE_HANDSHAKE, peer->plan.frames = hex(value);
    else if (strncmp(option, "app=", 4) == 0)
        peer->app.frames = hex(value);
    else
        die("unknown option");
}

static void begin(struct peer *peer)
{
    peer->ping = -1;
    peer->told = false;
    rogue_init(&peer->rogue, peer->server, &peer->plan, peer->credentials, on_send, peer);
}

/* The handshake is over for both: the peer has acknowledged, or said so. */
static bool is_up(const struct rogue *r)
{
    return r->complete && (r->confirmed || (r->server && r->spaces[ROGUE_APP].acked >= 0));
}

/* True when there is nothing more to come of this connection. */
static bool go_on(struct peer *peer)
{
    struct rogue *r = &peer->rogue;

    if (peer->told)
        return true;
    if (r->close.seen) {
        printf("closed %s 0x%llx %s\n", r->close.application ? "app" : "quic",
               (unsigned long long)r->close.code, r->close.words);
        return peer->told = true;
    }
    if (!is_up(r))
        return false;
    if (peer->ping < 0) {
        if (peer->app.frames.n > 0)
            rogue_send(r, ROGUE_APP, peer->app.frames, 0);
        peer->ping = (int64_t)r->spaces[ROGUE_APP].next;
        rogue_send(r, ROGUE_APP, slice_of("\x01", 1), 0);
    } else if (r->spaces[ROGUE_APP].acked >= peer->ping) {
        printf("goes-on\n");
        return peer->told = true;
    }
    return false;
}

/* A server's next client: its first Initial. */
static bool is_new(const struct peer *peer, const uint8_t *p, size_t n)
{
    return peer->server && n >= 1200 && (p[0] & 0xf0) == 0xc0 &&
           (peer->rogue.tls == NULL || memcmp(p + 7 + p[5], peer->other, p[6 + p[5]]) != 0);
}

static void receive(struct peer *peer)
{
    uint8_t packet[ROGUE_PACKET];
    union qhcp_addr from;
    socklen_t size = sizeof(from);
    ssize_t n = recvfrom(peer->fd, packet, sizeof(packet), 0, &from.sa, &size);

    if (n <= 0)
        return;
    if (is_new(peer, packet, (size_t)n)) {
        if (peer->rogue.tls != NULL)
            rogue_deinit(&peer->rogue);
        memcpy(peer->other, packet + 7 + packet[5], packet[6 + packet[5]]);
        peer->remote = from;
        begin(peer);
    }
    if (peer->rogue.tls != NULL && address_equal(&from, &peer->remote))
        rogue_receive(&peer->rogue, packet, (size_t)n);
}

static int run(struct peer *peer)
{
    long end = now_ms() + (peer->server ? LISTEN_MS : DIAL_MS);

    while (now_ms() < end) {
        struct pollfd fd = {.fd = peer->fd, .events = POLLIN};

        if (poll(&fd, 1, (int)(end - now_ms())) > 0)
            receive(peer);
        if (peer->rogue.tls != NULL && go_on(peer) && !peer->server)
            return 0;
        fflush(stdout);
    }
    return 1;
}

static void open_socket(struct peer *peer, const char *address)
{
    struct address a;
    char words[256];

    if (address_parse(address, &a, words, sizeof(words)) != 0 || !a.literal)
        die("an address and a port are expected");
    peer->remote = a.addr;
    peer->fd = socket(a.addr.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (peer->fd < 0 || (peer->server && bind(peer->fd, &a.addr.sa, address_len(&a.addr)) != 0))
        die("no socket");
}

int main(int argc, char **argv)
{
    static struct peer peer;
    int options;

    if (argc < 3)
        die("see rogue_peer.c");
    setvbuf(stdout, NULL, _IOLBF, 0);
    peer.server = strcmp(argv[1], "listen") == 0;
    options = peer.server ? 5 : 3;
    if (argc < options || gnutls_certificate_allocate_credentials(&peer.credentials) != 0)
        die("see rogue_peer.c");
    if (peer.server)
        load(&peer, argv[3], argv[4]);
    for (int i = options; i < argc; i++)
        set(&peer, argv[i]);
    open_socket(&peer, argv[2]);
    if (peer.server)
        printf("listening\n");
    else
        begin(&peer);
    return run(&peer);
}
