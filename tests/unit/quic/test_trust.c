/* Who is let in: each refusal beside a twin that differs in the one thing and is accepted; and each
 * again with a session ticket from better days. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "quic/ticket.h"
#include "world.h"

#include <qhcp/error.h>

/* A server with one certificate and a client that trusts something, for one handshake. */
struct trial {
    struct world world;
    struct node server, client;
};

static void trial_init(struct trial *t, const struct quic_tls_config *server,
                       const struct quic_tls_config *client)
{
    struct quic_endpoint_config sc = world_server_config(), cc = world_client_config();
    struct quic_tls *stls = world_tls(server), *ctls = world_tls(client);

    memset(t, 0, sizeof(*t));
    world_init(&t->world, 3);
    world_add(&t->world, &t->server, &sc, stls);
    world_add(&t->world, &t->client, &cc, ctls);
    quic_tls_unref(stls);
    quic_tls_unref(ctls);
}

static void dial(struct trial *t, const char *name)
{
    t->client.connected = t->client.closed = t->server.connected = t->server.closed = 0;
    world_dial_with(&t->client, &t->server, name, t->client.ticket, t->client.ticket_size);
    world_run(&t->world, 8 * NSEC_PER_SEC, NULL);
}

static void assert_refused(struct trial *t, const char *words)
{
    assert_int_equal(t->client.connected, 0);
    assert_int_equal(t->client.closed, 1);
    assert_int_equal(t->client.why.end, QUIC_END_CERTIFICATE);
    if (strstr(t->client.why.words, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", t->client.why.words, words);
    assert_int_equal(t->server.connected, 0);
    assert_int_equal(t->server.closed, 1);
    assert_int_equal(t->server.why.end, QUIC_END_REFUSED_CERTIFICATE);
    assert_true(t->server.why.words[0] != '\0');
    assert_null(strstr(t->server.why.words, "/etc/qhcp"));
}

static void assert_accepted(struct trial *t)
{
    if (t->client.connected != 1 || t->client.closed != 0)
        fail_msg("refused: %s", t->client.why.words);
    assert_int_equal(t->server.connected, 1);
}

static struct cert ca, other_ca;

static int setup(void **state)
{
    (void)state;
    ca = cert_make(&(struct cert_spec){.cn = "QHCP CA", .ca = true});
    other_ca = cert_make(&(struct cert_spec){.cn = "QHCP CA", .ca = true});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cert_free(&ca);
    cert_free(&other_ca);
    return 0;
}

static struct quic_tls_config trusting(const char *pem)
{
    return (struct quic_tls_config){.trust_pem = pem, .trust_name = "/etc/qhcp/ca.pem"};
}

static struct quic_tls_config showing(const struct cert *c)
{
    return (struct quic_tls_config){.cert_pem = c->pem, .key_pem = c->key};
}

/* One certificate, one trust, one name: accepted (words NULL) or refused with these words. */
static void judge(const struct cert_spec *spec, const char *trust, const char *name,
                  const char *words)
{
    struct cert cert = cert_make(spec);
    struct quic_tls_config server = showing(&cert);
    struct quic_tls_config client = trusting(trust ? trust : cert.pem);
    struct trial t;

    trial_init(&t, &server, &client);
    dial(&t, name);
    if (words)
        assert_refused(&t, words);
    else
        assert_accepted(&t);
    world_deinit(&t.world);
    cert_free(&cert);
}

static void the_dialled_name_must_be_the_certificates(void **state)
{
    struct cert_spec a = {.cn = "x", .dns = {"a.example"}, .issuer = &ca};
    struct cert_spec b = {.cn = "x", .dns = {"b.example"}, .issuer = &ca};
    struct cert_spec wild = {.cn = "x", .dns = {"*.example.net"}, .issuer = &ca};
    struct cert_spec cn_only = {.cn = "a.example", .issuer = &ca};
    struct cert_spec v4 = {.cn = "x", .ip = "192.0.2.7", .issuer = &ca};
    struct cert_spec v6 = {.cn = "x", .ip = "2001:db8::7", .issuer = &ca};
    struct cert_spec dns_ip = {.cn = "x", .dns = {"192.0.2.7"}, .issuer = &ca};

    (void)state;
    judge(&a, ca.pem, "a.example", NULL);
    judge(&a, ca.pem, "A.Example.", NULL);
    judge(&b, ca.pem, "a.example", "certificate is for b.example, not a.example");
    judge(&wild, ca.pem, "one.example.net", NULL);
    judge(&wild, ca.pem, "one.two.example.net", "certificate is for *.example.net");
    judge(&wild, ca.pem, "example.net", "certificate is for *.example.net, not example.net");
    judge(&cn_only, ca.pem, "a.example", "certificate is for no name, not a.example");
    judge(&v4, ca.pem, "192.0.2.7", NULL);
    judge(&v4, ca.pem, "192.0.2.8", "certificate is for 192.0.2.7, not 192.0.2.8");
    judge(&v6, ca.pem, "2001:db8:0::7", NULL);
    judge(&v6, ca.pem, "2001:db8::8", "certificate is for 2001:db8::7, not 2001:db8::8");
    judge(&dns_ip, ca.pem, "192.0.2.7", "certificate is for 192.0.2.7, not 192.0.2.7");
}

static void the_certificates_ca_must_be_trusted(void **state)
{
    struct cert_spec a = {.cn = "x", .dns = {"a.example"}, .issuer = &ca};
    char both[8192];

    (void)state;
    judge(&a, ca.pem, "a.example", NULL);
    judge(&a, other_ca.pem, "a.example", "unknown CA: trusted is /etc/qhcp/ca.pem (SHA-256 ");
    judge(&a, other_ca.pem, "a.example", "is issued by CN=QHCP CA; is the server run by another");
    snprintf(both, sizeof(both), "%s%s", other_ca.pem, ca.pem);
    judge(&a, both, "a.example", NULL);
}

static void a_certificate_may_be_pinned_as_it_is(void **state)
{
    struct cert_spec self = {.cn = "x", .dns = {"a.example"}};
    struct cert_spec issued = {.cn = "x", .dns = {"a.example"}, .issuer = &ca};
    struct cert_spec expired = {.cn = "x", .dns = {"a.example"}, .from = -999999, .until = -300000};
    struct cert pin = cert_make(&self);

    (void)state;
    judge(&self, NULL, "a.example", NULL);
    judge(&issued, NULL, "a.example", NULL);
    judge(&self, pin.pem, "a.example", "unknown CA");
    judge(&self, NULL, "b.example", "certificate is for a.example, not b.example");
    judge(&expired, NULL, "a.example", "certificate expired 3 days ago");
    cert_free(&pin);
}

static void a_pinned_certificate_vouches_for_no_other(void **state)
{
    struct cert_spec self = {.cn = "x", .dns = {"a.example"}};
    struct cert pin = cert_make(&self);
    struct cert_spec child = {.cn = "y", .dns = {"a.example"}, .issuer = &pin};

    (void)state;
    judge(&child, pin.pem, "a.example", "unknown CA");
    cert_free(&pin);
}

static void the_dates_must_hold(void **state)
{
    struct cert_spec good = {.cn = "x", .dns = {"a.example"}, .issuer = &ca};
    struct cert_spec late = {
        .cn = "x", .dns = {"a.example"}, .issuer = &ca, .from = -999999, .until = -259300};
    struct cert_spec early = {
        .cn = "x", .dns = {"a.example"}, .issuer = &ca, .from = 10000, .until = 99999};

    (void)state;
    judge(&good, ca.pem, "a.example", NULL);
    judge(&late, ca.pem, "a.example", "certificate expired 3 days ago");
    judge(&early, ca.pem, "a.example", "certificate is not valid yet: it begins in 2 hours");
}

static void a_clients_certificate_does_not_serve(void **state)
{
    struct cert_spec spec = {.cn = "x", .dns = {"a.example"}, .issuer = &ca, .client = true};

    (void)state;
    judge(&spec, ca.pem, "a.example", "not meant for a TLS server");
    spec.client = false;
    judge(&spec, ca.pem, "a.example", NULL);
}

static void insecure_accepts_what_is_refused_otherwise(void **state)
{
    struct cert cert = cert_make(&(struct cert_spec){.cn = "x", .dns = {"b.example"}});
    struct quic_tls_config server = showing(&cert), client = trusting(ca.pem);
    struct trial t;

    (void)state;
    trial_init(&t, &server, &client);
    dial(&t, "a.example");
    assert_refused(&t, "unknown CA");
    world_deinit(&t.world);
    client.insecure = true;
    trial_init(&t, &server, &client);
    dial(&t, "a.example");
    assert_accepted(&t);
    world_deinit(&t.world);
    cert_free(&cert);
}

static void a_ticket_resumes_the_session(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p);
    pair_connect(&p);
    assert_false(p.client.resumed);
    assert_true(p.client.ticket_size > 0);
    for (unsigned i = 0; i < 3; i++) { /* each resumed session gives the next ticket */
        int64_t expires = p.client.peer_expires;

        quic_conn_close(p.client.conn, 0, "");
        world_run(&p.world, NSEC_PER_SEC, NULL);
        world_dial_with(&p.client, &p.server, "a.example", p.client.ticket, p.client.ticket_size);
        world_run(&p.world, NSEC_PER_SEC, NULL);
        assert_int_equal(p.client.connected, i + 2);
        assert_true(p.client.resumed);
        assert_true(p.server.resumed);
        assert_int_equal(p.client.peer_expires, expires);
        assert_int_equal(p.client.tickets, i + 2);
    }
    pair_deinit(&p);
}

static void a_ticket_that_is_garbage_gives_a_full_handshake(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p);
    pair_connect(&p);
    quic_conn_close(p.client.conn, 0, "");
    for (size_t at = 0; at < p.client.ticket_size; at += 31) {
        p.client.ticket[at] ^= 0x55;
        world_dial_with(&p.client, &p.server, "a.example", p.client.ticket, at + 1);
        world_run(&p.world, NSEC_PER_SEC, NULL);
        assert_false(p.client.resumed);
    }
    assert_true(p.client.connected > 10);
    pair_deinit(&p);
}

