#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/limits.h"
#include "fuzz_connection.h"

#define ENDS_AT_MOST 20000 /* deadlines until every connection has ended */

static struct quic_tls *server_tls, *server_tls_cert, *client_tls, *client_tls_cert, *liar_tls;
static uint8_t *ticket;
static size_t ticket_size;

static int on_accepted(void *ctx, struct quic_conn *c)
{
    (void)ctx, (void)c;
    return 0;
}

static void on_connected(void *ctx, struct quic_conn *c, qhcp_nsec now)
{
    (void)now;
    ((struct side *)ctx)->conn = c;
}

static void on_control(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n)
{
    (void)ctx, (void)now;
    if (n > 0 && p[0] == 'e')
        quic_conn_write(c, p, n < 64 ? n : 64);
    if (n > 0 && p[0] == 'c')
        quic_conn_close(c, 1, "asked to");
}

static void on_datagram(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n)
{
    const struct side *side = ctx;

    (void)now;
    if (side->holds)
        quic_conn_hold_ack(c);
    else if (n > 0 && p[0] == 'e')
        quic_conn_datagram(c, p, n < LIMIT_DATAGRAM ? n : LIMIT_DATAGRAM, 1);
}

static void on_ticket(void *ctx, struct quic_conn *c, const uint8_t *p, size_t n)
{
    (void)ctx, (void)c;
    if (ticket != NULL)
        return;
    ticket = malloc(n);
    if (ticket == NULL)
        abort();
    memcpy(ticket, p, n);
    ticket_size = n;
}

static void on_closed(void *ctx, struct quic_conn *c, qhcp_nsec now, const struct quic_close *why)
{
    struct side *side = ctx;

    (void)now;
    if (memchr(why->words, '\0', sizeof(why->words)) == NULL)
        abort();
    if (side->conn == c)
        side->conn = NULL;
}

static const struct quic_handlers handlers = {
    .accepted = on_accepted,
    .connected = on_connected,
    .control = on_control,
    .datagram = on_datagram,
    .ticket = on_ticket,
    .closed = on_closed,
};

void world_suspect(void *ctx, struct quic_conn *c, qhcp_nsec now, bool certain)
{
    (void)ctx, (void)now, (void)certain;
    quic_conn_probe(c);
}

static void must(int rv)
{
    if (rv != 0)
        abort();
}

/* A certificate that is always the same, since gnutls_rnd is. */
static void make_cert(char **ret_cert, char **ret_key)
{
    static const uint8_t serial = 1;
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t cert_pem, key_pem;

    must(gnutls_x509_privkey_init(&key));
    must(gnutls_x509_crt_init(&crt));
    must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    must(gnutls_x509_crt_set_version(crt, 3));
    must(gnutls_x509_crt_set_serial(crt, &serial, 1));
    must(gnutls_x509_crt_set_activation_time(crt, 1600000000));
    must(gnutls_x509_crt_set_expiration_time(crt, 4000000000));
    must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                              GNUTLS_FSAN_SET));
    must(gnutls_x509_crt_set_key(crt, key));
    must(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
    must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &cert_pem));
    must(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_pem));
    *ret_cert = (char *)cert_pem.data;
    *ret_key = (char *)key_pem.data;
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

/* Both sides show the one certificate and trust it; the lying client believes anything. */
static void make_tls(void)
{
    static const uint8_t ticket_key[32] = {1};
    struct quic_tls_config config = {.trust_name = "memory", .ticket_key = ticket_key};
    char words[256], *cert, *key;

    make_cert(&cert, &key);
    config.cert_pem = cert;
    config.key_pem = key;
    must(quic_tls_new(&config, &server_tls, words, sizeof(words)));
    config.trust_pem = cert;
    config.require_client_cert = true;
    must(quic_tls_new(&config, &server_tls_cert, words, sizeof(words)));
    config.require_client_cert = false;
    must(quic_tls_new(&config, &client_tls_cert, words, sizeof(words)));
    config.cert_pem = config.key_pem = NULL;
    must(quic_tls_new(&config, &client_tls, words, sizeof(words)));
    must(quic_tls_new(&(struct quic_tls_config){.insecure = true, .cert_pem = cert, .key_pem = key},
                      &liar_tls, words, sizeof(words)));
    gnutls_free(cert);
    gnutls_free(key);
}

