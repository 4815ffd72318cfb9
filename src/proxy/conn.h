/* One client's connection and the server's that belongs to it.
 *
 * CONNECTING --server connects--> RELAYING --both directions have ended--> closed
 *     ^  |  ^                           |
 *     |  |  +- another server -+        +-- broken, or a deadline is over --> reset
 *     |  +--refused, timed out-+--none left--> closed
 * HELD, where nothing is known of the servers yet --for too long--> closed
 *
 * Nothing is read from the client before a server is connected, so that trying another costs the
 * client no byte.  A connection that ends before both sides have ended it is reset: a cut answer
 * must not look complete. */
#ifndef QHCP_PROXY_CONN_H
#define QHCP_PROXY_CONN_H

#include "base/time.h"
#include "proxy/proxy.h"
#include "proxy/relay.h"

#include <qhcp/types.h>

#define CONN_TRIES 3 /* servers that are tried for one client */

struct worker;
struct entry;
struct queue;

struct conn {
    struct conn *before, *after; /* in `queue` */
    struct queue *queue;
    struct worker *worker;
    struct entry *entry; /* counted in flight there; NULL: none */
    struct side client, server;
    struct relay up, down;     /* from the client, to the client */
    qhcp_nsec since;           /* of its place in the queue: the last step */
    qhcp_nsec accepted;        /* when */
    qhcp_nsec connected_after; /* it was accepted */
    qhcp_nsec begun;           /* the connect under way, or the last bytes of a request that is not
                                  answered yet; 0: none */
    uint64_t key;
    uint64_t counted_up, counted_down; /* bytes that the entry has heard of */
    uint32_t tried[CONN_TRIES];        /* slots; see retry */
    uint32_t epoch;                    /* the entry's when it was picked */
    union qhcp_addr from, to;          /* to: the server that was tried last */
    uint8_t n_tried;
    bool connected, dead;
    bool client_first; /* the client's data ended before the server's */
};

/* Which side of a connection an event is of: in the lowest bit of epoll's pointer. */
#define CONN_SERVER ((uintptr_t)1)

/* Takes over a socket that was accepted from this address, and the place that was taken for it. */
void conn_accepted(struct worker *w, int fd, const union qhcp_addr *from);
void conn_event(struct conn *c, bool of_server, uint32_t events);
/* Its turn again, after RELAY_GOES_ON. */
void conn_continue(struct conn *c);
/* It was held, and there is another table of servers. */
void conn_retry(struct conn *c);
/* The connect has taken too long. */
void conn_timed_out(struct conn *c);
/* Where its server was evicted since it was picked (proxy_evict): ends it, or where it was not
 * connected yet tries another one. */
void conn_evict(struct conn *c);
void conn_close(struct conn *c, enum proxy_end how);

#endif