/* The server of better days is replaced by another; the client keeps its ticket. */
static void with_an_old_ticket(const struct cert_spec *then, const struct cert_spec *now,
                               const char *trust_now, const char *name, const char *words)
{
    struct cert before = cert_make(then), after = cert_make(now);
    struct quic_tls_config server = showing(&before), client = trusting(ca.pem);
    struct quic_endpoint_config sc = world_server_config(), cc = world_client_config();
    static const uint8_t ticket_key[32] = {7};
    struct quic_tls *tls;
    struct trial t;

    server.ticket_key = ticket_key;
    trial_init(&t, &server, &client);
    dial(&t, "a.example");
    assert_accepted(&t);
    assert_true(t.client.ticket_size > 0);
    server.cert_pem = after.pem;
    server.key_pem = after.key;
    tls = world_tls(&server);
    world_restart(&t.world, &t.server, &sc, tls);
    quic_tls_unref(tls);
    client = trusting(trust_now);
    tls = world_tls(&client);
    world_restart(&t.world, &t.client, &cc, tls);
    quic_tls_unref(tls);
    dial(&t, name);
    if (words)
        assert_refused(&t, words);
    else
        assert_accepted(&t);
    world_deinit(&t.world);
    cert_free(&before);
    cert_free(&after);
}

