#include "rogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <gnutls/crypto.h>

#include "base/cursor.h"

#define PRIORITIES                                                                                 \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:%DISABLE_TLS13_COMPAT_MODE:-CIPHER-ALL:+AES-128-GCM"
#define PARAMETERS 0x39 /* the extension (RFC 9001, 8.2) */
#define PIECE 1000      /* bytes of TLS in one packet */
#define RESET_TOKEN "0123456789abcdef"

/* --- transport parameters ----------------------------------------------------------------- */

static bool left_out(const struct rogue *r, unsigned id)
{
    char digits[3];
    const char *without = r->plan->without;

    snprintf(digits, sizeof(digits), "%02x", id);
    for (; without != NULL && *without != '\0'; without += 2)
        if (strncmp(without, digits, 2) == 0)
            return true;
    return false;
}

static void put_bytes(const struct rogue *r, struct writer *w, unsigned id, struct slice value)
{
    if (left_out(r, id))
        return;
    writer_varint(w, id);
    writer_varint(w, value.n);
    writer_bytes(w, value);
}

static void put_number(const struct rogue *r, struct writer *w, unsigned id, uint64_t value)
{
    uint8_t bytes[8];
    struct writer number;

    writer_init(&number, bytes, sizeof(bytes));
    writer_varint(&number, value);
    put_bytes(r, w, id, slice_of(bytes, (size_t)(number.p - bytes)));
}

static size_t put_params(const struct rogue *r, uint8_t *ret, size_t cap)
{
    struct writer w;

    writer_init(&w, ret, cap);
    put_number(r, &w, 0x01, 30000); /* max_idle_timeout */
    put_number(r, &w, 0x04, 65536); /* initial_max_data, and of streams */
    put_number(r, &w, 0x05, 65536);
    put_number(r, &w, 0x06, 65536);
    put_number(r, &w, 0x08, 1);    /* initial_max_streams_bidi */
    put_number(r, &w, 0x0e, 4);    /* active_connection_id_limit */
    put_number(r, &w, 0x20, 1200); /* max_datagram_frame_size */
    put_bytes(r, &w, 0x0f, slice_of(r->scid, sizeof(r->scid)));
    if (r->server) {
        put_bytes(r, &w, 0x00, slice_of(r->first_dcid, r->first_dcid_size));
        put_bytes(r, &w, 0x02, slice_str(RESET_TOKEN));
    }
    writer_bytes(&w, r->plan->params);
    assert_int_equal(w.error, 0);
    return (size_t)(w.p - ret);
}

static int on_params_wanted(gnutls_session_t session, gnutls_buffer_t buffer)
{
    struct rogue *r = gnutls_session_get_ptr(session);
    uint8_t params[1024];
    size_t n = put_params(r, params, sizeof(params));

    if (r->plan->no_params || (r->plan->no_params_again && r->hellos > 0))
        return 0;
    return gnutls_buffer_append_data(buffer, params, n) == 0 ? (int)n : GNUTLS_E_MEMORY_ERROR;
}

static int on_params_came(gnutls_session_t session, const unsigned char *p, size_t n)
{
    (void)session, (void)p, (void)n;
    return 0;
}

/* --- packets out ---------------------------------------------------------------------------- */

static size_t put_head(struct rogue *r, enum rogue_level level, size_t n, uint8_t *packet)
{
    struct writer w;

    writer_init(&w, packet, 100);
    if (level == ROGUE_APP) {
        writer_bytes(&w, slice_of("\x43", 1));
        writer_bytes(&w, slice_of(r->dcid, r->dcid_size));
    } else {
        writer_bytes(&w, slice_of(level == ROGUE_INITIAL ? "\xc3\0\0\0\1" : "\xe3\0\0\0\1", 5));
        writer_varint(&w, r->dcid_size);
        writer_bytes(&w, slice_of(r->dcid, r->dcid_size));
        writer_varint(&w, sizeof(r->scid));
        writer_bytes(&w, slice_of(r->scid, sizeof(r->scid)));
        if (level == ROGUE_INITIAL)
            writer_varint(&w, 0); /* no token */
        *w.p++ = (uint8_t)(0x40 | (n + 20) >> 8);
        *w.p++ = (uint8_t)(n + 20);
    }
    for (unsigned i = 4; i-- > 0;)
        *w.p++ = (uint8_t)(r->spaces[level].next >> (8 * i));
    return (size_t)(w.p - packet);
}

