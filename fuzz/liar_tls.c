/* What the liar's TLS says in place of what its library means.
 *
 * Two ways.  Transport parameters, extensions and priorities are changed before GnuTLS hashes them,
 * so a handshake with them can end well.  Whole messages are changed on their way from GnuTLS into
 * CRYPTO frames: the victim's transcript differs from then on, but it has read them. */
#include "liar.h"

#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 8192
#define CLIENT_HELLO 1
#define ENCRYPTED_EXTENSIONS 8

struct message {
    size_t n;
    uint8_t p[MESSAGE_MAX];
};

static struct message kept; /* waits for the next one to overtake it */
static unsigned kept_level;

static void submit(unsigned level, const uint8_t *p, size_t n)
{
    if (n == 0 || liar.conn == NULL || !liar.keys[level].current)
        return;
    liar.crypto_sent[level] += n;
    (void)REAL(ngtcp2_conn_submit_crypto_data)(liar.conn, (ngtcp2_encryption_level)level, p, n);
}

void liar_say(unsigned level, uint8_t type, const uint8_t *p, size_t n)
{
    struct message m = {.n = 4 + n};

    if (m.n > sizeof(m.p))
        return;
    m.p[0] = type;
    m.p[1] = (uint8_t)(n >> 16);
    m.p[2] = (uint8_t)(n >> 8);
    m.p[3] = (uint8_t)n;
    memcpy(m.p + 4, p, n);
    submit(level, m.p, m.n);
}

/* Where the length of the extensions stands; 0: this message has none. */
static size_t find_extensions(const struct message *m)
{
    size_t at = 4;

    if (m->n > 4 + 2 && m->p[0] == ENCRYPTED_EXTENSIONS)
        return at;
    if (m->n < 4 + 2 + 32 + 1 || m->p[0] != CLIENT_HELLO)
        return 0;
    at += 2 + 32;
    at += 1u + m->p[at];
    if (at + 2 > m->n)
        return 0;
    at += 2u + (size_t)(m->p[at] << 8 | m->p[at + 1]);
    if (at + 1 > m->n)
        return 0;
    at += 1u + m->p[at];
    return at + 2 <= m->n ? at : 0;
}

/* An extension behind the others: these bytes; none: the first one that is there, again. */
static void add_extension(struct message *m, const uint8_t *p, size_t n)
{
    size_t at = find_extensions(m), all, body;
    uint8_t copy[512];

    if (at == 0)
        return;
    if (n == 0 && m->n >= at + 6) {
        n = 4u + (size_t)(m->p[at + 4] << 8 | m->p[at + 5]);
        if (n > sizeof(copy) || at + 2 + n > m->n)
            return;
        memcpy(copy, m->p + at + 2, n);
        p = copy;
    }
    all = (size_t)(m->p[at] << 8 | m->p[at + 1]) + n;
    body = m->n - 4 + n;
    if (m->n + n > sizeof(m->p) || all > UINT16_MAX)
        return;
    memcpy(m->p + m->n, p, n);
    m->n += n;
    m->p[at] = (uint8_t)(all >> 8);
    m->p[at + 1] = (uint8_t)all;
    m->p[2] = (uint8_t)(body >> 8);
    m->p[3] = (uint8_t)body;
}

static void turn_bits(struct message *m, const struct liar_rule *r)
{
    size_t at;

    if (r->n < 3)
        return;
    at = (size_t)(r->p[0] << 8 | r->p[1]);
    for (size_t i = 2; i < r->n; i++)
        m->p[(at + i - 2) % m->n] ^= r->p[i];
}

enum { DROP, TWICE, REPLACE, BEFORE, AFTER, BITS, CUT, LEVEL, LATER, EXTENSION, RAW_TYPE, HOWS };

/* The level that the message goes out at. */
static unsigned apply(const struct liar_rule *r, struct message *m, unsigned level)
{
    switch (r->how % HOWS) {
    case DROP:
        m->n = 0;
        break;
    case TWICE:
        submit(level, m->p, m->n);
        break;
    case REPLACE:
        m->n = r->n;
        memcpy(m->p, r->p, r->n);
        break;
    case BEFORE:
        submit(level, r->p, r->n);
        break;
    case BITS:
        turn_bits(m, r);
        break;
    case CUT:
        m->n = r->n > 0 ? m->n * r->p[0] / 256 : m->n / 2;
        break;
    case LEVEL:
        return r->n > 0 ? r->p[0] % LIAR_LEVELS : (level + 1) % LIAR_LEVELS;
    case LATER:
        kept = *m;
        kept_level = level;
        m->n = 0;
        break;
    case EXTENSION:
        add_extension(m, r->p, r->n);
        break;
    case RAW_TYPE:
        m->p[0] = r->n > 0 ? r->p[0] : 0;
        break;
    default:
        break;
    }
    return level;
}

STANDS_IN int ngtcp2_conn_submit_crypto_data(ngtcp2_conn *conn, ngtcp2_encryption_level at,
                                             const uint8_t *p, const size_t n)
{
    static struct message m;
    unsigned level = at, number;

    if (conn != liar.conn || n > sizeof(m.p) || n == 0 || level >= LIAR_LEVELS)
        return REAL(ngtcp2_conn_submit_crypto_data)(conn, at, p, n);
    number = liar.messages++;
    m.n = n;
    memcpy(m.p, p, n);
    for (size_t i = 0; i < liar.message_rules.count && m.n > 0; i++)
        if (liar.message_rules.rules[i].which % 8 == number)
            level = apply(&liar.message_rules.rules[i], &m, level);
    if (number == 0) { /* without a byte of a hello the library would begin again */
        level = LIAR_INITIAL;
        m.n = m.n > 0 ? m.n : 1;
    }
    submit(level, m.p, m.n);
    for (size_t i = 0; i < liar.message_rules.count; i++) {
        const struct liar_rule *r = &liar.message_rules.rules[i];

        if (r->which % 8 == number && r->how % HOWS == AFTER)
            submit(level, r->p, r->n);
    }
    if (kept.n > 0 && m.n > 0) {
        submit(kept_level, kept.p, kept.n);
        kept.n = 0;
    }
    return 0;
}

