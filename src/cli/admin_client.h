/* Asks a running `qhcp lb` of this machine, by the Unix socket of its admin interface
 * (docs/api.md). */
#ifndef QHCP_CLI_ADMIN_CLIENT_H
#define QHCP_CLI_ADMIN_CLIENT_H

#include <jansson.h>

#include "admin/private_socket.h"
#include "base/text.h"
#include "base/words.h"
#include "conf/options.h"

#define ADMIN_CLIENT_OPTIONS(X)                                                                    \
    X(port, "port", PORT,                                                                          \
      .doc = "The load balancer's port, which is in the default name of its socket. By default "   \
             "4242, or that of the only load balancer there is.")                                  \
    X(admin_socket, "admin-socket", TEXT, .arg = "PATH", .min = 1, .max = 1000,                    \
      .doc = "The socket of the load balancer's admin interface, as PATH or unix:PATH. By "        \
             "default admin-PORT.sock in the state directory.")

struct admin_client {
    char path[PRIVATE_SOCKET_PATH];
};

struct admin_answer {
    long status;      /* of HTTP; 0: there was no answer */
    struct text text; /* as it came */
    json_t *json;     /* an object */
};

/* Finds the socket that the two options name (NULL, 0: not given).  QHCP_E_FULL (the path is too
 * long), QHCP_E_EXISTS (several load balancers: one must be chosen), or why there is no state
 * directory; with words. */
int admin_client_find(struct admin_client *ret, const char *path, uint16_t port,
                      const struct words *w);

/* "BEFORE", then name as a segment of a path (RFC 3986, 2.1), then "AFTER". */
void admin_client_path(struct text *t, const char *before, const char *name, const char *after);

/* One request, and its whole answer; GET where body is NULL, else POST.  *ret is valid in each
 * case, for admin_client_release.  QHCP_E_NOT_FOUND: no load balancer runs there; QHCP_E_IO: it
 * does not answer, or refuses (ret->status); with words. */
int admin_client_ask(const struct admin_client *c, const char *path, const json_t *body,
                     struct admin_answer *ret, const struct words *w);
void admin_client_release(struct admin_answer *a);

/* Follows a stream of events: each line of it, without its end, goes to fn until that says false or
 * the stream ends.  QHCP_E_* as above, QHCP_E_IO when it ended; 0: fn said false. */
typedef bool admin_client_line_fn(void *ctx, const char *line);
int admin_client_follow(const struct admin_client *c, const char *path, admin_client_line_fn *fn,
                        void *ctx, const struct words *w);

/* A time of the API in unix milliseconds; -1: it is none. */
int64_t admin_client_time(const char *text);

/* A member that is a text; "" where it is none. */
const char *admin_client_text(const json_t *object, const char *name);

#endif
