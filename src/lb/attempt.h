/* Attempts to connect to a server: the addresses of its name are tried in turn, each once a round.
 * If none answers, they are tried once more from another port of ours (paths.c).
 *
 * Health says when to try, and the attempt then waits for its turn (starts.h). The result is a link
 * with a connection, or a signal for health. */
#ifndef QHCP_LB_ATTEMPT_H
#define QHCP_LB_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "health/health.h"

#include <qhcp/types.h>

struct backend;

#define ATTEMPT_TIMEOUT NSEC_PER_SEC          /* of one address's handshake, at least */
#define ATTEMPT_ROUND_MAX (20 * NSEC_PER_SEC) /* longer rounds are not doubled */

/* Embedded in struct backend; only attempt.c changes it. */
struct attempt {
    union qhcp_addr *addrs; /* n, tried in turn from `at`: of the name, allocated; or the literal */
    uint8_t n, at;
    uint8_t tried;            /* of this round */
    uint16_t port;            /* of ours that this attempt is made from; 0: the usual one */
    uint16_t home;            /* the one that led to it last */
    bool begun;               /* this round has had its first turn */
    bool resolving;           /* the name's addresses were asked for */
    enum health_signal worst; /* of this round's failures */
};

/* An address literal needs no resolving. */
void attempt_init(struct backend *b);
void attempt_deinit(struct backend *b);
/* Gives up the connection that there is, and dials. */
void attempt_start(struct backend *b, qhcp_nsec now);
/* Its turn has come: dials the address that it waited for. */
void attempt_turn(struct backend *b, qhcp_nsec now);
/* The same address once more: another token may do. */
void attempt_again(struct backend *b, qhcp_nsec now);
/* The answer to config.resolve. */
void attempt_resolved(struct backend *b, qhcp_nsec now, const union qhcp_addr *addrs, size_t n,
                      const char *words);
/* This attempt failed: tries the next address, or tells health. */
void attempt_failed(struct backend *b, qhcp_nsec now, enum health_signal signal, const char *words);
/* The handshake is done, from this port of ours. */
void attempt_connected(struct backend *b, qhcp_nsec now, uint16_t port);
/* The session is established: the round is over. */
void attempt_established(struct backend *b);
/* Stops waiting for addresses, or for its turn; what is under way is no longer counted. */
void attempt_cancel(struct backend *b);
/* It waits for addresses, or for its turn: nothing is due of it. */
bool attempt_waits(const struct backend *b);
/* The address that is dialled, or would be next; false: none is known. */
bool attempt_remote(const struct backend *b, union qhcp_addr *ret);

#endif
