/* The servers as lines of an nginx upstream block (ngx_http_upstream_module,
 * ngx_stream_upstream_module: the same words in both).  Text from what is said, and nothing else.
 */
#ifndef QHCP_SINKS_NGINX_TEXT_H
#define QHCP_SINKS_NGINX_TEXT_H

#include "base/text.h"
#include "sinks/sink.h"

/* upstream: the block's name, whose lines it is to have around it; NULL: the lines alone.
 *
 * A weight is the operator's, and less for a degraded server: figures like load change no line,
 * since each change costs nginx a generation of workers.  A server that gets no new traffic
 * stays, as `down` and with its weight, so that hashes over the servers do not move.  Tiers behind
 * the first are `backup`. */
void nginx_text(const char *upstream, const struct sink_view *view, struct text *ret);

/* Could nginx_text have written this? */
bool nginx_text_is(const char *content);

/* 1 to 64 of A-Z a-z 0-9 . _ -: a name of an upstream that needs no quotes in nginx. */
bool nginx_text_name(const char *upstream);

#endif
