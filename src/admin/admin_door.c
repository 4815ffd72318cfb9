/* libmicrohttpd runs in its "external" mode: its epoll descriptor is watched by the loop, its
 * deadline is a part's, and connections are accepted by our own listener.  So all of it happens on
 * the loop's thread. */
#include "admin/admin_door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "admin/admin_http.h"
#include "admin/admin_tls.h"

#include <qhcp/error.h>

#define BACKLOG 512                 /* who comes in one go is not made to wait a second */
#define RUNS 16                     /* of libmicrohttpd, before others have their turn */
#define RETRY (100 * NSEC_PER_MSEC) /* to listen where another process still does */
#define RENEW (10 * NSEC_PER_SEC)   /* from look to look whether there is another certificate */
#define RETRY_MOST (10 * NSEC_PER_SEC)
#define WORDS 400

static void on_connection(void *cls, struct MHD_Connection *mhd, void **ctx,
                          enum MHD_ConnectionNotificationCode what)
{
    struct admin_door *door = cls;
    struct admin_conn *c = *ctx;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

        c = calloc(1, sizeof *c);
        if (!c)
            return;
        *c = (struct admin_conn){
            .door = door, .fd = info->connect_fd, .until = nsec_add(loop_now(), ADMIN_PATIENCE)};
        (void)admin_access_who(&door->at, c->fd, &c->who);
        DL_APPEND(door->conns, c);
        door->n++;
        door->look_at = nsec_min(door->look_at, c->until);
        *ctx = c;
    } else if (c) {
        DL_DELETE(door->conns, c);
        door->n--;
        free(c);
        *ctx = NULL;
    }
}

static void on_come(void *ctx, qhcp_nsec now, int fd)
{
    struct admin_door *door = ctx;
    struct admin_who who;
    union qhcp_addr addr = {.sa = {.sa_family = AF_UNIX}};
    socklen_t n = sizeof addr;

    (void)now;
    if (door->n >= door->most || !admin_access_who(&door->at, fd, &who) ||
        (!door->at.local && getpeername(fd, &addr.sa, &n) < 0)) {
        close(fd);
        return;
    }
    /* libmicrohttpd closes fd, now or later; it writes whole answers, which Nagle would hold. */
    (void)MHD_add_connection(door->mhd, fd, &addr.sa, door->at.local ? sizeof addr.sa : n);
}

/* Those whose time is over see the end of the connection; libmicrohttpd cleans up. */
static void look(struct admin_door *door, qhcp_nsec now)
{
    struct admin_conn *c;

    door->look_at = door->n > 0 ? nsec_add(now, NSEC_PER_SEC) : NSEC_NEVER;
    DL_FOREACH(door->conns, c)
    if (c->until <= now) {
        shutdown(c->fd, SHUT_RDWR);
        c->until = NSEC_NEVER;
    }
}

static void pump(struct admin_door *door)
{
    MHD_UNSIGNED_LONG_LONG wait = 0;

    door->resumed = false;
    for (int i = 0; i < RUNS; i++) {
        MHD_run(door->mhd);
        if (MHD_get_timeout(door->mhd, &wait) != MHD_YES || wait > 0)
            return;
    }
}

static void on_ready(void *ctx, qhcp_nsec now, unsigned ready)
{
    (void)now, (void)ready;
    pump(ctx);
}

static qhcp_nsec deadline(void *ctx)
{
    const struct admin_door *door = ctx;
    qhcp_nsec at = nsec_min(nsec_min(door->look_at, door->retry_at), door->renew_at);
    MHD_UNSIGNED_LONG_LONG wait;

    if (door->resumed)
        return loop_now();
    if (door->mhd && MHD_get_timeout(door->mhd, &wait) == MHD_YES)
        at = nsec_min(at, nsec_add(loop_now(), (qhcp_nsec)wait * NSEC_PER_MSEC));
    return at;
}

static int listen_there(struct admin_door *door, char *words, size_t words_cap);
static void renew(struct admin_door *door, qhcp_nsec now);

static void listen_again(struct admin_door *door, qhcp_nsec now)
{
    char words[WORDS];
    int r = listen_there(door, words, sizeof words);

    door->retry_at = NSEC_NEVER;
    if (r == QHCP_E_EXISTS && now < door->retry_until)
        door->retry_at = nsec_add(now, RETRY);
    else if (r < 0)
        door->admin->config.log(door->admin->config.ctx, QHCP_LOG_WARNING, words);
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct admin_door *door = ctx;

    if (door->retry_at <= now)
        listen_again(door, now);
    if (door->look_at <= now)
        look(door, now);
    if (door->renew_at <= now)
        renew(door, now);
    pump(door);
}

/* ---- the door ---- */

