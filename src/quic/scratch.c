/* ngtcp2's memory: malloc's, but for one buffer.
 *
 * ngtcp2 1.11 decrypts a packet into a buffer that each connection keeps, 2,048 bytes, though
 * nothing of it is needed once ngtcp2_conn_read_pkt has returned: what lasts is copied.  Packets of
 * an endpoint are read one after another, and no handler reads one (events.c).  So all connections
 * of an endpoint have this buffer together.
 *
 * It is told from others by how it is asked for: it alone grows by realloc, from nothing to 2,048
 * bytes (ensure_decrypt_buffer; the other users of realloc are queues, which begin with 32 bytes).
 * The buffer for a packet's header does the same where the first header has more than 1,024 bytes.
 * Then both are one, which is well: the header is authenticated before the payload is decrypted
 * over it, and it was parsed before that.
 * That is so in the version that is named here.  Any other one gets malloc alone. */
#include <stdlib.h>
#include <string.h>

#include "quic/internal.h"

#define READ_FOR 0x010b00 /* ngtcp2 1.11.0 */

static void *on_malloc(size_t n, void *user)
{
    (void)user;
    return malloc(n);
}

static void on_free(void *p, void *user)
{
    const struct quic_endpoint *e = user;

    if (p != e->decrypted)
        free(p);
}

static void *on_calloc(size_t n, size_t size, void *user)
{
    (void)user;
    return calloc(n, size);
}

static void *on_realloc(void *p, size_t n, void *user)
{
    struct quic_endpoint *e = user;
    void *own;

    if (p == NULL && n == QUIC_DECRYPTED && e->shares) {
        if (e->decrypted == NULL)
            e->decrypted = malloc(n);
        return e->decrypted;
    }
    if (p == NULL || p != e->decrypted)
        return realloc(p, n);
    own = malloc(
        n); /* this connection hears larger packets: it has a buffer of its own from now on */
    if (own != NULL)
        memcpy(own, p, n < QUIC_DECRYPTED ? n : QUIC_DECRYPTED);
    return own;
}

void quic_scratch_init(struct quic_endpoint *e)
{
    e->shares = ngtcp2_version(0)->version_num == READ_FOR;
    e->memory = (ngtcp2_mem){.user_data = e,
                             .malloc = on_malloc,
                             .free = on_free,
                             .calloc = on_calloc,
                             .realloc = on_realloc};
}

void quic_scratch_deinit(struct quic_endpoint *e)
{
    free(e->decrypted);
}
