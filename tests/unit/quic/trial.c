#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct cert trial_ca, trial_other_ca;

void trial_init(struct trial *t, const struct quic_tls_config *server,
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

void trial_dial(struct trial *t, const char *name)
{
    t->client.connected = t->client.closed = t->server.connected = t->server.closed = 0;
    world_dial_with(&t->client, &t->server, name, t->client.ticket, t->client.ticket_size);
    world_run(&t->world, 8 * NSEC_PER_SEC, NULL);
}

void trial_refused(struct trial *t, const char *words)
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

void trial_accepted(struct trial *t)
{
    if (t->client.connected != 1 || t->client.closed != 0)
        fail_msg("refused: %s", t->client.why.words);
    assert_int_equal(t->server.connected, 1);
}

int trial_setup(void **state)
{
    (void)state;
    trial_ca = cert_make(&(struct cert_spec){.cn = "QHCP CA", .ca = true});
    trial_other_ca = cert_make(&(struct cert_spec){.cn = "QHCP CA", .ca = true});
    return 0;
}

int trial_teardown(void **state)
{
    (void)state;
    cert_free(&trial_ca);
    cert_free(&trial_other_ca);
    return 0;
}

struct quic_tls_config trial_trusting(const char *pem)
{
    return (struct quic_tls_config){.trust_pem = pem, .trust_name = "/etc/qhcp/ca.pem"};
}

struct quic_tls_config trial_showing(const struct cert *c)
{
    return (struct quic_tls_config){.cert_pem = c->pem, .key_pem = c->key};
}
