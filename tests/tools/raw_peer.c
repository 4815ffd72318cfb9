/* A raw QUIC peer for tests: speaks qhcp/1 at the level of bytes and has no manners of its own, so
 * that a test script can be any client or server, a hostile one too.
 *
 *   raw_peer dial ADDRESS:PORT NAME TRUST-PEM [CERT-PEM KEY-PEM]
 *   raw_peer listen ADDRESS:PORT CERT-PEM KEY-PEM
 *
 * Commands on standard input, one a line:     Events on standard output, one a line:
 *   stream HEX        bytes for the stream      listening PORT
 *   datagram HEX      one datagram              connected EXPORTER-HEX resumed|full
 *   close CODE WORDS                            stream HEX | datagram HEX
 *   flood HEX         this datagram, and again  stream-refused | datagram-refused
 *                     until the end             streams-left BIDIRECTIONAL UNIDIRECTIONAL
 *   pour HEX          the same for the stream   closed END app|quic CODE WORDS
 *   streams           how many more streams     no-connection
 *                     the other side allows     answer NUMBER MICROSECONDS
 *   ask MICROSECONDS  checks, so far apart
 * A flood begins anew on each connection.  It acts on the newest connection, and ends with its
 * input, or 60 s after its start. */
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "auth/auth.h"
#include "base/address.h"
#include "loop/udp.h"
#include "quic/internal.h"
#include "quic/quic.h"
#include "state/state.h"
#include "wire/wire.h"

#define LIFETIME (60 * NSEC_PER_SEC)
#define LINE 65536

static struct quic_conn *conn;
static bool ended;

/* What is sent without end. */
struct endless {
    uint8_t bytes[LINE / 2];
    size_t n;
};
static struct endless flood, pour;

/* Checks at a steady pace, and when each left. */
#define ASKED 65536
static struct {
    qhcp_nsec every, at; /* 0: none */
    uint64_t seq;
    qhcp_nsec left[ASKED];
} asking;

static qhcp_nsec monotonic(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (qhcp_nsec)t.tv_sec * NSEC_PER_SEC + (qhcp_nsec)t.tv_nsec;
}

static void print_hex(const char *what, const uint8_t *p, size_t n)
{
    printf("%s ", what);
    for (size_t i = 0; i < n; i++)
        printf("%02x", p[i]);
}

static unsigned nibble(char c)
{
    return (unsigned)(isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10);
}

static size_t parse_hex(const char *text, uint8_t *ret, size_t cap)
{
    size_t n = 0;

    for (; n < cap && isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]);
         text += 2)
        ret[n++] = (uint8_t)(nibble(text[0]) << 4 | nibble(text[1]));
    return n;
}

static int on_accepted(void *ctx, struct quic_conn *c)
{
    (void)ctx;
    conn = c;
    return 0;
}

static void on_connected(void *ctx, struct quic_conn *c, qhcp_nsec now)
{
    uint8_t value[AUTH_BINDING] = {0};

    (void)ctx;
    (void)now;
    conn = c;
    (void)quic_conn_export(c, AUTH_EXPORTER_LABEL, value, sizeof value);
    print_hex("connected", value, sizeof value);
    printf(" %s\n", quic_conn_resumed(c) ? "resumed" : "full");
}

static void on_control(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n)
{
    (void)ctx;
    (void)c;
    (void)now;
    print_hex("stream", p, n);
    printf("\n");
}

static bool is_answer(const uint8_t *p, size_t n)
{
    struct wire_message m;
    uint64_t type;

    if (asking.every == 0 || wire_decode(p, n, &m, &type) != 0 || type != WIRE_HEALTH_RESPONSE ||
        !(m.response.has & WIRE_HAS_SEQ))
        return false;
    printf("answer %llu %llu\n", (unsigned long long)m.response.seq,
           (unsigned long long)(monotonic() - asking.left[m.response.seq % ASKED]) / 1000);
    return true;
}

static void ask(void)
{
    struct wire_message m = {.type = WIRE_HEALTH_REQUEST};
    qhcp_nsec now = monotonic();
    uint8_t buf[64];
    int n;

    if (asking.every == 0 || !conn || now < asking.at)
        return;
    asking.at = now - asking.at > 10 * asking.every ? now : asking.at + asking.every;
    m.request.seq = ++asking.seq;
    asking.left[asking.seq % ASKED] = now;
    n = wire_encode(&m, buf, sizeof buf);
    if (n > 0)
        (void)quic_conn_datagram(conn, buf, (size_t)n, 1);
}

