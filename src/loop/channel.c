#include "loop/channel.h"

#include <stdlib.h>
#include <sys/stat.h>

#define CHANNEL_TIMEOUT 2000 /* ms for the first try of a DNS server; c-ares doubles it */
#define CHANNEL_TRIES 2
#define CHANNEL_CONF "/etc/resolv.conf"

struct channel_watch { /* one descriptor of c-ares */
    struct channel_watch *next;
    struct channel *channel;
    int fd;
    struct loop_watch watch;
};

void channel_asked(struct channel *c)
{
    struct timeval tv;

    c->query_at = NSEC_NEVER;
    if (ares_timeout(c->ares, NULL, &tv))
        c->query_at = nsec_add(loop_now(), (qhcp_nsec)tv.tv_sec * NSEC_PER_SEC +
                                               (qhcp_nsec)tv.tv_usec * NSEC_PER_USEC);
}

static void on_io(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct channel_watch *w = ctx; /* which may be freed below */
    struct channel *c = w->channel;
    int fd = w->fd;

    (void)now;
    ares_process_fd(c->ares, ready & LOOP_READABLE ? fd : ARES_SOCKET_BAD,
                    ready & LOOP_WRITABLE ? fd : ARES_SOCKET_BAD);
    channel_asked(c);
}

/* c-ares opened, closed, or waits otherwise for a socket. */
static void on_socket(void *data, ares_socket_t fd, int readable, int writable)
{
    struct channel *c = data;
    struct channel_watch **p = &c->watches, *w;
    unsigned events = (readable ? LOOP_READABLE : 0u) | (writable ? LOOP_WRITABLE : 0u);

    while (*p && (*p)->fd != fd)
        p = &(*p)->next;
    w = *p;
    if (w && events != 0) {
        loop_watch_change(&w->watch, events);
    } else if (w) {
        *p = w->next;
        loop_unwatch(&w->watch);
        free(w);
    } else if (events != 0 && (w = calloc(1, sizeof *w))) {
        *w = (struct channel_watch){.next = c->watches, .channel = c, .fd = fd};
        c->watches = w;
        loop_watch(c->loop, &w->watch, fd, events, on_io, w);
    } /* without memory the query runs into its time-out */
}

static int open_ares(struct channel *c)
{
    struct ares_options options = {.timeout = CHANNEL_TIMEOUT,
                                   .tries = CHANNEL_TRIES,
                                   .sock_state_cb = on_socket,
                                   .sock_state_cb_data = c};
    int given = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    struct stat st = {0};

    stat(CHANNEL_CONF, &st);
#ifdef ARES_OPT_QUERY_CACHE /* who asks wants to know what is so now: the default keeps an hour */
    options.qcache_max_ttl = 0;
    given |= ARES_OPT_QUERY_CACHE;
#endif
    if (ares_init_options(&c->ares, &options, given) != ARES_SUCCESS)
        return QHCP_E_IO;
    if (c->servers && ares_set_servers_ports_csv(c->ares, c->servers) != ARES_SUCCESS) {
        ares_destroy(c->ares);
        return QHCP_E_PARSE;
    }
    c->conf_time = st.st_mtim;
    return 0;
}

void channel_refresh(struct channel *c)
{
    ares_channel old = c->ares;
    struct stat st = {0};

    stat(CHANNEL_CONF, &st);
    if (c->servers ||
        (st.st_mtim.tv_sec == c->conf_time.tv_sec && st.st_mtim.tv_nsec == c->conf_time.tv_nsec))
        return;
    if (open_ares(c) == 0)
        ares_destroy(old);
    else
        c->ares = old;
}

static qhcp_nsec deadline(void *ctx)
{
    return ((const struct channel *)ctx)->query_at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct channel *c = ctx;

    (void)now;
    ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    channel_asked(c);
}

int channel_open(struct channel *ret, struct loop *loop, const char *servers)
{
    int r;

    *ret = (struct channel){.loop = NULL};
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return QHCP_E_NOMEM;
    *ret = (struct channel){
        .loop = loop,
        .servers = servers,
        .query_at = NSEC_NEVER,
        .part = {.name = "dns", .ctx = ret, .deadline = deadline, .expire = expire}};
    r = open_ares(ret);
    if (r < 0) {
        ares_library_cleanup();
        *ret = (struct channel){.loop = NULL};
        return r;
    }
    loop_add(loop, &ret->part);
    return 0;
}

void channel_close(struct channel *c)
{
    if (!c->loop)
        return;
    ares_destroy(c->ares); /* calls back for all that is under way, on_socket for all sockets */
    ares_library_cleanup();
    while (c->watches) {
        struct channel_watch *w = c->watches;

        c->watches = w->next;
        loop_unwatch(&w->watch);
        free(w);
    }
    loop_remove(&c->part);
    *c = (struct channel){.loop = NULL};
}

const char *channel_words(int status)
{
    switch (status) {
    case ARES_SUCCESS:
    case ARES_ENODATA:
        return "the name has no address";
    case ARES_ENOTFOUND:
    case ARES_ENONAME:
        return "no such name";
    case ARES_ETIMEOUT:
        return "no DNS server answers";
    case ARES_ECONNREFUSED:
        return "the DNS servers cannot be reached";
    case ARES_ESERVFAIL:
        return "the DNS server failed";
    case ARES_EREFUSED:
        return "the DNS server refuses";
    default:
        return ares_strerror(status);
    }
}