static void an_old_ticket_weakens_nothing(void **state)
{
    struct cert_spec good = {.cn = "x", .dns = {"a.example"}, .issuer = &ca};
    struct cert_spec b = {.cn = "x", .dns = {"b.example"}, .issuer = &ca};
    struct cert_spec foreign = {.cn = "x", .dns = {"a.example"}, .issuer = &other_ca};
    struct cert_spec expired = {
        .cn = "x", .dns = {"a.example"}, .issuer = &ca, .from = -999999, .until = -300000};

    (void)state;
    with_an_old_ticket(&good, &good, ca.pem, "a.example", NULL);
    with_an_old_ticket(&good, &b, ca.pem, "a.example", "certificate is for b.example");
    with_an_old_ticket(&good, &foreign, ca.pem, "a.example", "unknown CA");
    with_an_old_ticket(&good, &expired, ca.pem, "a.example", "certificate expired");
    /* The trust changed, not the server. */
    with_an_old_ticket(&good, &good, other_ca.pem, "a.example", "unknown CA");
    /* Another name of the same server. */
    with_an_old_ticket(&good, &good, ca.pem, "b.example", "certificate is for a.example");
}

/* The very same server and ticket key: only the client's side of the world has changed. */
static void a_ticket_is_not_used_under_another_trust_or_name(void **state)
{
    struct cert cert =
        cert_make(&(struct cert_spec){.cn = "x", .dns = {"a.example", "c.example"}, .issuer = &ca});
    struct quic_tls_config server = showing(&cert), client = trusting(ca.pem);
    struct quic_endpoint_config cc = world_client_config();
    struct quic_tls *tls;
    struct trial t;

    (void)state;
    trial_init(&t, &server, &client);
    dial(&t, "a.example");
    assert_accepted(&t);
    dial(&t, "a.example");
    assert_true(t.client.resumed);
    dial(&t, "c.example"); /* accepted, but on the certificate's word */
    assert_accepted(&t);
    assert_false(t.client.resumed);
    client = trusting(other_ca.pem);
    tls = world_tls(&client);
    world_restart(&t.world, &t.client, &cc, tls);
    quic_tls_unref(tls);
    dial(&t, "c.example");
    assert_refused(&t, "unknown CA");
    world_deinit(&t.world);
    cert_free(&cert);
}

