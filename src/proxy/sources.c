#include "proxy/sources.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <qhcp/error.h>

uint64_t sources_key(const union qhcp_addr *from)
{
    uint64_t key;

    if (from->sa.sa_family == AF_INET)
        return from->in.sin_addr.s_addr;
    memcpy(&key, &from->in6.sin6_addr, sizeof key);
    return key;
}

int sources_init(struct sources *s, size_t connections)
{
    if (getrandom(&s->seed, sizeof s->seed, 0) < 0)
        s->seed = 0;
    s->bits = 4;
    while (((size_t)1 << s->bits) < 2 * connections)
        s->bits++;
    s->at = calloc((size_t)1 << s->bits, sizeof *s->at);
    return s->at ? 0 : QHCP_E_NOMEM;
}

void sources_deinit(struct sources *s)
{
    free(s->at);
    s->at = NULL;
}

static uint32_t home(const struct sources *s, uint64_t key)
{
    key = (key ^ s->seed) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(((key ^ (key >> 32)) * UINT64_C(0xd6e8feb86659fd93)) >> (64 - s->bits));
}

static uint32_t find(const struct sources *s, uint64_t key)
{
    uint32_t mask = (1u << s->bits) - 1, i = home(s, key);

    while (s->at[i].count > 0 && s->at[i].key != key)
        i = (i + 1) & mask;
    return i;
}

bool sources_add(struct sources *s, uint64_t key, uint32_t most)
{
    struct source *e = &s->at[find(s, key)];

    if (e->count >= most)
        return false;
    e->key = key;
    e->count++;
    return true;
}

/* The places behind it move up, so that none is searched in vain (Knuth, TAOCP 3, 6.4, algorithm
 * R). */
void sources_remove(struct sources *s, uint64_t key)
{
    uint32_t mask = (1u << s->bits) - 1, free_place = find(s, key);

    if (s->at[free_place].count == 0 || --s->at[free_place].count > 0)
        return;
    for (uint32_t i = (free_place + 1) & mask; s->at[i].count > 0; i = (i + 1) & mask) {
        if (((i - home(s, s->at[i].key)) & mask) < ((i - free_place) & mask))
            continue;
        s->at[free_place] = s->at[i];
        s->at[i].count = 0;
        free_place = i;
    }
}
