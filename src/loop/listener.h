/* A listening socket on a loop: who comes is accepted and given to the owner.  Where no descriptor
 * or memory is left for one who waits, it looks again a tenth of a second later, and sleeps
 * meanwhile. */
#ifndef QHCP_LOOP_LISTENER_H
#define QHCP_LOOP_LISTENER_H

#include "loop/loop.h"

/* Its owner embeds it, zeroed; it stays where it is until listener_end. */
struct listener {
    struct loop_watch watch;
    struct loop_part part;
    qhcp_nsec again; /* when it looks again; NSEC_NEVER: whenever somebody comes */
    void (*come)(void *ctx, qhcp_nsec now, int fd);
    void *ctx;
};

/* fd listens, does not block, and is the listener's from now on.  come gets the descriptors of
 * connections, close-on-exec and non-blocking; they are its own. */
void listener_begin(struct loop *l, struct listener *w, int fd,
                    void (*come)(void *ctx, qhcp_nsec now, int fd), void *ctx);
/* Closes the socket; from any callback, also its own.  One that is zeroed or has ended stays as it
 * is. */
void listener_end(struct listener *w);
bool listener_open(const struct listener *w);

/* A TCP socket that listens there, for listener_begin; of IPv6 for IPv6 alone.  QHCP_E_EXISTS:
 * somebody else listens there; QHCP_E_IO; with words, in which `option` is what to change. */
int listener_tcp(const union qhcp_addr *at, int backlog, const char *option, int *ret, char *words,
                 size_t words_cap);

#endif
