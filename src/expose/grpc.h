/* gRPC calls on an HTTP/2 stream: which methods there are, and what each answers.  Inside
 * src/expose alone.
 *
 *   /grpc.health.v1.Health/Check, Watch, List
 *   /xds.service.orca.v3.OpenRcaService/StreamCoreMetrics
 *
 * A call gets its request whole, and writes frames into `out`, which its stream (http2.c) sends;
 * what comes while the last frame has not left waits, and only the newest is sent then. */
#ifndef QHCP_EXPOSE_GRPC_H
#define QHCP_EXPOSE_GRPC_H

#include "base/text.h"
#include "expose/expose.h"
#include "expose/grpc_message.h"

#define GRPC_MESSAGE_MAX 1024 /* bytes of a request */
#define GRPC_SERVICE 128      /* bytes of a service's name; a longer one is unknown */

#define GRPC_REPORT_DEFAULT                                                                        \
    (10 * NSEC_PER_SEC)                       /* between two load reports, where none is asked     \
                                               */
#define GRPC_REPORT_MIN (500 * NSEC_PER_MSEC) /* the machine is not measured more often */

struct grpc_call {
    struct expose *expose;
    void (*ready)(struct grpc_call *c, qhcp_nsec now); /* `out` has more, or it has ended */
    struct text out;
    size_t sent; /* of out */
    bool ended;  /* after what is in out */
    enum grpc_status status;
    const char *words;
    struct expose_timer timer; /* of a report */
    qhcp_nsec interval;
    struct grpc_call *prev, *next; /* of expose->watches, where `watches` */
    bool watches;
    enum facts_health told; /* of service; 0: nothing yet */
    size_t n_service;
    char service[GRPC_SERVICE];
};

/* The request of a call has come: the path, and its bytes with the frame around the message.
 * expose and ready are set. */
void grpc_begin(struct grpc_call *c, qhcp_nsec now, struct slice path, struct slice request);
/* What was in out has left. */
void grpc_sent(struct grpc_call *c);
/* Also for one that did not begin. */
void grpc_end(struct grpc_call *c);

/* Before every wait of the loop: who watches is told what has changed. */
void grpc_turn(struct expose *e, qhcp_nsec now);

#endif
