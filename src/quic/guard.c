/* The tables of guard.h, and how they are read. */
#include <string.h>

#include "quic/guard.h"

/* RFC 8446, 4. */
enum {
    CLIENT_HELLO = 1,
    SERVER_HELLO = 2, /* HelloRetryRequest too */
    NEW_SESSION_TICKET = 4,
    ENCRYPTED_EXTENSIONS = 8,
    CERTIFICATE = 11,
    CERTIFICATE_REQUEST = 13,
    CERTIFICATE_VERIFY = 15,
    FINISHED = 20,
};

#define HEADER 4
#define SMALL                                                                                      \
    16384 /* bytes: a hello with the largest ticket and key shares that TLS libraries send */
#define LARGE 65536 /* a chain of certificates (verify.c bounds what it costs) */

/* Whoever may say it, where, after what; and the longest body. */
struct row {
    bool to_server;
    uint8_t level, after, type, next;
    uint32_t max;
};

/* RFC 8446, 2 and 4, as RFC 9001 carries it.  No KeyUpdate (RFC 9001, 6) and no EndOfEarlyData
 * (8.3), ever; no authentication after the handshake (4.4); to a server nothing at all then. */
static const struct row rows[] = {
    {true, GUARD_INITIAL, GUARD_START, CLIENT_HELLO, GUARD_HELLO, SMALL},
    {true, GUARD_INITIAL, GUARD_HELLO, CLIENT_HELLO, GUARD_HELLO_AGAIN, SMALL},
    {true, GUARD_HANDSHAKE, GUARD_HELLO, CERTIFICATE, GUARD_CERTIFICATE, LARGE},
    {true, GUARD_HANDSHAKE, GUARD_HELLO_AGAIN, CERTIFICATE, GUARD_CERTIFICATE, LARGE},
    {true, GUARD_HANDSHAKE, GUARD_CERTIFICATE, CERTIFICATE_VERIFY, GUARD_VERIFY, SMALL},
    {true, GUARD_HANDSHAKE, GUARD_CERTIFICATE, FINISHED, GUARD_FINISHED, SMALL},
    {true, GUARD_HANDSHAKE, GUARD_VERIFY, FINISHED, GUARD_FINISHED, SMALL},
    {true, GUARD_HANDSHAKE, GUARD_HELLO, FINISHED, GUARD_FINISHED, SMALL},
    {true, GUARD_HANDSHAKE, GUARD_HELLO_AGAIN, FINISHED, GUARD_FINISHED, SMALL},

    {false, GUARD_INITIAL, GUARD_START, SERVER_HELLO, GUARD_HELLO, SMALL},
    {false, GUARD_INITIAL, GUARD_HELLO, SERVER_HELLO, GUARD_HELLO_AGAIN, SMALL},
    {false, GUARD_HANDSHAKE, GUARD_HELLO, ENCRYPTED_EXTENSIONS, GUARD_EXTENSIONS, SMALL},
    {false, GUARD_HANDSHAKE, GUARD_HELLO_AGAIN, ENCRYPTED_EXTENSIONS, GUARD_EXTENSIONS, SMALL},
    {false, GUARD_HANDSHAKE, GUARD_EXTENSIONS, CERTIFICATE_REQUEST, GUARD_REQUEST, SMALL},
    {false, GUARD_HANDSHAKE, GUARD_EXTENSIONS, CERTIFICATE, GUARD_CERTIFICATE, LARGE},
    {false, GUARD_HANDSHAKE, GUARD_REQUEST, CERTIFICATE, GUARD_CERTIFICATE, LARGE},
    {false, GUARD_HANDSHAKE, GUARD_CERTIFICATE, CERTIFICATE_VERIFY, GUARD_VERIFY, SMALL},
    {false, GUARD_HANDSHAKE, GUARD_VERIFY, FINISHED, GUARD_FINISHED, SMALL},
    {false, GUARD_HANDSHAKE, GUARD_EXTENSIONS, FINISHED, GUARD_FINISHED, SMALL}, /* resumed */
    {false, GUARD_1RTT, GUARD_FINISHED, NEW_SESSION_TICKET, GUARD_FINISHED, SMALL},
};

static const struct row *find_row(const struct guard *g, enum guard_level level, uint8_t type)
{
    if (g->has_keys && level == GUARD_INITIAL)
        return NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];

        if (r->to_server == g->server && r->level == level && r->after == g->state &&
            r->type == type)
            return r;
    }
    return NULL;
}

bool guard_allows(const struct guard *g, enum guard_level level, uint8_t type,
                  enum guard_state *ret_next)
{
    const struct row *r = find_row(g, level, type);

    if (r != NULL)
        *ret_next = (enum guard_state)r->next;
    return r != NULL;
}

static bool is_between(const struct guard *g)
{
    return g->n_header == 0;
}

/* The header is whole.  Its row was there at the first byte; keys may have come since. */
static int begin_body(struct guard *g)
{
    const struct row *r = find_row(g, (enum guard_level)g->level, g->header[0]);

    g->left = (uint32_t)g->header[1] << 16 | (uint32_t)g->header[2] << 8 | g->header[3];
    if (r == NULL)
        return GUARD_ALERT_UNEXPECTED;
    if (g->left > r->max)
        return GUARD_ALERT_DECODE;
    g->state = r->next;
    return 0;
}

/* RFC 9001, 4.4 has a code of its own for authentication after the handshake. */
static int refuse(const struct guard *g, enum guard_level level, uint8_t type)
{
    return !g->server && level == GUARD_1RTT && type == CERTIFICATE_REQUEST
               ? GUARD_VIOLATION
               : GUARD_ALERT_UNEXPECTED;
}