void rogue_send(struct rogue *r, enum rogue_level level, struct slice frames, uint8_t bits)
{
    struct rogue_space *s = &r->spaces[level];
    uint8_t packet[ROGUE_PACKET] = {0};
    size_t head, n = frames.n;

    assert_true(s->tx.known && frames.n <= 1300);
    head = put_head(r, level, n, packet);
    if (level == ROGUE_INITIAL && head + n + 16 < 1200) {
        n = 1200 - 16 - head; /* behind the frames: PADDING */
        head = put_head(r, level, n, packet);
    }
    packet[0] ^= bits;
    if (frames.n > 0)
        memcpy(packet + head, frames.p, frames.n);
    rogue_seal(&s->tx, s->next++, packet, head, n);
    r->send(r->ctx, packet, head + n + 16);
}

void rogue_crypto(struct rogue *r, enum rogue_level level, struct slice bytes)
{
    while (bytes.n > 0) {
        size_t part = bytes.n < PIECE ? bytes.n : PIECE;
        uint8_t frame[PIECE + 20];
        struct writer w;

        writer_init(&w, frame, sizeof(frame));
        writer_varint(&w, 0x06);
        writer_varint(&w, r->spaces[level].crypto_sent);
        writer_varint(&w, part);
        writer_bytes(&w, slice_of(bytes.p, part));
        rogue_send(r, level, slice_of(frame, (size_t)(w.p - frame)), 0);
        r->spaces[level].crypto_sent += part;
        bytes = slice_of(bytes.p + part, bytes.n - part);
    }
}

void rogue_begin(struct rogue *r, enum rogue_level level)
{
    const struct rogue_plan *plan = r->plan;

    if (r->spaces[level].began || plan->level != level)
        return;
    r->spaces[level].began = true;
    if (plan->frames.n > 0 || plan->empty)
        rogue_send(r, level, plan->frames, plan->bits);
}

/* What TLS has written, by levels: a level's keys are known before anything is written to it. */
static void flush(struct rogue *r)
{
    for (enum rogue_level level = ROGUE_INITIAL; level < ROGUE_LEVELS; level++) {
        struct rogue_space *s = &r->spaces[level];

        if (!s->tx.known)
            continue;
        if (level == ROGUE_HANDSHAKE || (level == ROGUE_APP && r->plan->early))
            rogue_begin(r, level);
        rogue_crypto(r, level, slice_of(s->held, s->n_held));
        s->n_held = 0;
    }
}

/* --- TLS -------------------------------------------------------------------------------------- */

static enum rogue_level level_of(gnutls_record_encryption_level_t level)
{
    return level == GNUTLS_ENCRYPTION_LEVEL_INITIAL     ? ROGUE_INITIAL
           : level == GNUTLS_ENCRYPTION_LEVEL_HANDSHAKE ? ROGUE_HANDSHAKE
                                                        : ROGUE_APP;
}

static void replace(uint8_t *p, size_t n, struct slice from, struct slice to)
{
    for (size_t i = 0; from.n > 0 && i + from.n <= n; i++)
        if (memcmp(p + i, from.p, from.n) == 0)
            memcpy(p + i, to.p, to.n);
}

static int on_message(gnutls_session_t session, gnutls_record_encryption_level_t level,
                      gnutls_handshake_description_t type, const void *p, size_t n)
{
    struct rogue *r = gnutls_session_get_ptr(session);
    struct rogue_space *s = &r->spaces[level_of(level)];

    if (type == GNUTLS_HANDSHAKE_CHANGE_CIPHER_SPEC)
        return 0;
    r->hellos += type == GNUTLS_HANDSHAKE_CLIENT_HELLO;
    assert_true(s->n_held + n <= sizeof(s->held));
    memcpy(s->held + s->n_held, p, n);
    replace(s->held + s->n_held, n, r->plan->from, r->plan->to);
    s->n_held += n;
    return 0;
}

static int on_secret(gnutls_session_t session, gnutls_record_encryption_level_t level,
                     const void *read, const void *write, size_t n)
{
    struct rogue *r = gnutls_session_get_ptr(session);
    struct rogue_space *s = &r->spaces[level_of(level)];

    assert_int_equal(n, 32);
    if (read != NULL)
        rogue_traffic_keys(read, &s->rx);
    if (write != NULL)
        rogue_traffic_keys(write, &s->tx);
    return 0;
}

