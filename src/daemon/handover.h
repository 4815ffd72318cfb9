/* One load balancer takes the place of another without a connection refused: the new process asks
 * the one that has the port for its listening sockets, and for what it knows of its servers.
 *
 * They meet at a unix socket in the state directory, which no other user can enter; its name has
 * the port and the network namespace that the port is in.  Each looks at the other's user too
 * (SO_PEERCRED).
 *
 *   new                          old
 *    |--- connects -------------->|
 *    |<-- descriptors: knowledge, listening sockets
 *    |    (accepts)
 *    |--- one byte: taken ------->|   stops accepting, takes leave of its servers
 *    |<-- end --------------------|   has given up its UDP port and the name; drains
 *    watches servers, and offers the same to the next one
 *
 * A new process that fails half-way closes the socket, and the old one has noticed nothing. */
#ifndef QHCP_DAEMON_HANDOVER_H
#define QHCP_DAEMON_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop/listener.h"

#define HANDOVER_LISTENERS 128 /* two families for each of PROXY_THREADS */
#define HANDOVER_PATH 108      /* of struct sockaddr_un */

/* What the old one gives. */
struct handover_gift {
    int listeners[HANDOVER_LISTENERS];
    unsigned n_listeners;
    bool shared;   /* each stays open elsewhere: the service manager's, */
    uint16_t port; /* and has this port; 0: --port */
    char *known;   /* text, on the heap; forward_known's */
};

struct handover_owner {
    void *ctx;
    /* Fills *ret: sockets stay the owner's, known becomes ours.  QHCP_E_NOMEM. */
    int (*give)(void *ctx, struct handover_gift *ret);
    void (*taken)(void *ctx, qhcp_nsec now); /* handover_end is to follow, within two seconds */
};

struct handover {
    char path[HANDOVER_PATH]; /* "": there is none */
    ino_t inode;              /* of the socket that is ours at this path */
    struct handover_owner owner;
    struct listener listener;
    struct loop_watch client; /* who has asked */
    bool taken;
};

/* Offers what the owner has.  If that is impossible, the log says so and everything else goes on.
 * *ret must stay where it is. */
void handover_offer(struct handover *ret, uint16_t port, const struct handover_owner *owner,
                    struct loop *loop);
/* Somebody may still ask. */
bool handover_open(const struct handover *h);
/* Ends the offer; a process that has taken over is told that everything is its own now. Also one
 * that is zeroed or has ended. */
void handover_end(struct handover *h);

/* Asks for the place of the load balancer that has this port.  QHCP_E_NOT_FOUND: there is none.  On
 * success the sockets are the caller's, and *ret_to is for handover_done. */
int handover_ask(uint16_t port, struct handover_gift *ret, int *ret_to, char *words,
                 size_t words_cap);
/* It works: the old one may go.  Returns once it has given up its port and the name, or after two
 * seconds. */
void handover_done(int to);

#endif
