/* HTTP for the rows of admin_routes.c: connections, requests and answers, by libmicrohttpd on the
 * loop of the thread that serves.  Inside src/admin alone.
 *
 * A route's function reads its request and fills the answer in:
 *
 *     static void handle(struct admin_request *q)
 *     {
 *         text_add(&q->out, "{\"name\":");
 *         text_json(&q->out, q->name);
 *         text_add(&q->out, "}\n");
 *     }
 *
 * An answer that is long, or never ends, has a `more` that is called for each piece of it, when the
 * client has taken the one before.
 *
 * Bounds: headers and the request line ADMIN_HEADERS bytes, a body ADMIN_BODY, a whole request
 * ADMIN_PATIENCE, an answer ADMIN_SLOW unless it never ends; as many connections as admin_new was
 * told, of another machine three quarters of a door's at most. */
#ifndef QHCP_ADMIN_ADMIN_HTTP_H
#define QHCP_ADMIN_ADMIN_HTTP_H

#include "admin/admin.h"
#include "admin/admin_access.h"
#include "admin/admin_follow.h"
#include "admin/admin_tokens.h"
#include "base/text.h"
#include "fleet/fleet.h"
#include "loop/listener.h"

#define ADMIN_HEADERS (16 << 10)
#define ADMIN_BODY (1 << 20)
#define ADMIN_PATIENCE (10 * NSEC_PER_SEC) /* for a whole request, and between two */
#define ADMIN_SLOW (60 * NSEC_PER_SEC)     /* for an answer to be taken */
#define ADMIN_NAME 264                     /* of a server, with its NUL */

struct admin_page_file;
struct MHD_Connection;
struct MHD_Daemon;
struct admin_request;
struct fleet_snapshot;
struct feed_reader;

/* What a route needs its client to be allowed. */
struct admin_route {
    const char *method;
    const char *path; /* a segment "*" is any; the last of them is q->name */
    enum admin_scope scope;
    const char *query; /* the parameters that it knows, with blanks between; "" for none */
    void (*handle)(struct admin_request *q);
};

enum admin_more {
    ADMIN_MORE, /* something was added to q->out, and there is more */
    ADMIN_WAIT, /* there is nothing more just now: admin_http_wake when there is */
    ADMIN_END,
};

/* A connection: from its client's first byte until it is closed. */
struct admin_conn {
    struct admin_door *door;
    struct admin_conn *prev, *next;
    int fd;
    qhcp_nsec until; /* then it is cut off; NSEC_NEVER: never */
    struct admin_who who;
    bool bad_uri;                  /* of the request that is being read */
    struct admin_request *request; /* NULL: between two */
};

struct admin_request {
    struct admin *admin;
    struct admin_conn *conn;
    struct MHD_Connection *mhd;
    const struct admin_route *route; /* NULL: none was found */
    struct admin_who who;            /* the client, and what it may do */
    char name[ADMIN_NAME];           /* the path's "*"; "" */
    struct text body;

    /* The answer.  status 0 becomes 200, type NULL application/json. */
    unsigned status;
    const char *type;
    struct text out;
    enum admin_more (*more)(struct admin_request *q); /* NULL: out is all of it */
    const struct admin_page_file *fixed; /* NULL, or all of the answer, which may be kept */
    void *ctx;                           /* of more */
    void (*free_ctx)(void *ctx);         /* NULL: nothing is to be freed */
    bool endless;                        /* it may take as long as it likes */
    char etag[40];                       /* with its quotes; "": none */
    char allow[64];                      /* methods; "": none */

    /* Set by a handler that answers later, which calls admin_http_answer then. */
    bool later;

    /* admin_http.c's. */
    bool handled, asleep, too_large;
    size_t sent; /* of out */
};

/* One --admin. */
struct admin_door {
    struct admin *admin;
    struct admin_address at;
    struct MHD_Daemon *mhd;
    struct listener listener;
    struct loop_watch watch; /* of libmicrohttpd's epoll */
    struct loop_part part;
    struct admin_conn *conns;
    size_t most, n;
    bool resumed;       /* a connection was woken: libmicrohttpd is to run */
    qhcp_nsec look_at;  /* at those whose time is over */
    qhcp_nsec renew_at; /* at the certificate; NSEC_NEVER: there is none */
    uint64_t stamp;     /* of the files that it is from */
    qhcp_nsec retry_at; /* to listen again; NSEC_NEVER */
    qhcp_nsec retry_until;
};

struct admin {
    struct admin_config config;
    struct feed_reader *reader; /* of snapshots */
    struct admin_follow follow;
    struct admin_tokens tokens;
    struct admin_door doors[ADMIN_ADDRESSES];
    size_t n_doors;
    int64_t started_ms;
};

/* Is `name` one of the words of `names`, which have blanks between? */
bool admin_http_names(const char *names, const char *name);

/* The route's parameter of this name, decoded; NULL: it is not there. */
const char *admin_http_query(const struct admin_request *q, const char *name);
/* A header; NULL. */
const char *admin_http_header(const struct admin_request *q, const char *name);
/* A parameter that is a whole number from min to max.  False: it is not, and the answer says so. */
bool admin_http_number(struct admin_request *q, const char *name, uint64_t min, uint64_t max,
                       uint64_t *value);

/* The answer is {"error":{"code":...,"message":...}} with this status, whatever was in out. */
void admin_http_error(struct admin_request *q, unsigned status, const char *code, const char *fmt,
                      ...) __attribute__((format(printf, 4, 5)));
/* The same with its member "faults", of which `faults` are the elements, as JSON. */
void admin_http_faults(struct admin_request *q, unsigned status, const char *code,
                       const char *faults, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* From the thread that serves: there is more for a `more` that said ADMIN_WAIT; the answer of one
 * that was `later` is complete. */
void admin_http_wake(struct admin_request *q);
void admin_http_answer(struct admin_request *q);

/* admin_routes.c: the row of this path and method.  NULL: ret_allow has the methods that the path
 * has, or is "".  ret_name: as q->name. */
const struct admin_route *admin_routes_find(const char *method, const char *path,
                                            char ret_name[ADMIN_NAME], char ret_allow[64]);
const struct admin_route *admin_routes_at(size_t i); /* NULL: there are no more */

#endif
