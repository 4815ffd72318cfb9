/* What ngtcp2 takes from the heap for a connection and does not use, is not given to it (decision
 * 0032).
 *
 * - A packet is decrypted into two buffers of its connection's, 2,304 bytes, which hold nothing
 *   between two packets.  All connections of an endpoint share these.
 * - A client's connection has one stream, and its pool has room for 16.  It gets room for two: the
 *   server is allowed none of its own (set_params in open.c), so that ngtcp2 refuses its streams
 *   before it makes one.
 *
 * Both rest on how ngtcp2 1.11.0 is made, and are done with that version alone.  Which block is
 * which is told by when it is asked for, never by its size alone, which a peer may be able to
 * choose. */
#ifndef QHCP_QUIC_BLOCKS_H
#define QHCP_QUIC_BLOCKS_H

#include <ngtcp2/ngtcp2.h>
#include <stdbool.h>
#include <stdint.h>

struct quic_conn;

/* Embedded in struct quic_endpoint, which does not move. */
struct quic_blocks {
    ngtcp2_mem hooks;
    bool known;                /* this ngtcp2 is the one described above */
    uint8_t *header, *content; /* the shared buffers; NULL: nobody needed them yet */
    struct quic_conn *reading; /* the connection for which a packet is read now */
    bool opening;              /* a client's stream is opened now */
};

void quic_blocks_init(struct quic_blocks *m);
/* After the last connection is freed. */
void quic_blocks_deinit(struct quic_blocks *m);
/* For a new connection; NULL: the heap as it is. */
const ngtcp2_mem *quic_blocks_hooks(const struct quic_blocks *m);

#endif