static void make_endpoint(struct world *w, unsigned which)
{
    bool server = (which == LIAR) == w->options.server_lies;
    struct quic_endpoint_config config = {.server = server,
                                          .handlers = &handlers,
                                          .ctx = &w->sides[which],
                                          .max_conns = 20,
                                          .retry_above = w->options.retry ? 0 : 10};
    struct quic_tls *tls = w->options.want_cert ? client_tls_cert : client_tls;

    if (server)
        tls = w->options.want_cert ? server_tls_cert : server_tls;
    must(quic_endpoint_new(&config, tls, &w->sides[which].endpoint));
}

static void make_addresses(struct world *w)
{
    static const char *const hosts[WORLD_PATHS] = {"10.0.0.2", "10.0.0.2", "10.0.0.3", "fd00::2",
                                                   "fd00::3"};

    w->victim_addr.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(4243)};
    inet_pton(AF_INET, "10.0.0.1", &w->victim_addr.in.sin_addr);
    if (w->options.ipv6) {
        w->victim_addr = (union qhcp_addr){0};
        w->victim_addr.in6.sin6_family = AF_INET6;
        w->victim_addr.in6.sin6_port = htons(4243);
        inet_pton(AF_INET6, "fd00::1", &w->victim_addr.in6.sin6_addr);
    }
    for (unsigned i = 0; i < WORLD_PATHS; i++) {
        union qhcp_addr *a = &w->addrs[i];

        if (inet_pton(AF_INET, hosts[i], &a->in.sin_addr) == 1) {
            a->in.sin_family = AF_INET;
            a->in.sin_port = htons((uint16_t)(4242 + (i == 1)));
        } else {
            inet_pton(AF_INET6, hosts[i], &a->in6.sin6_addr);
            a->in6.sin6_family = AF_INET6;
            a->in6.sin6_port = htons(4242);
        }
    }
    w->from = w->options.ipv6 ? 3 : 0;
}

void world_dial(struct world *w, bool resume)
{
    unsigned client = w->options.server_lies ? VICTIM : LIAR;
    struct quic_dial dial = {.name = "localhost", .timeout = 10 * NSEC_PER_SEC};
    struct quic_conn *c;

    dial.remote = client == LIAR ? w->victim_addr : w->addrs[w->options.ipv6 ? 3 : 0];
    if (resume && ticket != NULL)
        dial.ticket = slice_of(ticket, ticket_size);
    if (quic_conn_count(w->sides[client].endpoint) < 8)
        must(quic_dial(w->sides[client].endpoint, w->now, &dial, &c));
}

static void start(struct world *w, const struct world_options *options)
{
    memset(w, 0, offsetof(struct world, queue));
    w->n_before = 0;
    w->options = *options;
    w->now = 1000 * NSEC_PER_SEC;
    liar_begin(options->server_lies);
    make_addresses(w);
    make_endpoint(w, VICTIM);
    make_endpoint(w, LIAR);
}

static void stop(struct world *w)
{
    liar_acts(true);
    quic_endpoint_free(w->sides[LIAR].endpoint);
    liar_acts(false);
    quic_endpoint_free(w->sides[VICTIM].endpoint);
    liar_end();
}

void world_begin(struct world *w, const struct world_options *options)
{
    if (server_tls == NULL) {
        make_tls();
        start(w, &(struct world_options){0}); /* for the ticket */
        world_dial(w, false);
        while (world_deliver(w, 0))
            ;
        stop(w);
        if (ticket == NULL)
            abort();
    }
    start(w, options);
    world_dial(w, options->resume);
}

static void give_victim(struct world *w, const uint8_t *p, size_t n, unsigned path)
{
    static uint8_t copy[WORLD_PACKET];
    struct qhcp_packet packet = {
        .remote = w->addrs[path], .local = w->victim_addr, .data = copy, .len = n};

    memcpy(copy, p, n);
    quic_receive(w->sides[VICTIM].endpoint, w->now, &packet, 1);
}

void world_inject(struct world *w, const uint8_t *p, size_t n)
{
    if (n > 0 && n <= WORLD_PACKET)
        give_victim(w, p, n, w->from);
}

