/* The messages of grpc.health.v1.Health and of xds.service.orca.v3.OpenRcaService, to and from
 * bytes, and gRPC's frame around a message (grpc/grpc, doc/PROTOCOL-HTTP2.md).  Pure. */
#ifndef QHCP_EXPOSE_GRPC_MESSAGE_H
#define QHCP_EXPOSE_GRPC_MESSAGE_H

#include <qhcp/server.h>

#include "base/slice.h"
#include "base/text.h"
#include "base/time.h"
#include "expose/facts.h"

#define GRPC_FRAME 5 /* bytes before a message: compressed or not, and its length */

enum grpc_status {
    GRPC_OK = 0,
    GRPC_NOT_FOUND = 5,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
};

/* A call's request: one frame, and nothing behind it.  Else why not, with words. */
enum grpc_status grpc_message_unframe(struct slice request, struct slice *ret,
                                      const char **ret_words);
/* HealthCheckRequest: the service's name, within the input; empty for the whole server.
 * QHCP_E_PARSE. */
int grpc_message_service(struct slice in, struct slice *ret);
/* OrcaLoadReportRequest: the interval; 0 where the client names none, or one that is not above 0.
 * QHCP_E_PARSE. */
int grpc_message_interval(struct slice in, qhcp_nsec *ret);

/* Each adds one frame with the message. */
void grpc_message_health(struct text *t, enum facts_health health); /* HealthCheckResponse */
void grpc_message_list(struct text *t, const struct facts *f);      /* HealthListResponse */
/* OrcaLoadReport: what of these metrics ORCA has a field for, is in it; other percentages are in
 * `utilization`, and all else in `named_metrics`. */
void grpc_message_report(struct text *t, const struct qhcp_value *values, size_t n);

#endif
