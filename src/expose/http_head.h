/* The head of an HTTP/1.1 request (RFC 9112): request line and header fields, from bytes.  Pure.
 * Strict where leniency would be a risk: lines end with CR LF, there is no folding, no blank before
 * a colon, and no body. */
#ifndef QHCP_EXPOSE_HTTP_HEAD_H
#define QHCP_EXPOSE_HTTP_HEAD_H

#include <stdbool.h>

#include "base/slice.h"

#define HTTP_HEAD_MAX 4096

struct http_head {
    struct slice method, target; /* within the input */
    bool open_metrics;           /* Accept names application/openmetrics-text */
    bool keep;                   /* the connection stays open */
};

/* Reads a head at the front of `in`.  How many bytes it has; 0: it is not whole yet, and no byte is
 * wrong so far; or the negative status of the answer that says why not: -400, -413 (it has a body),
 * -431 (no end within HTTP_HEAD_MAX bytes), -505. */
int http_head_parse(struct slice in, struct http_head *ret);

#endif