/* A ticket's wrapper is no secret: even one that claims another trust opens nothing, since the
 * chain in the session is judged again. */
static void a_ticket_rewrapped_for_another_trust_is_judged_again(void **state)
{
    struct cert cert =
        cert_make(&(struct cert_spec){.cn = "x", .dns = {"a.example"}, .issuer = &ca});
    struct quic_tls_config server = showing(&cert), client = trusting(ca.pem);
    struct quic_endpoint_config cc = world_client_config();
    uint8_t before[32], after[32], *wrapped;
    struct quic_tls *tls, *old;
    struct slice session;
    int64_t expires;
    size_t size;
    struct trial t;

    (void)state;
    trial_init(&t, &server, &client);
    old = world_tls(&client);
    dial(&t, "a.example");
    assert_accepted(&t);
    client = trusting(other_ca.pem);
    tls = world_tls(&client);
    quic_tls_fingerprint(old, before);
    quic_tls_fingerprint(tls, after);
    assert_int_equal(quic_ticket_open(slice_of(t.client.ticket, t.client.ticket_size), before,
                                      "a.example", time(NULL), &session, &expires),
                     0);
    assert_int_equal(quic_ticket_wrap(after, "a.example", expires, session, &wrapped, &size), 0);
    memcpy(t.client.ticket, wrapped, size);
    t.client.ticket_size = size;
    world_restart(&t.world, &t.client, &cc, tls);
    t.client.connected = t.client.closed = 0;
    world_dial_with(&t.client, &t.server, "a.example", t.client.ticket, size);
    world_run(&t.world, NSEC_PER_SEC, NULL);
    assert_int_equal(t.client.connected, 0);
    assert_int_equal(t.client.why.end, QUIC_END_CERTIFICATE);
    assert_non_null(strstr(t.client.why.words, "unknown CA"));
    free(wrapped);
    quic_tls_unref(tls);
    quic_tls_unref(old);
    world_deinit(&t.world);
    cert_free(&cert);
}

