/* Session tickets resume sessions and weaken nothing; the exporter is each connection's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "quic/internal.h"
#include "quic/ticket.h"
#include "trial.h"

#include <qhcp/error.h>

static void a_ticket_resumes_the_session(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
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
    world_pair_deinit(&p);
}

static void a_ticket_that_is_garbage_gives_a_full_handshake(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    quic_conn_close(p.client.conn, 0, "");
    for (size_t at = 0; at < p.client.ticket_size; at += 31) {
        p.client.ticket[at] ^= 0x55;
        world_dial_with(&p.client, &p.server, "a.example", p.client.ticket, at + 1);
        world_run(&p.world, NSEC_PER_SEC, NULL);
        assert_false(p.client.resumed);
    }
    assert_true(p.client.connected > 10);
    world_pair_deinit(&p);
}

/* The server of better days is replaced by another; the client keeps its ticket. */
static void with_an_old_ticket(const struct cert_spec *then, const struct cert_spec *now,
                               const char *trust_now, const char *name, const char *words)
{
    struct cert before = cert_make(then), after = cert_make(now);
    struct quic_tls_config server = trial_showing(&before), client = trial_trusting(trial_ca.pem);
    struct quic_endpoint_config sc = world_server_config(), cc = world_client_config();
    static const uint8_t ticket_key[32] = {7};
    struct quic_tls *tls;
    struct trial t;

    server.ticket_key = ticket_key;
    trial_init(&t, &server, &client);
    trial_dial(&t, "a.example");
    trial_accepted(&t);
    assert_true(t.client.ticket_size > 0);
    server.cert_pem = after.pem;
    server.key_pem = after.key;
    tls = world_tls(&server);
    world_restart(&t.world, &t.server, &sc, tls);
    quic_tls_unref(tls);
    client = trial_trusting(trust_now);
    tls = world_tls(&client);
    world_restart(&t.world, &t.client, &cc, tls);
    quic_tls_unref(tls);
    trial_dial(&t, name);
    if (words)
        trial_refused(&t, words);
    else
        trial_accepted(&t);
    world_deinit(&t.world);
    cert_free(&before);
    cert_free(&after);
}

static void an_old_ticket_weakens_nothing(void **state)
{
    struct cert_spec good = {.cn = "x", .dns = {"a.example"}, .issuer = &trial_ca};
    struct cert_spec b = {.cn = "x", .dns = {"b.example"}, .issuer = &trial_ca};
    struct cert_spec foreign = {.cn = "x", .dns = {"a.example"}, .issuer = &trial_other_ca};
    struct cert_spec expired = {
        .cn = "x", .dns = {"a.example"}, .issuer = &trial_ca, .from = -999999, .until = -300000};

    (void)state;
    with_an_old_ticket(&good, &good, trial_ca.pem, "a.example", NULL);
    with_an_old_ticket(&good, &b, trial_ca.pem, "a.example", "certificate is for b.example");
    with_an_old_ticket(&good, &foreign, trial_ca.pem, "a.example", "unknown CA");
    with_an_old_ticket(&good, &expired, trial_ca.pem, "a.example", "certificate expired");
    /* The trust changed, not the server. */
    with_an_old_ticket(&good, &good, trial_other_ca.pem, "a.example", "unknown CA");
    /* Another name of the same server. */
    with_an_old_ticket(&good, &good, trial_ca.pem, "b.example", "certificate is for a.example");
}

/* The very same server and ticket key: only the client's side of the world has changed. */
static void a_ticket_is_not_used_under_another_trust_or_name(void **state)
{
    struct cert cert = cert_make(
        &(struct cert_spec){.cn = "x", .dns = {"a.example", "c.example"}, .issuer = &trial_ca});
    struct quic_tls_config server = trial_showing(&cert), client = trial_trusting(trial_ca.pem);
    struct quic_endpoint_config cc = world_client_config();
    struct quic_tls *tls;
    struct trial t;
    char both[4096];

    (void)state;
    trial_init(&t, &server, &client);
    trial_dial(&t, "a.example");
    trial_accepted(&t);
    trial_dial(&t, "a.example");
    assert_true(t.client.resumed);
    trial_dial(&t, "c.example"); /* accepted, but on the certificate's word */
    trial_accepted(&t);
    assert_false(t.client.resumed);
    snprintf(both, sizeof(both), "%s%s", trial_ca.pem, trial_other_ca.pem);
    client = trial_trusting(both);
    tls = world_tls(&client);
    world_restart(&t.world, &t.client, &cc, tls);
    quic_tls_unref(tls);
    trial_dial(&t, "c.example"); /* more is trusted than before: accepted, but looked at */
    trial_accepted(&t);
    assert_false(t.client.resumed);
    client = trial_trusting(trial_other_ca.pem);
    tls = world_tls(&client);
    world_restart(&t.world, &t.client, &cc, tls);
    quic_tls_unref(tls);
    trial_dial(&t, "c.example");
    trial_refused(&t, "unknown CA");
    world_deinit(&t.world);
    cert_free(&cert);
}