static int listen_there(struct admin_door *door, char *words, size_t words_cap)
{
    int fd, r;

    if (door->at.local)
        r = private_socket_listen(door->at.path, door->at.mode, BACKLOG, "--admin", &fd, words,
                                  words_cap);
    else
        r = listener_tcp(&door->at.addr, BACKLOG, "--admin", &fd, words, words_cap);
    if (r == 0)
        listener_begin(door->admin->config.loop, &door->listener, fd, on_come, door);
    return r;
}

static bool has_tls(const struct admin_door *door)
{
    return !door->at.local && !door->at.loopback;
}

/* libmicrohttpd copies the certificate and its key. */
static struct MHD_Daemon *start_with(struct admin_door *door, const struct admin_pair *pair)
{
    const unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
                           MHD_USE_ITC | (pair ? MHD_USE_TLS : 0);
    unsigned most = (unsigned)door->most;
    unsigned of_one = door->at.loopback || most < 4 ? most : most - most / 4;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, pair ? pair->key : NULL},
                                   {MHD_OPTION_HTTPS_MEM_CERT, 0, pair ? pair->cert : NULL},
                                   {MHD_OPTION_END, 0, NULL}};

    if (!pair)
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(
        flags, 0, NULL, NULL, admin_http_request, door, MHD_OPTION_NOTIFY_COMPLETED,
        admin_http_completed, door, MHD_OPTION_NOTIFY_CONNECTION, on_connection, door,
        MHD_OPTION_URI_LOG_CALLBACK, admin_http_uri, NULL, MHD_OPTION_CONNECTION_LIMIT, most,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, of_one, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)ADMIN_HEADERS, MHD_OPTION_CONNECTION_TIMEOUT, 0U, MHD_OPTION_ARRAY, tls,
        MHD_OPTION_END);
}

/* Connections end; libmicrohttpd ends with none asleep. */
static void stop(struct admin_door *door)
{
    struct admin_conn *c;

    loop_unwatch(&door->watch);
    DL_FOREACH(door->conns, c)
    if (c->request)
        admin_http_wake(c->request);
    if (door->mhd)
        MHD_stop_daemon(door->mhd);
    door->mhd = NULL;
}

static int start(struct admin_door *door, char *words, size_t words_cap)
{
    struct admin_pair pair = {NULL, NULL};
    const union MHD_DaemonInfo *info;
    struct MHD_Daemon *mhd;
    int r = has_tls(door) ? admin_tls_load(door->admin, &pair, &door->stamp, words, words_cap) : 0;

    if (r < 0)
        return r;
    mhd = start_with(door, has_tls(door) ? &pair : NULL);
    admin_tls_free(&pair);
    info = mhd ? MHD_get_daemon_info(mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info) {
        snprintf(words, words_cap, "--admin: %s",
                 has_tls(door) ? "the certificate and its key cannot be used"
                               : "out of memory or descriptors");
        return has_tls(door) ? QHCP_E_CERT : QHCP_E_NOMEM;
    }
    stop(door); /* the one before, which had an older certificate */
    door->mhd = mhd;
    loop_watch(door->admin->config.loop, &door->watch, info->epoll_fd, LOOP_READABLE, on_ready,
               door);
    return 0;
}

/* A certificate that was renewed is taken up; its clients connect again. */
static void renew(struct admin_door *door, qhcp_nsec now)
{
    const struct admin_config *config = &door->admin->config;
    char words[WORDS];

    door->renew_at = nsec_add(now, RENEW);
    if (admin_tls_stamp(door->admin) == door->stamp)
        return;
    if (start(door, words, sizeof words) < 0) {
        config->log(config->ctx, QHCP_LOG_WARNING, words);
        door->stamp = admin_tls_stamp(door->admin);
    }
}

int admin_door_open(struct admin_door *door, char *words, size_t words_cap)
{
    const struct admin_config *config = &door->admin->config;
    int r = listen_there(door, words, words_cap);

    door->look_at = door->retry_at = door->renew_at = NSEC_NEVER;
    if (r == QHCP_E_EXISTS && config->again) {
        door->retry_at = nsec_add(loop_now(), RETRY);
        door->retry_until = nsec_add(loop_now(), RETRY_MOST);
        r = 0;
    }
    if (r == 0)
        r = start(door, words, words_cap);
    if (r < 0)
        return r;
    if (has_tls(door))
        door->renew_at = nsec_add(loop_now(), RENEW);
    door->part =
        (struct loop_part){.name = "admin", .ctx = door, .deadline = deadline, .expire = expire};
    loop_add(config->loop, &door->part);
    return 0;
}

void admin_door_shut(struct admin_door *door)
{
    door->retry_at = NSEC_NEVER;
    if (!listener_open(&door->listener))
        return;
    if (door->at.local)
        unlink(door->at.path);
    listener_end(&door->listener);
}

void admin_door_close(struct admin_door *door)
{
    admin_door_shut(door);
    stop(door);
    loop_remove(&door->part);
}
