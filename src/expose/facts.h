/* What the server says of itself to those who are no load balancers of QHCP: one meaning for gRPC,
 * HTTP and metrics. */
#ifndef QHCP_EXPOSE_FACTS_H
#define QHCP_EXPOSE_FACTS_H

#include <qhcp/server.h>

#include "base/slice.h"

/* grpc.health.v1.HealthCheckResponse.ServingStatus. */
enum facts_health { FACTS_SERVING = 1, FACTS_NOT_SERVING = 2, FACTS_UNKNOWN = 3 };

struct facts {
    struct qhcp_server_view view;
    const char *const *services; /* of --service */
    size_t n_services;
};

/* Is it one that takes traffic: serving or degraded? */
bool facts_serving(enum qhcp_status status);

/* Of a name: "" is the server, and so is each of its services; the name of a check is that check
 * alone, as long as neither the operator nor a stop takes the whole server out.  FACTS_UNKNOWN:
 * there is none of this name. */
enum facts_health facts_health_of(const struct facts *f, struct slice name);

/* All names that there are, the empty one first. */
size_t facts_count(const struct facts *f);
struct slice facts_name(const struct facts *f, size_t i);

/* A metric's value in the unit that its name says: percent, bytes, microseconds, a plain number. */
double facts_figure(const struct qhcp_value *v);

#endif