static void on_datagram(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n)
{
    (void)ctx;
    (void)c;
    (void)now;
    if (is_answer(p, n)) {
        quic_conn_hold_ack(c);
        return;
    }
    print_hex("datagram", p, n);
    printf("\n");
}

static void on_datagram_done(void *ctx, struct quic_conn *c, uint64_t id, enum quic_fate fate)
{
    (void)ctx;
    (void)c;
    (void)id;
    if (fate == QUIC_FATE_REFUSED && flood.n == 0)
        printf("datagram-refused\n");
}

static void on_closed(void *ctx, struct quic_conn *c, qhcp_nsec now, const struct quic_close *why)
{
    static const char *const ends[] = {
        [QUIC_END_CLOSED_BY_PEER] = "closed-by-peer",
        [QUIC_END_CLOSED_BY_US] = "closed-by-us",
        [QUIC_END_RESET] = "reset",
        [QUIC_END_IDLE] = "idle",
        [QUIC_END_HANDSHAKE] = "handshake",
        [QUIC_END_UNREACHABLE] = "unreachable",
        [QUIC_END_CERTIFICATE] = "certificate",
        [QUIC_END_REFUSED_CERTIFICATE] = "refused-certificate",
        [QUIC_END_ALPN] = "alpn",
        [QUIC_END_PROTOCOL] = "protocol",
        [QUIC_END_NOMEM] = "nomem",
    };

    (void)now;
    printf("closed %s %s 0x%llx %s\n", ends[why->end], why->application ? "app" : "quic",
           (unsigned long long)why->code, why->words);
    if (conn == c)
        conn = NULL;
    if (!*(bool *)ctx)
        ended = true; /* a client has one connection; a server waits for more */
}

static const struct quic_handlers handlers = {
    .accepted = on_accepted,
    .connected = on_connected,
    .control = on_control,
    .datagram = on_datagram,
    .datagram_done = on_datagram_done,
    .closed = on_closed,
};

static void keep(struct endless *e, const uint8_t *bytes, size_t n)
{
    memcpy(e->bytes, bytes, n);
    e->n = n;
}

static void command(char *line)
{
    static uint8_t bytes[LINE / 2];
    char *arg = strchr(line, ' ');
    size_t n;

    arg = arg ? arg + 1 : line + strlen(line);
    n = parse_hex(arg, bytes, sizeof bytes);
    if (strncmp(line, "flood ", 6) == 0) {
        keep(&flood, bytes, n);
    } else if (strncmp(line, "pour ", 5) == 0) {
        keep(&pour, bytes, n);
    } else if (!conn) {
        printf("no-connection\n");
    } else if (strncmp(line, "stream ", 7) == 0) {
        if (quic_conn_write(conn, bytes, n) != 0)
            printf("stream-refused\n");
    } else if (strncmp(line, "datagram ", 9) == 0) {
        if (quic_conn_datagram(conn, bytes, n, 1) != 0)
            printf("datagram-refused\n");
    } else if (strncmp(line, "ask ", 4) == 0) {
        asking.every = strtoull(arg, NULL, 10) * 1000;
        asking.at = monotonic();
    } else if (strcmp(line, "streams") == 0) {
        printf("streams-left %llu %llu\n",
               (unsigned long long)ngtcp2_conn_get_streams_bidi_left(conn->ng),
               (unsigned long long)ngtcp2_conn_get_streams_uni_left(conn->ng));
    } else if (strncmp(line, "close ", 6) == 0) {
        char *words = strchr(arg, ' ');

        quic_conn_close(conn, strtoull(arg, NULL, 0), words ? words + 1 : "");
    }
}

/* False at the end of the input. */
static bool read_commands(void)
{
    static char buf[LINE];
    static size_t n;
    char *end;
    ssize_t got = read(STDIN_FILENO, buf + n, sizeof buf - 1 - n);

    if (got <= 0)
        return false;
    n += (size_t)got;
    buf[n] = '\0';
    while ((end = memchr(buf, '\n', n))) {
        size_t used = (size_t)(end - buf) + 1;

        *end = '\0';
        command(buf);
        memmove(buf, buf + used, n - used + 1);
        n -= used;
    }
    return true;
}

