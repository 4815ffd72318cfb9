/* HTTP/2 on a connection: nghttp2, its streams, and limits on both.  Inside src/expose alone. */
#ifndef QHCP_EXPOSE_HTTP2_H
#define QHCP_EXPOSE_HTTP2_H

#include "base/slice.h"
#include "base/text.h"
#include "base/time.h"

struct expose_conn;
struct http2;

/* NULL: out of memory. */
struct http2 *http2_new(struct expose_conn *conn);
/* Also for NULL. */
void http2_free(struct http2 *h);

/* What has come.  False: the connection is to be closed, after what http2_pull gives. */
bool http2_feed(struct http2 *h, qhcp_nsec now, struct slice bytes);
/* Adds to *out what is to be sent, until that has `most` bytes or a little more.  False: the
 * connection is over after that. */
bool http2_pull(struct http2 *h, struct text *out, size_t most);
/* Has it more than http2_pull gave? */
bool http2_sends(const struct http2 *h);
/* Requests that were not answered to the end. */
size_t http2_streams(const struct http2 *h);
/* No more requests: what is under way may end. */
void http2_goaway(struct http2 *h);

#endif