/* The liar's library believes that it has one address, whatever it sends from. */
static void give_liar(struct world *w, const uint8_t *p, size_t n)
{
    static uint8_t copy[WORLD_PACKET];
    struct qhcp_packet packet = {.remote = w->victim_addr,
                                 .local = w->addrs[w->options.ipv6 ? 3 : 0],
                                 .data = copy,
                                 .len = n};

    memcpy(copy, p, n);
    liar_acts(true);
    quic_receive(w->sides[LIAR].endpoint, w->now, &packet, 1);
    liar_acts(false);
}

static unsigned path_to(const struct world *w, const union qhcp_addr *remote)
{
    unsigned i = 0;

    while (i < WORLD_PATHS && !address_equal(remote, &w->addrs[i]))
        i++;
    return i;
}

static size_t send_one(struct world *w, unsigned from, struct qhcp_packet *packet)
{
    size_t n;

    liar_acts(from == LIAR);
    n = quic_send(w->sides[from].endpoint, w->now, packet, 1);
    liar_acts(false);
    return n;
}

static void collect(struct world *w, unsigned from)
{
    uint8_t data[WORLD_PACKET];
    struct qhcp_packet packet = {.data = data, .cap = sizeof(data)};
    unsigned path;

    while (send_one(w, from, &packet) == 1) {
        struct world_packet *p = &w->queue[(w->first + w->count) % WORLD_QUEUE];

        path = from == LIAR ? w->from : path_to(w, &packet.remote);
        if (w->count == WORLD_QUEUE || (from == VICTIM && w->deaf >> path & 1))
            continue;
        if (w->lose[from] > 0) {
            w->lose[from]--;
            continue;
        }
        p->to = 1 - from;
        p->path = path;
        p->size = packet.len;
        memcpy(p->data, data, packet.len);
        w->count++;
    }
}

void world_expire_liar(struct world *w)
{
    liar_acts(true);
    quic_expire(w->sides[LIAR].endpoint, w->now);
    liar_acts(false);
}

bool world_deliver(struct world *w, unsigned how)
{
    const struct world_packet *p = &w->queue[w->first];

    if (!(how & WORLD_MUTE) || w->count == 0) {
        collect(w, VICTIM);
        collect(w, LIAR);
    }
    if (w->count == 0)
        return false;
    w->first = (w->first + 1) % WORLD_QUEUE;
    w->count--;
    w->now += how & WORLD_STILL ? 0 : 100 * NSEC_PER_USEC;
    if (p->to == VICTIM) {
        w->before[w->n_before++ % WORLD_QUEUE] = *p;
        give_victim(w, p->data, p->size, p->path);
    } else {
        give_liar(w, p->data, p->size);
    }
    quic_expire(w->sides[VICTIM].endpoint, w->now);
    world_expire_liar(w);
    return true;
}

void world_replay(struct world *w, unsigned which)
{
    size_t n = w->n_before < WORLD_QUEUE ? w->n_before : WORLD_QUEUE;

    if (n > 0)
        give_victim(w, w->before[which % n].data, w->before[which % n].size, w->from);
}

void world_reverse(struct world *w)
{
    collect(w, VICTIM);
    collect(w, LIAR);
    for (size_t i = 0; i < w->count / 2; i++) {
        struct world_packet *a = &w->queue[(w->first + i) % WORLD_QUEUE];
        struct world_packet *b = &w->queue[(w->first + w->count - 1 - i) % WORLD_QUEUE];
        struct world_packet swap = *a;

        *a = *b;
        *b = swap;
    }
}

/* The liar falls silent: every connection of the victim's must come to its end by itself, and must
 * not keep it busy until then. */
static void run_out(struct world *w)
{
    struct quic_endpoint *victim = w->sides[VICTIM].endpoint;
    uint8_t data[WORLD_PACKET];
    struct qhcp_packet packet = {.data = data, .cap = sizeof(data)};
    unsigned deadlines = 0;

    for (;;) {
        while (send_one(w, VICTIM, &packet) == 1)
            ;
        if (quic_conn_count(victim) == 0)
            return;
        if (quic_deadline(victim) == NSEC_NEVER || ++deadlines > ENDS_AT_MOST)
            abort();
        w->now = nsec_max(w->now, quic_deadline(victim));
        quic_expire(victim, w->now);
    }
}

void world_end(struct world *w)
{
    run_out(w);
    stop(w);
}
