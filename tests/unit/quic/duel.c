#include "duel.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ngtcp2/ngtcp2.h>

#define CASES_MAX 96
#define NAME_MAX 120

static bool victim_is_server;

static bool on_packet(struct world *w, struct node *from, const struct qhcp_packet *p)
{
    struct duel *d = (struct duel *)w;

    (void)from;
    if (d->rogue.tls != NULL)
        rogue_receive(&d->rogue, p->data, p->len);
    return false; /* nobody else is there */
}

static void to_victim(void *ctx, const uint8_t *p, size_t n)
{
    struct duel *d = ctx;

    world_inject(&d->world, &d->addr, &d->victim, p, n);
}

static gnutls_datum_t datum_of(char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)text, .size = (unsigned)strlen(text)};
}

struct duel *duel_new(bool is_server)
{
    struct quic_endpoint_config server = world_server_config(), client = world_client_config();
    struct duel *d = calloc(1, sizeof(*d));
    gnutls_datum_t cert, key;
    struct quic_tls *tls;

    assert_non_null(d);
    d->victim_is_server = is_server;
    d->ca = cert_make(&(struct cert_spec){.cn = "Test CA", .ca = true});
    d->cert = cert_make(&(struct cert_spec){.cn = "a", .dns = {"a.example"}, .issuer = &d->ca});
    cert = datum_of(d->cert.pem);
    key = datum_of(d->cert.key);
    assert_int_equal(gnutls_certificate_allocate_credentials(&d->credentials), 0);
    assert_int_equal(
        gnutls_certificate_set_x509_key_mem(d->credentials, &cert, &key, GNUTLS_X509_FMT_PEM), 0);
    world_init(&d->world, 11);
    d->world.tap = on_packet;
    d->addr.in.sin_family = AF_INET;
    d->addr.in.sin_port = htons(4242);
    d->addr.in.sin_addr.s_addr = htonl(0x0a000009);
    tls =
        d->victim_is_server
            ? world_tls(&(struct quic_tls_config){.cert_pem = d->cert.pem, .key_pem = d->cert.key})
            : world_tls(&(struct quic_tls_config){.trust_pem = d->ca.pem, .trust_name = "ca.pem"});
    world_add(&d->world, &d->victim, d->victim_is_server ? &server : &client, tls);
    quic_tls_unref(tls);
    return d;
}

void duel_free(struct duel *d)
{
    world_deinit(&d->world);
    gnutls_certificate_free_credentials(d->credentials);
    cert_free(&d->ca);
    cert_free(&d->cert);
    free(d);
}

/* With the newest ticket, where there is one. */
static void dial(struct duel *d)
{
    struct quic_dial dial = {.remote = d->addr,
                             .name = "a.example",
                             .ticket = slice_of(d->victim.ticket, d->victim.ticket_size),
                             .timeout = 5 * NSEC_PER_SEC,
                             .user = &d->victim};
    struct quic_conn *c;

    assert_int_equal(quic_dial(d->victim.endpoint, d->world.now, &dial, &c), 0);
}

void duel_meet(struct duel *d, const struct rogue_plan *plan)
{
    d->victim.connected = d->victim.closed = 0;
    rogue_init(&d->rogue, !d->victim_is_server, plan, d->credentials, to_victim, d);
    if (!d->victim_is_server)
        dial(d);
    world_run(&d->world, 300 * NSEC_PER_MSEC, NULL);
    if (d->rogue.close.seen || !d->rogue.complete || d->victim.connected == 0)
        return;
    if (!d->victim_is_server) {
        assert_int_equal(quic_conn_write(d->victim.conn, (const uint8_t *)"hello", 5), 0);
        world_run(&d->world, 300 * NSEC_PER_MSEC, NULL);
    }
    rogue_begin(&d->rogue, ROGUE_APP);
    world_run(&d->world, 300 * NSEC_PER_MSEC, NULL);
}

void duel_part(struct duel *d)
{
    if (!d->rogue.close.seen && d->rogue.spaces[ROGUE_APP].tx.known)
        rogue_send(&d->rogue, ROGUE_APP, slice_of("\x1d\x00\x00", 3), 0);
    world_run(&d->world, 20 * NSEC_PER_SEC, NULL);
    rogue_deinit(&d->rogue);
    d->rogue.tls = NULL;
    assert_int_equal(quic_conn_count(d->victim.endpoint), 0);
}