static void a_fingerprint_changes_with_trust_certificate_and_policy(void **state)
{
    struct cert cert = cert_make(&(struct cert_spec){.cn = "c", .issuer = &ca, .client = true});
    struct quic_tls_config configs[] = {
        {.trust_pem = ca.pem},
        {.trust_pem = other_ca.pem},
        {.trust_pem = ca.pem, .insecure = true},
        {.trust_pem = ca.pem, .cert_pem = cert.pem, .key_pem = cert.key},
        {.trust_pem = ca.pem, .trust_name = "another path"},
    };
    uint8_t prints[5][32];

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct quic_tls *tls = world_tls(&configs[i]);

        quic_tls_fingerprint(tls, prints[i]);
        quic_tls_unref(tls);
    }
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(prints[i], prints[j], 32);
    assert_memory_equal(prints[0], prints[4], 32);
    cert_free(&cert);
}

static void try_client_certificate(const struct cert *shown, const char *words)
{
    struct cert cert =
        cert_make(&(struct cert_spec){.cn = "x", .dns = {"a.example"}, .issuer = &ca});
    struct quic_tls_config server = showing(&cert), client = trusting(ca.pem);
    struct trial t;

    server.trust_pem = ca.pem;
    server.trust_name = "/etc/qhcp/clients.pem";
    server.require_client_cert = true;
    if (shown) {
        client.cert_pem = shown->pem;
        client.key_pem = shown->key;
    }
    trial_init(&t, &server, &client);
    dial(&t, "a.example");
    if (words == NULL) {
        assert_accepted(&t);
        assert_int_equal(t.client.tickets, 0); /* its certificate is looked at every time */
    } else {
        assert_int_equal(t.server.connected, 0);
        assert_int_equal(t.server.why.end, QUIC_END_CERTIFICATE);
        if (strstr(t.server.why.words, words) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", t.server.why.words, words);
        assert_int_equal(t.client.closed, 1);
        assert_int_equal(t.client.why.end, QUIC_END_REFUSED_CERTIFICATE);
        assert_true(t.client.why.words[0] != '\0');
        assert_null(strstr(t.client.why.words, "/etc"));
    }
    world_deinit(&t.world);
    cert_free(&cert);
}

static void a_server_may_demand_client_certificates(void **state)
{
    struct cert good = cert_make(&(struct cert_spec){.cn = "lb", .issuer = &ca, .client = true});
    struct cert foreign =
        cert_make(&(struct cert_spec){.cn = "lb", .issuer = &other_ca, .client = true});
    struct cert server = cert_make(&(struct cert_spec){.cn = "lb", .issuer = &ca});
    struct cert expired = cert_make(&(struct cert_spec){
        .cn = "lb", .issuer = &ca, .client = true, .from = -99999, .until = -7200});

    (void)state;
    try_client_certificate(&good, NULL);
    try_client_certificate(NULL, "shows no certificate");
    try_client_certificate(&foreign, "unknown CA: trusted is /etc/qhcp/clients.pem");
    try_client_certificate(&server, "not meant for a TLS client");
    try_client_certificate(&expired, "certificate expired");
    cert_free(&good);
    cert_free(&foreign);
    cert_free(&server);
    cert_free(&expired);
}

static void the_exporter_is_equal_on_both_sides_and_new_on_every_connection(void **state)
{
    uint8_t values[4][32];
    struct pair p;

    (void)state;
    pair_init(&p);
    pair_connect(&p);
    assert_int_equal(quic_conn_export(p.client.conn, "EXPORTER-x", values[0], 32), 0);
    assert_int_equal(quic_conn_export(p.server.conn, "EXPORTER-x", values[1], 32), 0);
    assert_memory_equal(values[0], values[1], 32);
    assert_int_equal(quic_conn_export(p.client.conn, "EXPORTER-y", values[1], 32), 0);
    assert_memory_not_equal(values[0], values[1], 32);
    world_dial_with(&p.client, &p.server, "a.example", p.client.ticket, p.client.ticket_size);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_true(p.client.resumed);
    assert_int_equal(quic_conn_export(p.client.conn, "EXPORTER-x", values[2], 32), 0);
    assert_int_equal(quic_conn_export(p.server.conn, "EXPORTER-x", values[3], 32), 0);
    assert_memory_equal(values[2], values[3], 32);
    assert_memory_not_equal(values[0], values[2], 32);
    /* Long after the TLS session is freed, the value that was asked for is still there. */
    world_run(&p.world, 60 * NSEC_PER_SEC, NULL);
    assert_int_equal(quic_conn_export(p.client.conn, "EXPORTER-x", values[3], 32), 0);
    assert_memory_equal(values[2], values[3], 32);
    assert_int_equal(quic_conn_export(p.client.conn, "EXPORTER-z", values[3], 32), QHCP_E_TLS);
    pair_deinit(&p);
}

static void credentials_that_do_not_fit_are_refused_with_words(void **state)
{
    struct cert a = cert_make(&(struct cert_spec){.cn = "a"});
    struct cert b = cert_make(&(struct cert_spec){.cn = "b"});
    struct quic_tls *tls;
    char words[256];

    (void)state;
#define REFUSED(text, ...)                                                                         \
    do {                                                                                           \
        assert_int_equal(                                                                          \
            quic_tls_new(&(struct quic_tls_config){__VA_ARGS__}, &tls, words, sizeof(words)),      \
            QHCP_E_TLS);                                                                           \
        if (strstr(words, text) == NULL)                                                           \
            fail_msg("\"%s\" does not say \"%s\"", words, text);                                   \
    } while (0)
    REFUSED("certificate and key", .cert_pem = a.pem, .key_pem = b.key);
    REFUSED("certificate: ", .cert_pem = "nonsense", .key_pem = b.key);
    REFUSED("key: ", .cert_pem = a.pem, .key_pem = "nonsense");
    REFUSED("needs its key", .cert_pem = a.pem);
    REFUSED("trusted certificates in F: ", .trust_pem = "nonsense", .trust_name = "F");
    REFUSED("no CA is trusted", .cert_pem = a.pem, .key_pem = a.key, .require_client_cert = true);
    assert_int_equal(quic_tls_new(&(struct quic_tls_config){.cert_pem = a.pem, .key_pem = a.key},
                                  &tls, words, sizeof(words)),
                     0);
    quic_tls_unref(tls);
    cert_free(&a);
    cert_free(&b);
}

static void a_server_knows_what_its_certificate_covers(void **state)
{
    struct cert cert =
        cert_make(&(struct cert_spec){.cn = "no.example", .dns = {"a.example"}, .ip = "127.0.0.1"});
    struct quic_tls_config config = showing(&cert);
    struct quic_tls *tls = world_tls(&config);

    (void)state;
    assert_true(quic_tls_covers(tls, "a.example"));
    assert_true(quic_tls_covers(tls, "127.0.0.1"));
    assert_false(quic_tls_covers(tls, "127.0.0.2"));
    assert_false(quic_tls_covers(tls, "b.example"));
    assert_false(quic_tls_covers(tls, "no.example"));
    quic_tls_unref(tls);
    cert_free(&cert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dialled_name_must_be_the_certificates),
        cmocka_unit_test(the_certificates_ca_must_be_trusted),
        cmocka_unit_test(a_certificate_may_be_pinned_as_it_is),
        cmocka_unit_test(a_pinned_certificate_vouches_for_no_other),
        cmocka_unit_test(the_dates_must_hold),
        cmocka_unit_test(a_clients_certificate_does_not_serve),
        cmocka_unit_test(insecure_accepts_what_is_refused_otherwise),
        cmocka_unit_test(a_ticket_resumes_the_session),
        cmocka_unit_test(a_ticket_that_is_garbage_gives_a_full_handshake),
        cmocka_unit_test(an_old_ticket_weakens_nothing),
        cmocka_unit_test(a_ticket_is_not_used_under_another_trust_or_name),
        cmocka_unit_test(a_ticket_rewrapped_for_another_trust_is_judged_again),
        cmocka_unit_test(a_fingerprint_changes_with_trust_certificate_and_policy),
        cmocka_unit_test(a_server_may_demand_client_certificates),
        cmocka_unit_test(the_exporter_is_equal_on_both_sides_and_new_on_every_connection),
        cmocka_unit_test(credentials_that_do_not_fit_are_refused_with_words),
        cmocka_unit_test(a_server_knows_what_its_certificate_covers),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