static int on_alert(gnutls_session_t session, gnutls_record_encryption_level_t level,
                    gnutls_alert_level_t severity, gnutls_alert_description_t what)
{
    (void)session, (void)level, (void)severity, (void)what;
    return 0;
}

static void go_on(struct rogue *r)
{
    int rv = gnutls_handshake(r->tls);

    r->complete = rv == 0;
    if (rv < 0 && gnutls_error_is_fatal(rv))
        fail_msg("the rogue peer's own TLS: %s", gnutls_strerror(rv));
    flush(r);
    if (r->complete && r->server)
        rogue_send(r, ROGUE_APP, slice_of("\x1e", 1), 0); /* HANDSHAKE_DONE */
}

void rogue_take_crypto(struct rogue *r, enum rogue_level level, uint64_t offset, struct slice data)
{
    static const gnutls_record_encryption_level_t names[] = {
        [ROGUE_INITIAL] = GNUTLS_ENCRYPTION_LEVEL_INITIAL,
        [ROGUE_HANDSHAKE] = GNUTLS_ENCRYPTION_LEVEL_HANDSHAKE,
        [ROGUE_APP] = GNUTLS_ENCRYPTION_LEVEL_APPLICATION,
    };
    uint64_t *at = &r->spaces[level].crypto_read;

    if (offset + data.n <= *at || r->complete)
        return;
    assert_true(offset <= *at);
    data = slice_of(data.p + (*at - offset), data.n - (*at - offset));
    *at += data.n;
    assert_true(gnutls_handshake_write(r->tls, names[level], data.p, data.n) >= 0);
    go_on(r);
}

/* --- its life --------------------------------------------------------------------------------- */

static void set_up_tls(struct rogue *r, gnutls_certificate_credentials_t credentials)
{
    const char *priorities = r->plan->priorities ? r->plan->priorities : PRIORITIES;
    const char *alpn = r->plan->alpn ? r->plan->alpn : "qhcp/1";
    gnutls_datum_t name = {.data = (unsigned char *)(uintptr_t)alpn,
                           .size = (unsigned)strlen(alpn)};

    assert_int_equal(gnutls_init(&r->tls, (r->server ? GNUTLS_SERVER : GNUTLS_CLIENT) |
                                              GNUTLS_NONBLOCK | GNUTLS_NO_AUTO_SEND_TICKET),
                     0);
    gnutls_session_set_ptr(r->tls, r);
    assert_int_equal(gnutls_priority_set_direct(r->tls, priorities, NULL), 0);
    gnutls_credentials_set(r->tls, GNUTLS_CRD_CERTIFICATE, credentials);
    if (name.size > 0)
        gnutls_alpn_set_protocols(r->tls, &name, 1, 0);
    gnutls_handshake_set_read_function(r->tls, on_message);
    gnutls_handshake_set_secret_function(r->tls, on_secret);
    gnutls_alert_set_read_function(r->tls, on_alert);
    assert_int_equal(gnutls_session_ext_register(
                         r->tls, "parameters", PARAMETERS, GNUTLS_EXT_TLS, on_params_came,
                         on_params_wanted, NULL, NULL, NULL,
                         GNUTLS_EXT_FLAG_TLS | GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_EE),
                     0);
}

void rogue_init(struct rogue *r, bool server, const struct rogue_plan *plan,
                gnutls_certificate_credentials_t credentials,
                void (*send)(void *ctx, const uint8_t *p, size_t n), void *ctx)
{
    *r = (struct rogue){.server = server, .plan = plan, .send = send, .ctx = ctx};
    for (unsigned i = 0; i < ROGUE_LEVELS; i++)
        r->spaces[i].largest = r->spaces[i].acked = -1;
    assert_int_equal(gnutls_rnd(GNUTLS_RND_NONCE, r->scid, sizeof(r->scid)), 0);
    set_up_tls(r, credentials);
    if (server)
        return;
    r->dcid_size = r->first_dcid_size = ROGUE_CID;
    assert_int_equal(gnutls_rnd(GNUTLS_RND_NONCE, r->dcid, ROGUE_CID), 0);
    rogue_initial_keys(r->dcid, ROGUE_CID, &r->spaces[ROGUE_INITIAL].tx,
                       &r->spaces[ROGUE_INITIAL].rx);
    go_on(r);
}

void rogue_deinit(struct rogue *r)
{
    gnutls_deinit(r->tls);
}