/* Connected, not closed, and a PING is acknowledged. */
static void assert_goes_on(struct duel *d, const char *what)
{
    const struct rogue_space *app = &d->rogue.spaces[ROGUE_APP];
    int64_t ping;

    if (d->rogue.close.seen || d->victim.connected != 1)
        fail_msg("%s is refused: %s 0x%llx \"%s\"; the endpoint says \"%s\"", what,
                 d->rogue.close.seen ? "closed," : "not connected,",
                 (unsigned long long)d->rogue.close.code, d->rogue.close.words,
                 d->victim.why.words);
    ping = (int64_t)app->next;
    rogue_send(&d->rogue, ROGUE_APP, slice_of("\x01", 1), 0);
    world_run(&d->world, NSEC_PER_SEC, NULL);
    if (d->rogue.close.seen || app->acked < ping)
        fail_msg("%s is accepted, but a PING behind it is not answered", what);
}

static void assert_closed(struct duel *d, const char *what, bool application, uint64_t code)
{
    const struct rogue_close *close = &d->rogue.close;

    if (!close->seen)
        fail_msg("%s: no CONNECTION_CLOSE; expected 0x%llx", what, (unsigned long long)code);
    if (close->application != application || close->code != code)
        fail_msg("%s: expected 0x%llx, got %s 0x%llx \"%s\"; the endpoint says \"%s\"", what,
                 (unsigned long long)code, close->application ? "QHCP's" : "QUIC's",
                 (unsigned long long)close->code, close->words, d->victim.why.words);
}

/* The bad one first: whoever is asked again must have lived through it. */
static void run_case(void **state)
{
    const struct duel_case *c = *state;
    struct duel *d = duel_new(victim_is_server);

    duel_meet(d, &c->bad);
    if (c->code == DUEL_IGNORED)
        assert_goes_on(d, "what must be ignored");
    else
        assert_closed(d, "the bad one", false, (uint64_t)c->code);
    duel_part(d);
    duel_meet(d, &c->twin);
    if (c->twin_code != 0)
        assert_closed(d, "the twin", true, c->twin_code);
    else
        assert_goes_on(d, "the twin");
    duel_part(d);
    duel_free(d);
}

static const char *name_of(int64_t code)
{
    static const char *const names[] = {
        [NGTCP2_FLOW_CONTROL_ERROR] = "FLOW_CONTROL_ERROR",
        [NGTCP2_STREAM_LIMIT_ERROR] = "STREAM_LIMIT_ERROR",
        [NGTCP2_STREAM_STATE_ERROR] = "STREAM_STATE_ERROR",
        [NGTCP2_FRAME_ENCODING_ERROR] = "FRAME_ENCODING_ERROR",
        [NGTCP2_TRANSPORT_PARAMETER_ERROR] = "TRANSPORT_PARAMETER_ERROR",
        [NGTCP2_PROTOCOL_VIOLATION] = "PROTOCOL_VIOLATION",
    };

    switch (code) {
    case DUEL_IGNORED:
        return "ignored";
    case DUEL_UNEXPECTED_MESSAGE:
        return "unexpected_message";
    case DUEL_MISSING_EXTENSION:
        return "missing_extension";
    case DUEL_NO_APPLICATION_PROTOCOL:
        return "no_application_protocol";
    default:
        return names[code];
    }
}

int duel_main(const char *victim, const struct duel_case *cases, size_t n)
{
    static char names[CASES_MAX][NAME_MAX];
    static struct CMUnitTest tests[CASES_MAX];

    assert_true(n <= CASES_MAX);
    victim_is_server = strcmp(victim, "server") == 0;
    for (size_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof(names[i]), "%s: %s: %s", victim, cases[i].name,
                 name_of(cases[i].code));
        tests[i] = (struct CMUnitTest){
            .name = names[i], .test_func = run_case, .initial_state = (void *)(uintptr_t)&cases[i]};
    }
    return _cmocka_run_group_tests(victim, tests, n, NULL, NULL);
}
