/* One request to the admin interface, and one stream of events, as handles of curl: the caller
 * performs them, one after the other (admin_client.c) or several at once (top_link.c). */
#ifndef QHCP_CLI_ADMIN_CALL_H
#define QHCP_CLI_ADMIN_CALL_H

#include <curl/curl.h>

#include "cli/admin_client.h"

/* It stays where it is from begin to end. */
struct admin_call {
    CURL *easy;
    struct curl_slist *headers;
    struct admin_answer answer; /* the caller's, after the end: admin_client_release */
};

/* Prepares what admin_client_ask asks.  QHCP_E_NOMEM with words: nothing is to be ended. */
int admin_call_begin(struct admin_call *call, const struct admin_client *c, const char *path,
                     const json_t *body, const struct words *w);
/* It has been performed, with this result: call->answer is filled in.  Returns what
 * admin_client_ask returns. */
int admin_call_end(struct admin_call *call, const struct admin_client *c, CURLcode result,
                   const struct words *w);
/* Gives it up; call->answer stays. */
void admin_call_drop(struct admin_call *call);

/* It stays where it is from begin to end. */
struct admin_follower {
    CURL *easy;
    struct text line;
    admin_client_line_fn *fn;
    void *ctx;
    bool ended; /* by fn */
};

/* The same for admin_client_follow. */
int admin_follower_begin(struct admin_follower *f, const struct admin_client *c, const char *path,
                         admin_client_line_fn *fn, void *ctx, const struct words *w);
int admin_follower_end(struct admin_follower *f, const struct admin_client *c, CURLcode result,
                       const struct words *w);
void admin_follower_drop(struct admin_follower *f);

#endif
