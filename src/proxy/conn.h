/* One client's connection and the server's that belongs to it.
 *
 *   CONNECTING --server connects--> RELAYING --both directions have ended--> closed
 *        |  ^                           |
 *        |  +- another server -+        +-- broken, or idle for too long --> closed
 *        +--refused, timed out-+--none left--> closed
 *
 * Nothing is read from the client before a server is connected, so that trying another costs the
 * client no byte. */
#ifndef QHCP_PROXY_CONN_H
#define QHCP_PROXY_CONN_H

#include "base/time.h"
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
    struct relay up, down; /* from the client, to the client */
    qhcp_nsec since;       /* of its place in the queue: the last step */
    qhcp_nsec begun;       /* the connect under way, or the last bytes of a request that is not
                              answered yet; 0: none */
    uint64_t key;
    uint64_t counted_up, counted_down; /* bytes that the entry has heard of */
    uint32_t tried[CONN_TRIES];        /* slots; see retry */
    unsigned n_tried;
    bool connected, dead;
};

/* Which side of a connection an event is of: in the lowest bit of epoll's pointer. */
#define CONN_SERVER ((uintptr_t)1)

/* Takes over a socket that was accepted from this address. */
void conn_accepted(struct worker *w, int fd, const union qhcp_addr *from);
void conn_event(struct conn *c, bool of_server, uint32_t events);
/* Its turn again, after RELAY_GOES_ON. */
void conn_continue(struct conn *c);
/* The connect has taken too long. */
void conn_timed_out(struct conn *c);
/* failed: the server's fault. */
void conn_close(struct conn *c, bool failed);

#endif
