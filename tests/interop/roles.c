/* What peers on a stock stack say: a client that greets, checks, renews its token and leaves; a
 * server that answers, and leaves or is left. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "wire/registry.h"
#include "wire/wire.h"

#include <qhcp/error.h>

#define NUDGE (25 * MSEC) /* after a control frame, and twice as long each time ... */
#define NUDGES 7          /* ... so often */

static void say(struct side *side, const struct wire_message *m, bool datagram)
{
    uint8_t buf[LIMIT_FRAME_PAYLOAD + 16];
    int n = wire_encode(m, buf, sizeof buf);

    assert_true(n > 0);
    if (datagram) {
        stock_datagram(&side->stock, buf, (size_t)n);
        return;
    }
    stock_write(&side->stock, buf, (size_t)n);
    side->nudges = 0;
    side->next = t.now + NUDGE;
}

/* The client: it greets, checks, renews its token, leaves. */

static char *mint(void)
{
    uint8_t binding[AUTH_BINDING];
    struct auth_claims claims = {.audience = "127.0.0.1",
                                 .scopes = AUTH_SCOPE_ALL,
                                 .now = trial_wall(),
                                 .lifetime = 3600,
                                 .binding = binding};
    char *token;

    stock_export(&t.client.stock, AUTH_EXPORTER_LABEL, binding);
    assert_int_equal(auth_mint(t.key, &claims, &token), 0);
    return token;
}

static void client_connected(struct stock *s)
{
    char *token = mint();
    struct wire_message m = {.type = WIRE_HELLO};

    (void)s;
    m.hello = (struct wire_hello){.has = WIRE_HAS_TOKEN,
                                  .interval_us = 1000000,
                                  .lb_id = slice_str("stock"),
                                  .push = 1,
                                  .token = slice_str(token)};
    say(&t.client, &m, false);
    auth_token_free(token);
    trial_enter(GREETING, 5 * SEC);
}

static void client_configure(void)
{
    char *token = mint();
    struct wire_message m = {.type = WIRE_CONFIG_UPDATE};

    m.config_update =
        (struct wire_config_update){.has = WIRE_HAS_TOKEN, .id = 1, .token = slice_str(token)};
    say(&t.client, &m, false);
    auth_token_free(token);
    trial_enter(CONFIGURING, 10 * SEC);
}

/* Three checks, 50 ms apart. */
void trial_client_tick(void)
{
    struct wire_message m = {.type = WIRE_HEALTH_REQUEST};

    t.client.next = t.now + 50 * MSEC;
    if (t.step != CHECKING || t.pushes > 0)
        return;
    if (t.seq == 3) {
        client_configure();
        return;
    }
    m.request = (struct wire_health_request){.seq = ++t.seq};
    say(&t.client, &m, true);
}

static void client_frame(struct stock *s, bool datagram, uint64_t type, const uint8_t *p, size_t n)
{
    struct wire_message m;

    (void)s, (void)datagram;
    assert_int_equal(wire_decode(p, n, &m, NULL), 0);
    if (type == WIRE_ACK && t.step == GREETING) {
        trial_enter(CHECKING, 5 * SEC);
    } else if (type == WIRE_HEALTH_RESPONSE) {
        t.answers += (m.response.has & WIRE_HAS_SEQ) != 0;
        t.pushes += (m.response.has & WIRE_HAS_SEQ) == 0;
    } else if (type == WIRE_CONFIG_ACK && t.step == CONFIGURING) {
        assert_int_equal(m.config_ack.refused.count, 0);
        m = (struct wire_message){.type = WIRE_TERMINATE};
        m.terminate = (struct wire_terminate){.deadline_us = 1000000, .reason = slice_str("test")};
        say(&t.client, &m, false);
        trial_enter(LEAVING, SEC);
    } else if (type == WIRE_TERMINATE_ACK && t.step == LEAVING) {
        trial_enter(DONE, 0);
    }
}

const struct stock_config trial_client = {.connected = client_connected, .frame = client_frame};

/* The server: it accepts any token, answers, and leaves some time after an update. */

static struct wire_metrics metrics(void)
{
    struct wire_metrics ret = {.count = 2};

    for (uint64_t i = 0; i < 2; i++) {
        const struct wire_metric_row *row = wire_metric_by_number(i + 1);

        ret.at[i] = (struct wire_metric){row->number, slice_str(row->name), row->unit};
    }
    return ret;
}

static const uint8_t boot_id[LIMIT_BOOT_ID] = "stocked";

static void server_answer(uint64_t seq)
{
    struct wire_message m = {.type = WIRE_HEALTH_RESPONSE};

    m.response = (struct wire_health_response){.has = WIRE_HAS_SEQ,
                                               .seq = seq,
                                               .boot_id = slice_of(boot_id, sizeof boot_id),
                                               .epoch = 1,
                                               .values = {2, {{1, 100}, {2, 200}}}};
    say(&t.server, &m, true);
}

/* The step is the stock client's to say, where there is one. */
static void reach(enum step step, qhcp_nsec time)
{
    if (t.our_lb)
        trial_enter(step, time);
}

void trial_server_frame(struct stock *s, bool datagram, uint64_t type, const uint8_t *p, size_t n)
{
    struct wire_message m, r;

    (void)s, (void)datagram;
    assert_int_equal(wire_decode(p, n, &m, NULL), 0);
    if (type == WIRE_HELLO) {
        r = (struct wire_message){.type = WIRE_ACK};
        r.ack = (struct wire_ack){.interval_us = m.hello.interval_us,
                                  .server_id = slice_str("stock"),
                                  .processing_us = 5000,
                                  .boot_id = slice_of(boot_id, sizeof boot_id),
                                  .push = m.hello.push,
                                  .metrics = metrics()};
        say(&t.server, &r, false);
        reach(CHECKING, 5 * SEC);
    } else if (type == WIRE_HEALTH_REQUEST) {
        server_answer(m.request.seq);
    } else if (type == WIRE_CONFIG_UPDATE) {
        r = (struct wire_message){.type = WIRE_CONFIG_ACK};
        r.config_ack = (struct wire_config_ack){
            .id = m.config_update.id, .interval_us = 1000000, .push = 1, .metrics = metrics()};
        say(&t.server, &r, false);
        reach(CONFIGURING, 11 * SEC); /* by then a load balancer without CONFIG_ACK is gone */
    } else if (type == WIRE_TERMINATE) {
        r = (struct wire_message){.type = WIRE_TERMINATE_ACK};
        say(&t.server, &r, false);
        stock_close(&t.server.stock, (uint64_t)-QHCP_E_NO_ERROR);
    } else if (type == WIRE_TERMINATE_ACK && t.step == LEAVING) {
        trial_enter(DONE, 0);
    }
}

void trial_server_leave(void)
{
    struct wire_message m = {.type = WIRE_TERMINATE};

    m.terminate = (struct wire_terminate){.deadline_us = 1000000, .reason = slice_str("test")};
    say(&t.server, &m, false);
    trial_enter(LEAVING, SEC);
}

/* An empty frame of a reserved type: what any stack can do to have what was lost noticed. */
void trial_server_tick(void)
{
    static const uint8_t reserved[] = {0x21, 0x00};

    t.server.next = UINT64_MAX;
    if (!t.nudging || t.server.nudges == NUDGES)
        return;
    stock_write(&t.server.stock, reserved, sizeof reserved);
    t.server.next = t.now + (NUDGE << ++t.server.nudges);
}
