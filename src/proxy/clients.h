/* How many connections each client (a source address) has, among all threads, so that no one client
 * takes all places.
 *
 * A hash table that all threads share: a source is there while it has a connection.  Each lock is
 * for one part of it, and held for a few instructions. */
#ifndef QHCP_PROXY_CLIENTS_H
#define QHCP_PROXY_CLIENTS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <qhcp/error.h>
#include <qhcp/types.h>

#define CLIENTS_LOCKS 256

struct client;

struct clients {
    struct client **at; /* lists */
    uint32_t bits;      /* of their number */
    uint64_t seed;      /* keys are chosen by strangers */
    pthread_mutex_t locks[CLIENTS_LOCKS];
};

/* An IPv4 address, or the 64 bits of an IPv6 address that one customer has. */
uint64_t clients_key(const union qhcp_addr *from);

/* For about so many connections at once.  QHCP_E_NOMEM. */
int clients_init(struct clients *s, size_t connections);
/* No thread uses it any more. */
void clients_deinit(struct clients *s);

/* Counts one more.  QHCP_E_FULL: the source has `most` already; QHCP_E_NOMEM.  Then none is
 * counted. Any thread. */
int clients_add(struct clients *s, uint64_t key, uint32_t most);
/* One that was counted has gone.  Any thread. */
void clients_remove(struct clients *s, uint64_t key);

#endif
