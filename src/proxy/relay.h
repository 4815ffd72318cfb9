/* One direction of a connection: bytes from one socket to the other.
 *
 * Both sockets are watched edge-triggered, so what is known of them is kept here: readable and
 * writable stay true until the kernel says EAGAIN.  Small data is received into the thread's
 * scratch buffer and sent on at once.  What the other side does not take waits in a buffer of the
 * connection, and nothing more is read meanwhile (backpressure).  Bulk data goes through a pipe by
 * splice, and is not copied.  The end of one side's data is passed on (half-close), after
 * everything before it. */
#ifndef QHCP_PROXY_RELAY_H
#define QHCP_PROXY_RELAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELAY_SCRATCH 65536  /* bytes that one read takes at most */
#define RELAY_PIPE (1 << 20) /* of a pipe that bulk goes through; the kernel may give less */
#define RELAY_BULK 3         /* reads in a row that fill the scratch make it bulk */
#define RELAY_TURN (1 << 20) /* bytes of one connection before others have their turn */

struct side {
    int fd;
    bool readable, writable; /* until EAGAIN */
    bool hangup;             /* the kernel said that its data ends, that it is broken, or that some
                                is urgent, where reads stop short */
    bool error;              /* the kernel said that it is broken */
    bool ended;              /* all its data was read */
    bool shut;               /* nothing more is sent to it */
    bool nagle;              /* TCP_NODELAY is not set yet: the first bytes need none */
};

/* Pipes that wait for bulk, of one thread. */
struct pipes {
    int (*at)[2];
    size_t n, cap;
    _Atomic int64_t *left; /* so many more may be opened, by all threads */
};

struct relay {
    char *held; /* what `to` did not take yet, from held_from to held_to; NULL: nothing */
    size_t held_from, held_to;
    int pipe[2];   /* -1: none */
    size_t piped;  /* bytes in it */
    unsigned full; /* reads in a row that filled the scratch */
    uint64_t bytes;
};

enum relay_end {
    RELAY_WAITS,   /* for a socket */
    RELAY_GOES_ON, /* its turn is over and there is more */
    RELAY_ENDED,   /* all is handed on, the end too */
    RELAY_BROKEN,  /* errno says why; ret_sender which side */
};

void relay_init(struct relay *r);
void relay_deinit(struct relay *r, struct pipes *pipes);
enum relay_end relay_run(struct relay *r, struct side *from, struct side *to, char *scratch,
                         struct pipes *pipes, bool *ret_at_sender);

void pipes_deinit(struct pipes *p);

#endif
