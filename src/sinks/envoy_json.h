/* The servers as an endpoint discovery file of Envoy's: a DiscoveryResponse of the API version 3 in
 * JSON with one ClusterLoadAssignment (envoy/service/discovery/v3/discovery.proto,
 * envoy/config/endpoint/v3/endpoint.proto).  Text from what is said, and nothing else. */
#ifndef QHCP_SINKS_ENVOY_JSON_H
#define QHCP_SINKS_ENVOY_JSON_H

#include "base/text.h"
#include "sinks/sink.h"

/* version_info is a hash of the rest, so that the same servers have the same version. */
void envoy_json(const char *cluster, const struct sink_view *view, struct text *ret);

/* Could envoy_json have written this? */
bool envoy_json_is(const char *content);

#endif
