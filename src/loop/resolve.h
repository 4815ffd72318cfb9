/* Names to addresses without waiting: c-ares on the loop.
 *
 * /etc/hosts is respected, addresses come in the order of RFC 6724, "localhost" is ::1 and
 * 127.0.0.1 even where no file says so (RFC 6761, 6.3).  Many names may be asked for at once: a
 * bounded number is under way, the others wait their turn.  Answers always come from the loop,
 * never from inside resolve_start. */
#ifndef QHCP_LOOP_RESOLVE_H
#define QHCP_LOOP_RESOLVE_H

#include <stdbool.h>

#include <qhcp/error.h>
#include <qhcp/types.h>

struct loop;
struct resolve;

struct resolve_answer {
    size_t index; /* as given to resolve_start */
    const char *host;
    uint16_t port;
    const union qhcp_addr
        *addrs; /* n of them, with the port; n 0: words says why ("cannot resolve ...") */
    size_t n;
    const char *words;
    bool silent; /* no DNS server has answered */
};

/* In words, after "cannot resolve NAME: ". */
#define RESOLVE_SILENT "no DNS server answers"

/* QHCP_E_NOMEM, QHCP_E_IO. */
int resolve_new(struct loop *loop, void (*done)(void *ctx, const struct resolve_answer *answer),
                void *ctx, struct resolve **ret);

/* What is under way is forgotten: done is not called.  Before the loop is freed. */
void resolve_free(struct resolve *r);

/* Asks for the addresses of host, copied. QHCP_E_NOMEM (done is not called then). */
int resolve_start(struct resolve *r, size_t index, const char *host, uint16_t port);

#endif
