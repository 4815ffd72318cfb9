#include "proxy/clients.h"

#include <stdlib.h>
#include <string.h>

#include "base/os/entropy.h"

#define BITS_MIN 8 /* as many lists as locks */

struct client {
    struct client *next;
    uint64_t key;
    uint32_t count;
};

uint64_t clients_key(const union qhcp_addr *from)
{
    uint64_t key;

    if (from->sa.sa_family == AF_INET)
        return from->in.sin_addr.s_addr;
    memcpy(&key, &from->in6.sin6_addr, sizeof key);
    return key;
}

int clients_init(struct clients *s, size_t connections)
{
    int err = entropy_fill(&s->seed, sizeof s->seed);

    if (err != 0)
        return err;
    s->bits = BITS_MIN;
    while (((size_t)1 << s->bits) < connections)
        s->bits++;
    for (size_t i = 0; i < CLIENTS_LOCKS; i++)
        pthread_mutex_init(&s->locks[i], NULL);
    s->at = calloc((size_t)1 << s->bits, sizeof(struct client *));
    return s->at ? 0 : QHCP_E_NOMEM;
}

void clients_deinit(struct clients *s)
{
    for (size_t i = 0; s->at && i < (size_t)1 << s->bits; i++) {
        while (s->at[i]) {
            struct client *next = s->at[i]->next;

            free(s->at[i]);
            s->at[i] = next;
        }
    }
    free(s->at);
    s->at = NULL;
}

static uint32_t list_of(const struct clients *s, uint64_t key)
{
    key = (key ^ s->seed) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(((key ^ (key >> 32)) * UINT64_C(0xd6e8feb86659fd93)) >> (64 - s->bits));
}

/* Where the source hangs, or would. */
static struct client **find(struct clients *s, uint32_t list, uint64_t key)
{
    struct client **at = &s->at[list];

    while (*at && (*at)->key != key)
        at = &(*at)->next;
    return at;
}

static int count_one(struct client **at, uint64_t key, uint32_t most)
{
    if (!*at) {
        *at = calloc(1, sizeof **at);
        if (!*at)
            return QHCP_E_NOMEM;
        (*at)->key = key;
    }
    if ((*at)->count >= most)
        return QHCP_E_FULL;
    (*at)->count++;
    return 0;
}

int clients_add(struct clients *s, uint64_t key, uint32_t most)
{
    uint32_t list = list_of(s, key);
    pthread_mutex_t *lock = &s->locks[list % CLIENTS_LOCKS];
    int r;

    pthread_mutex_lock(lock);
    r = count_one(find(s, list, key), key, most);
    pthread_mutex_unlock(lock);
    return r;
}

void clients_remove(struct clients *s, uint64_t key)
{
    uint32_t list = list_of(s, key);
    pthread_mutex_t *lock = &s->locks[list % CLIENTS_LOCKS];
    struct client **at, *last = NULL;

    pthread_mutex_lock(lock);
    at = find(s, list, key);
    if (*at && --(*at)->count == 0) {
        last = *at;
        *at = last->next;
    }
    pthread_mutex_unlock(lock);
    free(last);
}