/* A turn's share of what is sent without end: as much as the queues take. */
static void send_endless(void)
{
    if (!conn)
        return;
    for (int i = 0; i < 8 && flood.n > 0; i++)
        (void)quic_conn_datagram(conn, flood.bytes, flood.n, 1);
    for (int i = 0; i < 8 && pour.n > 0; i++)
        (void)quic_conn_write(conn, pour.bytes, pour.n);
}

static void send_all(struct quic_endpoint *e, struct udp *u)
{
    size_t n;

    send_endless();
    ask();
    while ((n = quic_send(e, monotonic(), udp_room(u), UDP_BATCH)) > 0)
        (void)udp_send(u, n);
    fflush(stdout);
}

static void run(struct quic_endpoint *e, struct udp *u)
{
    qhcp_nsec end = monotonic() + LIFETIME;
    bool open = true;

    while (open && !ended && monotonic() < end) {
        struct pollfd fds[2] = {{.fd = udp_fd(u), .events = POLLIN},
                                {.fd = STDIN_FILENO, .events = POLLIN}};
        qhcp_nsec due = asking.every > 0 ? asking.at : NSEC_NEVER;
        qhcp_nsec at = nsec_min(quic_deadline(e), due), now = monotonic();
        struct qhcp_packet *packets;
        struct udp_error error;
        int n, ms = at <= now ? 0 : (int)(nsec_min(at - now, NSEC_PER_SEC) / NSEC_PER_MSEC) + 1;

        (void)poll(fds, 2, conn && (flood.n > 0 || pour.n > 0) ? 1 : ms);
        while ((n = udp_receive(u, &packets)) > 0)
            quic_receive(e, monotonic(), packets, (size_t)n);
        while (udp_next_error(u, &error) == 1)
            quic_unreachable(e, monotonic(), &error.remote, error.quoted, error.quoted_len, NULL);
        if (fds[1].revents != 0)
            open = read_commands();
        quic_expire(e, monotonic());
        send_all(e, u);
    }
    send_all(e, u);
}

static _Noreturn void die(const char *what)
{
    printf("error %s\n", what);
    exit(2);
}

static char *slurp(const char *path)
{
    char words[512], *text = NULL;

    if (state_read_file(path, false, 1 << 20, &text, NULL, words, sizeof words) != 0)
        die(words);
    return text;
}

static void make_tls(struct quic_tls_config *config, struct quic_tls **ret)
{
    char words[512];

    if (quic_tls_new(config, ret, words, sizeof words) != 0)
        die(words);
}

int main(int argc, char **argv)
{
    bool server = argc > 4 && strcmp(argv[1], "listen") == 0;
    struct quic_endpoint_config config = {.server = server,
                                          .handlers = &handlers,
                                          .ctx = &server,
                                          .max_conns = 64,
                                          .retry_above = 64};
    struct quic_tls_config tls_config = {0};
    struct quic_endpoint *e;
    struct quic_tls *tls;
    struct udp *u;
    struct address a;
    union qhcp_addr bound;
    char words[512];

    if (argc < 5 || address_parse(argv[2], &a, words, sizeof words) != 0)
        die("usage");
    if (server || argc > 6) {
        tls_config.cert_pem = slurp(argv[server ? 3 : 5]);
        tls_config.key_pem = slurp(argv[server ? 4 : 6]);
    }
    if (!server) {
        tls_config.trust_pem = slurp(argv[4]);
        tls_config.trust_name = argv[4];
    }
    make_tls(&tls_config, &tls);
    bound = a.addr;
    if (!server) {
        memset(&bound, 0, sizeof bound);
        bound.sa.sa_family = a.addr.sa.sa_family;
    }
    if (udp_open(&bound, 0, &u) != 0 || quic_endpoint_new(&config, tls, &e) != 0)
        die("cannot open");
    udp_local(u, &bound);
    if (server) {
        printf("listening %u\n", ntohs(bound.in.sin_port));
    } else {
        struct quic_dial dial = {.remote = a.addr, .name = argv[3], .timeout = 5 * NSEC_PER_SEC};

        if (quic_dial(e, monotonic(), &dial, &conn) != 0)
            die("cannot dial");
    }
    send_all(e, u);
    run(e, u);
    quic_endpoint_free(e);
    quic_tls_unref(tls);
    udp_close(u);
    return 0;
}