int guard_crypto(struct guard *g, enum guard_level level, const uint8_t *p, size_t n, size_t *ret)
{
    size_t used = 0;
    int alert;

    if (is_between(g)) {
        if (find_row(g, level, p[0]) == NULL)
            return refuse(g, level, p[0]);
        g->level = (uint8_t)level;
    } else if (level != g->level) { /* RFC 9001, 4.1.3: none goes on at another level */
        return GUARD_ALERT_UNEXPECTED;
    }
    while (used < n && g->n_header < HEADER) {
        g->header[g->n_header++] = p[used++];
        if (g->n_header == HEADER) {
            alert = begin_body(g);
            if (alert != 0)
                return alert;
        }
    }
    if (g->n_header == HEADER) {
        size_t body = n - used < g->left ? n - used : g->left;

        g->left -= (uint32_t)body;
        used += body;
        if (g->left == 0)
            g->n_header = 0;
    }
    *ret = used;
    return 0;
}

/* Transport parameters. */

enum kind { NUMBER, EMPTY, BYTES, VERSIONS };

#define ANY ((UINT64_C(1) << 62) - 1)

/* RFC 9000, 18.2.  min and max: of the number, or of the size in bytes. */
static const struct param {
    uint64_t id;
    enum kind kind;
    bool server_only;
    uint64_t min, max;
} params[] = {
    {0x00, BYTES, true, 0, 20},                  /* original_destination_connection_id */
    {0x01, NUMBER, false, 0, ANY},               /* max_idle_timeout */
    {0x02, BYTES, true, 16, 16},                 /* stateless_reset_token */
    {0x03, NUMBER, false, 1200, ANY},            /* max_udp_payload_size */
    {0x04, NUMBER, false, 0, ANY},               /* initial_max_data */
    {0x05, NUMBER, false, 0, ANY},               /* initial_max_stream_data_bidi_local */
    {0x06, NUMBER, false, 0, ANY},               /* initial_max_stream_data_bidi_remote */
    {0x07, NUMBER, false, 0, ANY},               /* initial_max_stream_data_uni */
    {0x08, NUMBER, false, 0, UINT64_C(1) << 60}, /* initial_max_streams_bidi */
    {0x09, NUMBER, false, 0, UINT64_C(1) << 60}, /* initial_max_streams_uni */
    {0x0a, NUMBER, false, 0, 20},                /* ack_delay_exponent */
    {0x0b, NUMBER, false, 0, (1 << 14) - 1},     /* max_ack_delay */
    {0x0c, EMPTY, false, 0, 0},                  /* disable_active_migration */
    {0x0d, BYTES, true, 42, 61},     /* preferred_address: 41 and a connection ID of 1 to 20 */
    {0x0e, NUMBER, false, 2, ANY},   /* active_connection_id_limit */
    {0x0f, BYTES, false, 0, 20},     /* initial_source_connection_id */
    {0x10, BYTES, true, 0, 20},      /* retry_source_connection_id */
    {0x11, VERSIONS, false, 4, 256}, /* version_information (RFC 9368, 3) */
    {0x20, NUMBER, false, 0, ANY},   /* max_datagram_frame_size (RFC 9221, 3) */
    {0x2ab2, EMPTY, false, 0, 0},    /* grease_quic_bit (RFC 9287, 3) */
};

#define PARAMS_MAX 64

struct bytes {
    const uint8_t *p;
    size_t n;
};

/* RFC 9000, 16; not only the shortest form, as base/cursor.h has it. */
static bool take_number(struct bytes *in, uint64_t *ret)
{
    size_t size;

    if (in->n == 0)
        return false;
    size = (size_t)1 << (in->p[0] >> 6);
    if (in->n < size)
        return false;
    *ret = in->p[0] & 0x3f;
    for (size_t i = 1; i < size; i++)
        *ret = *ret << 8 | in->p[i];
    in->p += size;
    in->n -= size;
    return true;
}

static bool has_zero_version(struct bytes value)
{
    for (size_t i = 0; i < value.n; i += 4) {
        if (memcmp(value.p + i, "\0\0\0\0", 4) == 0)
            return true;
    }
    return false;
}

static bool is_within(const struct param *param, struct bytes value)
{
    uint64_t number = value.n;

    if (param->kind == NUMBER && (!take_number(&value, &number) || value.n != 0))
        return false;
    if (number < param->min || number > param->max)
        return false;
    if (param->kind == VERSIONS)
        return value.n % 4 == 0 && !has_zero_version(value);
    return true;
}

static const struct param *find_param(uint64_t id)
{
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        if (params[i].id == id)
            return &params[i];
    }
    return NULL; /* one to ignore (RFC 9000, 7.4.2) */
}

static bool has(const uint64_t *ids, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

bool guard_params(bool from_client, const uint8_t *p, size_t n)
{
    struct bytes in = {.p = p, .n = n}, value;
    uint64_t ids[PARAMS_MAX], size;
    size_t count = 0;

    while (in.n > 0) {
        const struct param *param;
        uint64_t id;

        if (!take_number(&in, &id) || !take_number(&in, &size) || size > in.n)
            return false;
        value = (struct bytes){.p = in.p, .n = (size_t)size};
        in.p += size;
        in.n -= (size_t)size;
        if (count == PARAMS_MAX || has(ids, count, id))
            return false;
        ids[count++] = id;
        param = find_param(id);
        if (param != NULL && ((param->server_only && from_client) || !is_within(param, value)))
            return false;
    }
    /* RFC 9000, 7.3. */
    return has(ids, count, 0x0f) && (from_client || has(ids, count, 0x00));
}