/* Bytes of the parameter at p (RFC 9000, 18); 0: what is there is none. */
static size_t measure(const uint8_t *p, size_t n, uint64_t *ret_id, size_t *ret_head)
{
    uint64_t values[2];
    size_t at = 0;

    for (unsigned v = 0; v < 2; v++) {
        size_t size = at < n ? (size_t)1 << (p[at] >> 6) : 0;

        if (size == 0 || at + size > n)
            return 0;
        values[v] = p[at] & 0x3f;
        for (size_t i = 1; i < size; i++)
            values[v] = values[v] << 8 | p[at + i];
        at += size;
    }
    *ret_id = values[0];
    *ret_head = at;
    return values[1] <= n - at ? at + (size_t)values[1] : 0;
}

enum { PARAM_REMOVE, PARAM_VALUE, PARAM_TWICE, PARAM_ADD, PARAM_ALL, PARAM_NONE, PARAM_HOWS };

static size_t find_param(const uint8_t *p, size_t n, uint64_t id, size_t *ret_at, size_t *ret_head)
{
    uint64_t found;
    size_t size;

    for (size_t at = 0; at < n; at += size) {
        size = measure(p + at, n - at, &found, ret_head);
        if (size == 0)
            return 0;
        *ret_at = at;
        if (found == id)
            return size;
    }
    return 0;
}

static size_t change_params(const struct liar_rule *r, uint8_t *p, size_t n, size_t cap)
{
    size_t at, head, size = find_param(p, n, r->which, &at, &head), add = r->n < cap - n ? r->n : 0;

    switch (r->how % PARAM_HOWS) {
    case PARAM_REMOVE:
        if (size > 0)
            memmove(p + at, p + at + size, n - at - size);
        return n - size;
    case PARAM_VALUE:
        for (size_t i = 0; size > 0 && i < r->n && i < size - head; i++)
            p[at + head + i] = r->p[i];
        return n;
    case PARAM_TWICE:
        if (size == 0 || size > cap - n)
            return n;
        memcpy(p + n, p + at, size);
        return n + size;
    case PARAM_ADD:
        memcpy(p + n, r->p, add);
        return n + add;
    case PARAM_ALL:
        memcpy(p, r->p, r->n < cap ? r->n : cap);
        return r->n < cap ? r->n : cap;
    default:
        return 0; /* no bytes: GnuTLS leaves the extension out */
    }
}

STANDS_IN ngtcp2_ssize ngtcp2_conn_encode_local_transport_params(ngtcp2_conn *conn, uint8_t *dest,
                                                                 size_t cap)
{
    ngtcp2_ssize n = REAL(ngtcp2_conn_encode_local_transport_params)(conn, dest, cap);

    if (!liar_is(conn) || n < 0)
        return n;
    for (size_t i = 0; i < liar.param_rules.count; i++)
        n = (ngtcp2_ssize)change_params(&liar.param_rules.rules[i], dest, (size_t)n, cap);
    return n;
}

static bool newest_is_liar; /* of the TLS sessions */

STANDS_IN int gnutls_init(gnutls_session_t *session, unsigned flags)
{
    newest_is_liar = ((flags & GNUTLS_SERVER) != 0) == liar.server;
    kept.n = 0;
    return REAL(gnutls_init)(session, flags);
}

STANDS_IN int gnutls_priority_set(gnutls_session_t session, gnutls_priority_t priority)
{
    static const char *const choices[] = {
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP384R1:+GROUP-X25519",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP521R1:+GROUP-SECP256R1",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP384R1",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-CCM",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-256-GCM:%DISABLE_TLS13_COMPAT_MODE",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:+PSK",
    };
    gnutls_priority_t mine;
    int rv;

    if (!newest_is_liar || liar.priorities == 0)
        return REAL(gnutls_priority_set)(session, priority);
    rv = gnutls_priority_init(
        &mine, choices[liar.priorities % (sizeof(choices) / sizeof(choices[0]))], NULL);
    if (rv != 0)
        abort();
    rv = REAL(gnutls_priority_set)(session, mine);
    gnutls_priority_deinit(mine);
    return rv;
}

static int ignore(gnutls_session_t session, const uint8_t *p, size_t n)
{
    (void)session, (void)p, (void)n;
    return 0;
}

static int send_extension(gnutls_session_t session, gnutls_buffer_t to)
{
    const struct liar_rule *r = &liar.extension_rules.rules[0];

    (void)session;
    return gnutls_buffer_append_data(to, r->p, r->n);
}

STANDS_IN int gnutls_session_ext_register(gnutls_session_t session, const char *name, int type,
                                          gnutls_ext_parse_type_t parse,
                                          gnutls_ext_recv_func receive, gnutls_ext_send_func send,
                                          gnutls_ext_deinit_data_func deinit,
                                          gnutls_ext_pack_func pack, gnutls_ext_unpack_func unpack,
                                          unsigned flags)
{
    const struct liar_rule *r = &liar.extension_rules.rules[0];

    if (newest_is_liar && liar.extension_rules.count > 0)
        REAL(gnutls_session_ext_register)
    (session, "a lie", r->which << 8 | r->how, GNUTLS_EXT_TLS, ignore, send_extension, NULL, NULL,
     NULL, flags);
    return REAL(gnutls_session_ext_register)(session, name, type, parse, receive, send, deinit,
                                             pack, unpack, flags);
}
