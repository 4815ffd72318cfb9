/* HTTP requests that wait for nobody: libcurl's multi interface on the loop of the thread that
 * serves.
 *
 * In: requests, at most so many at once as their owner sends; out: the status of each, or why there
 * is none.  Connections are kept and used again.  Certificates are verified, unless `insecure` says
 * otherwise; no redirect is followed, no proxy used, no cookie kept.  What comes back is hostile:
 * its headers and its body are cut. */
#ifndef QHCP_SINKS_HTTP_CLIENT_H
#define QHCP_SINKS_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "loop/loop.h"

#define HTTP_CLIENT_BODY 200 /* bytes of an answer that are kept, with the NUL */
#define HTTP_CLIENT_WORDS 300

struct curl_slist;
struct http_transfer;

struct http_answer {
    long status; /* 0: there was no answer, for a reason in words */
    const char *words;
    const char *body; /* its begin, printable; "" */
};

struct http_request {
    const char *method, *url; /* copied, as the body is */
    const char *body;
    size_t n;
    struct curl_slist *headers; /* becomes the client's, also after a failure; NULL: none */
    qhcp_nsec timeout;
    /* Called once, from the loop, unless the client ends before. */
    void (*done)(void *ctx, qhcp_nsec now, const struct http_answer *answer);
    void *ctx;
};

struct http_client {
    struct loop *loop; /* NULL: it has not begun */
    void *multi;
    struct loop_part part;
    qhcp_nsec wake_at;
    struct http_transfer *transfers;
    const char *ca_file; /* NULL: the system's */
    bool insecure;
};

/* The caller has set ca_file and insecure, and nothing else.  QHCP_E_NOMEM. */
int http_client_begin(struct http_client *c, struct loop *loop);
/* What is under way is dropped.  One that has not begun is fine. */
void http_client_end(struct http_client *c);

/* QHCP_E_NOMEM: done is not called. */
int http_client_send(struct http_client *c, const struct http_request *r);

#endif
