#include "quic/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "quic/internal.h"

#define KNOWN 0x010b00 /* ngtcp2 1.11.0 */
/* What ngtcp2 asks for its pool of 16 streams, each of 208 bytes at most, behind a head of 16; and
 * what is given: room for two. */
#define STREAMS (16 * 208 + 16)
#define STREAMS_GIVEN (2 * 208 + 16)
/* The two buffers of each connection, as they begin: for a packet's header, and for what it
 * holds. */
#define HEADER 256
#define CONTENT 2048

static void *take(size_t n, void *user)
{
    const struct quic_blocks *m = user;

    return malloc(m->opening && n == STREAMS ? STREAMS_GIVEN : n);
}

static void *take_zeroed(size_t n, size_t size, void *user)
{
    (void)user;
    return calloc(n, size);
}

static bool is_shared(const struct quic_blocks *m, const void *p)
{
    return p != NULL && (p == m->header || p == m->content);
}

static void give_back(void *p, void *user)
{
    if (!is_shared(user, p))
        free(p);
}

static void *share(uint8_t **shared, size_t n)
{
    if (*shared == NULL)
        *shared = malloc(n);
    return *shared;
}

/* The first block that is taken this way while a connection reads is its header's buffer, the
 * second one the content's.  A queue's begins with 32 bytes. */
static void *first(struct quic_blocks *m, size_t n)
{
    unsigned nth = m->reading != NULL && n >= HEADER ? ++m->reading->buffers : 0;

    if (nth == 1 && n == HEADER)
        return share(&m->header, n);
    if (nth == 2 && n == CONTENT)
        return share(&m->content, n);
    return malloc(n);
}

/* It only grows. */
static void *resize(void *p, size_t n, void *user)
{
    struct quic_blocks *m = user;
    void *fresh;

    if (p == NULL)
        return first(m, n);
    if (!is_shared(m, p))
        return realloc(p, n);
    fresh = malloc(n);
    if (fresh != NULL)
        memcpy(fresh, p, p == m->header ? HEADER : CONTENT);
    return fresh;
}

void quic_blocks_init(struct quic_blocks *m)
{
    *m = (struct quic_blocks){.known = ngtcp2_version(0)->version_num == KNOWN};
    m->hooks = (ngtcp2_mem){.user_data = m,
                            .malloc = take,
                            .free = give_back,
                            .calloc = take_zeroed,
                            .realloc = resize};
}

void quic_blocks_deinit(struct quic_blocks *m)
{
    free(m->header);
    free(m->content);
}

const ngtcp2_mem *quic_blocks_hooks(const struct quic_blocks *m)
{
    return m->known ? &m->hooks : NULL;
}