/* Nobody without the key of the new trust can make a ticket for it: not from an old one, and not
 * with what everybody can know. */
static void a_ticket_rewrapped_for_another_trust_opens_nothing(void **state)
{
    struct cert cert =
        cert_make(&(struct cert_spec){.cn = "x", .dns = {"a.example"}, .issuer = &trial_ca});
    static const uint8_t secret[32] = {9};
    struct quic_tls_config server = trial_showing(&cert), client = trial_trusting(trial_ca.pem);
    struct quic_endpoint_config cc = world_client_config();
    uint8_t guess[32], *wrapped;
    struct quic_validity valid;
    struct quic_tls *tls, *old;
    struct slice session;
    size_t size;
    struct trial t;

    (void)state;
    client.ticket_key = secret;
    trial_init(&t, &server, &client);
    old = world_tls(&client);
    trial_dial(&t, "a.example");
    trial_accepted(&t);
    client = trial_trusting(trial_other_ca.pem);
    client.ticket_key = secret;
    tls = world_tls(&client);
    assert_int_equal(quic_ticket_open(slice_of(t.client.ticket, t.client.ticket_size),
                                      quic_tls_ticket_key(old), "a.example", time(NULL), &session,
                                      &valid),
                     0);
    quic_tls_fingerprint(tls, guess);
    assert_memory_not_equal(guess, quic_tls_ticket_key(tls), 32);
    assert_memory_not_equal(quic_tls_ticket_key(old), quic_tls_ticket_key(tls), 32);
    assert_int_equal(quic_ticket_wrap(guess, "a.example", &valid, session, &wrapped, &size), 0);
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

/* It ends with the first certificate of the chain, not only with the server's own. */
static void a_ticket_ends_with_the_chain(void **state)
{
    static const uint8_t key[32] = {1};
    const struct quic_validity valid = {.leaf = 2000, .chain = 1000};
    const uint8_t data[] = "session";
    struct quic_validity got;
    struct slice session;
    uint8_t *ticket;
    size_t n;

    (void)state;
    assert_int_equal(quic_ticket_wrap(key, "a", &valid, slice_of(data, 7), &ticket, &n), 0);
    assert_int_equal(quic_ticket_open(slice_of(ticket, n), key, "a", 1000, &session, &got), 0);
    assert_int_equal(got.leaf, 2000);
    assert_int_equal(got.chain, 1000);
    assert_int_equal(quic_ticket_open(slice_of(ticket, n), key, "a", 1001, &session, &got),
                     QHCP_E_NOT_FOUND);
    free(ticket);
}

static void a_fingerprint_changes_with_trust_certificate_and_policy(void **state)
{
    struct cert cert =
        cert_make(&(struct cert_spec){.cn = "c", .issuer = &trial_ca, .client = true});
    struct quic_tls_config configs[] = {
        {.trust_pem = trial_ca.pem},
        {.trust_pem = trial_other_ca.pem},
        {.trust_pem = trial_ca.pem, .insecure = true},
        {.trust_pem = trial_ca.pem, .cert_pem = cert.pem, .key_pem = cert.key},
        {.trust_pem = trial_ca.pem, .trust_name = "another path"},
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

static void the_exporter_is_equal_on_both_sides_and_new_on_every_connection(void **state)
{
    uint8_t values[4][32];
    struct pair p;

    (void)state;
    world_pair_init(&p);
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
    world_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_resumes_the_session),
        cmocka_unit_test(a_ticket_that_is_garbage_gives_a_full_handshake),
        cmocka_unit_test(an_old_ticket_weakens_nothing),
        cmocka_unit_test(a_ticket_is_not_used_under_another_trust_or_name),
        cmocka_unit_test(a_ticket_rewrapped_for_another_trust_opens_nothing),
        cmocka_unit_test(a_ticket_ends_with_the_chain),
        cmocka_unit_test(a_fingerprint_changes_with_trust_certificate_and_policy),
        cmocka_unit_test(the_exporter_is_equal_on_both_sides_and_new_on_every_connection),
    };

    return cmocka_run_group_tests(tests, trial_setup, trial_teardown);
}
