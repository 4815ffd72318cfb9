/* What the next packets and connections will touch is asked for while others are worked on: see
 * base/prefetch.h.  Nothing depends on it. */
#include "base/prefetch.h"
#include "quic/internal.h"

/* The lines of a ngtcp2_conn of ngtcp2 1.11 that reading or writing a packet touches (valgrind's
 * lackey, one check).  In another version they may be others; then this is of less use. */
static const struct {
    unsigned short line, count;
} touched[] = {{0, 20}, {28, 10}, {89, 6}, {104, 36}, {144, 1}};

void quic_ahead_library(const struct quic_conn *c)
{
    const char *ng = (const char *)c->ng;

    for (size_t i = 0; i < sizeof(touched) / sizeof(touched[0]); i++)
        prefetch(ng + (size_t)touched[i].line * PREFETCH_LINE,
                 (size_t)touched[i].count * PREFETCH_LINE);
}

/* Up to QUIC_AHEAD packets: each step asks for all of them, so that the next one waits for the
 * first alone. */
void quic_ahead_packets(const struct quic_endpoint *e, const struct qhcp_packet *packets, size_t n)
{
    struct quic_link *const *buckets[QUIC_AHEAD];
    const struct quic_conn *conns[QUIC_AHEAD];
    size_t found = 0, size = quic_cid_size(e);

    for (size_t i = 0; i < n; i++) {
        const uint8_t *id = packets[i].data + 1;

        if (packets[i].len > size && !(packets[i].data[0] & QUIC_LONG))
            __builtin_prefetch(buckets[found++] = quic_lookup_bucket(&e->lookup, id));
    }
    for (size_t i = 0; i < found; i++)
        if (*buckets[i] != NULL)
            prefetch(*buckets[i], sizeof(struct quic_link));
    for (size_t i = 0; i < found; i++) {
        conns[i] = *buckets[i] != NULL ? (*buckets[i])->conn : NULL; /* nearly always the one */
        if (conns[i] != NULL)
            prefetch(conns[i], QUIC_AHEAD_CONN);
    }
    for (size_t i = 0; i < found; i++)
        if (conns[i] != NULL) {
            quic_ahead_library(conns[i]);
            if (conns[i]->user != NULL)
                prefetch(conns[i]->user, e->config.user_size);
        }
}

void quic_conn_ahead(const struct quic_conn *c)
{
    if (c != NULL)
        prefetch(c, sizeof(*c));
}
