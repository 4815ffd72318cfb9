/* The kinds of sinks: one more is a file, a name here and a row in sink_kinds.c. */
#ifndef QHCP_SINKS_SINK_KINDS_H
#define QHCP_SINKS_SINK_KINDS_H

#include "sinks/sink.h"

extern const struct sink_kind sink_haproxy_agent;
extern const struct sink_kind sink_haproxy;
extern const struct sink_kind sink_consul;
extern const struct sink_kind sink_nginx;
extern const struct sink_kind sink_envoy;
extern const struct sink_kind sink_file_sd;
extern const struct sink_kind sink_track_file;
extern const struct sink_kind sink_exec;
extern const struct sink_kind sink_webhook;
extern const struct sink_kind sink_dns;
extern const struct sink_kind sink_dns_update;

/* NULL: there is none of this name. */
const struct sink_kind *sink_kinds_find(const char *name);
/* "haproxy-agent, file_sd or exec" */
void sink_kinds_names(char *ret, size_t cap);

#endif
