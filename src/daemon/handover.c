#include "daemon/handover.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/os/file.h"
#include "base/os/log.h"
#include "state/state.h"

#include <qhcp/error.h>

#define GREETING "qhcp hand-over 1" /* another version of it is another word */
#define PATIENCE_MS 2000
#define WORDS 400
#define KNOWN_MAX (64l << 20) /* bytes of knowledge that are believed */

/* 0: never the number of one. */
static unsigned long namespace_number(void)
{
    struct stat st;

    return stat("/proc/self/ns/net", &st) == 0 ? (unsigned long)st.st_ino : 0;
}

/* Where load balancers of this port meet. */
static int find_path(uint16_t port, char ret[HANDOVER_PATH], char *words, size_t words_cap)
{
    struct state found;
    int r = state_find(&found, words, words_cap), n;

    if (r < 0)
        return r;
    n = snprintf(ret, HANDOVER_PATH, "%s/lb-%u-%lu.sock", found.dir, port, namespace_number());
    if (n >= HANDOVER_PATH) {
        snprintf(words, words_cap, "%s: the name of the state directory is too long for a socket",
                 found.dir);
        r = QHCP_E_FULL;
    }
    state_close(&found);
    return r;
}

static struct sockaddr_un name_of(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    return name;
}

/* Root, or our own user. */
static bool is_ours(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

/* The text in a file without a name; -1 on failure. */
static int file_of(const char *text)
{
    int fd = memfd_create("qhcp-known", MFD_CLOEXEC);

    if (fd >= 0 && file_write_all(fd, slice_str(text)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static char *text_of(int fd)
{
    const struct words silent = {NULL, 0};
    char *text;
    size_t n;

    lseek(fd, 0, SEEK_SET);
    return file_read_fd(fd, "", KNOWN_MAX, &text, &n, &silent) == 0 ? text : NULL;
}

union rights {
    char bytes[CMSG_SPACE((HANDOVER_LISTENERS + 1) * sizeof(int))];
    struct cmsghdr align;
};

static bool send_gift(int to, const struct handover_gift *g, int known)
{
    struct iovec word = {.iov_base = (void *)(uintptr_t)GREETING, .iov_len = sizeof GREETING};
    size_t size = (g->n_listeners + 1) * sizeof(int);
    union rights rights = {.bytes = {0}};
    struct msghdr m = {.msg_iov = &word,
                       .msg_iovlen = 1,
                       .msg_control = rights.bytes,
                       .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), &known, sizeof known);
    memcpy(CMSG_DATA(c) + sizeof known, g->listeners, g->n_listeners * sizeof(int));
    return sendmsg(to, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof GREETING;
}

static void hang_up(struct handover *h)
{
    if (!h->client.loop)
        return;
    loop_unwatch(&h->client);
    close(h->client.io.fd);
}

static void give(struct handover *h)
{
    struct handover_gift gift = {.n_listeners = 0};
    int r = h->owner.give(h->owner.ctx, &gift), known = r == 0 ? file_of(gift.known) : -1;

    if (known < 0 || !send_gift(h->client.io.fd, &gift, known)) {
        log_say(QHCP_LOG_ERROR, "the port could not be handed over: %s", strerror(errno));
        hang_up(h);
    }
    if (known >= 0)
        close(known);
    free(gift.known);
}

static void hear(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct handover *h = ctx;
    char byte;
    ssize_t n = recv(h->client.io.fd, &byte, sizeof byte, MSG_DONTWAIT);

    (void)ready;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (h->taken) { /* it has ended, or talks: nothing more is to be said */
        loop_watch_change(&h->client, 0);
        return;
    }
    if (n <= 0) {
        log_say(QHCP_LOG_WARNING, "another load balancer asked for the port and did not take it");
        hang_up(h);
        return;
    }
    h->taken = true;
    h->owner.taken(h->owner.ctx, now);
}

static void welcome(void *ctx, qhcp_nsec now, int fd)
{
    struct handover *h = ctx;

    (void)now;
    if (!is_ours(fd) || h->client.loop) {
        close(fd);
        return;
    }
    loop_watch(h->listener.watch.loop, &h->client, fd, LOOP_READABLE, hear, h);
    give(h);
}

/* The file at the path was left by a process that was killed, or by one that is about to exit: the
 * port is ours. */
static int bind_at(struct handover *h, int listener)
{
    const struct sockaddr_un name = name_of(h->path);
    struct stat st;

    if (unlink(h->path) < 0 && errno != ENOENT)
        return -1;
    if (bind(listener, (const struct sockaddr *)&name, sizeof name) < 0 ||
        listen(listener, 1) < 0 || stat(h->path, &st) < 0)
        return -1;
    h->inode = st.st_ino;
    return 0;
}

void handover_offer(struct handover *ret, uint16_t port, const struct handover_owner *owner,
                    struct loop *loop)
{
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct handover *h = ret;
    char words[WORDS] = "";

    *h = (struct handover){.owner = *owner};
    if (find_path(port, h->path, words, sizeof words) == 0 && listener >= 0 &&
        bind_at(h, listener) == 0) {
        listener_begin(loop, &h->listener, listener, welcome, h);
        return;
    }
    if (words[0] == '\0')
        snprintf(words, sizeof words, "%s: %s", h->path, strerror(errno));
    log_say(QHCP_LOG_WARNING, "this load balancer cannot be replaced by --take-over: %s", words);
    if (listener >= 0)
        close(listener);
}

bool handover_open(const struct handover *h)
{
    return listener_open(&h->listener);
}

void handover_end(struct handover *h)
{
    struct stat st;

    if (h->inode != 0 && stat(h->path, &st) == 0 && st.st_ino == h->inode)
        (void)unlink(h->path); /* unless another one's is there by now */
    h->inode = 0;
    listener_end(&h->listener);
    hang_up(h);
}

/* The descriptors of a message, known first; how many there are. */
static unsigned take_rights(struct msghdr *m, int *ret)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    unsigned n;

    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return 0;
    n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (unsigned i = 0; i < n; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        if (i <= HANDOVER_LISTENERS)
            ret[i] = fd;
        else
            close(fd);
    }
    return n <= HANDOVER_LISTENERS ? n : HANDOVER_LISTENERS + 1;
}

static int receive_gift(int from, struct handover_gift *ret)
{
    char greeting[64] = "";
    struct iovec word = {.iov_base = greeting, .iov_len = sizeof greeting - 1};
    union rights rights = {.bytes = {0}};
    struct msghdr m = {.msg_iov = &word,
                       .msg_iovlen = 1,
                       .msg_control = rights.bytes,
                       .msg_controllen = sizeof rights.bytes};
    struct pollfd wait = {.fd = from, .events = POLLIN};
    int fds[HANDOVER_LISTENERS + 1];
    unsigned n;

    if (poll(&wait, 1, PATIENCE_MS) != 1 || recvmsg(from, &m, MSG_CMSG_CLOEXEC) <= 0)
        return QHCP_E_IO;
    n = take_rights(&m, fds);
    ret->known = n > 0 && strcmp(greeting, GREETING) == 0 ? text_of(fds[0]) : NULL;
    for (unsigned i = 1; i < n && ret->known; i++)
        ret->listeners[ret->n_listeners++] = fds[i];
    for (unsigned i = 0; i < n && (i == 0 || !ret->known); i++)
        close(fds[i]);
    return ret->known ? 0 : QHCP_E_IO;
}

/* A connection to the process at the path; -1, with errno. */
static int call(const char *path)
{
    const struct timeval wait = {.tv_sec = PATIENCE_MS / 1000};
    const struct sockaddr_un name = name_of(path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), error;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait); /* of connect, too */
    if (connect(fd, (const struct sockaddr *)&name, sizeof name) == 0 && is_ours(fd))
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

int handover_ask(uint16_t port, struct handover_gift *ret, int *ret_to, char *words,
                 size_t words_cap)
{
    char path[HANDOVER_PATH];
    int fd, r = find_path(port, path, words, words_cap);

    *ret = (struct handover_gift){.n_listeners = 0};
    *ret_to = -1;
    if (r < 0)
        return r;
    fd = call(path);
    if (fd < 0 && (errno == ECONNREFUSED || errno == ENOENT))
        return QHCP_E_NOT_FOUND;
    r = fd >= 0 ? receive_gift(fd, ret) : QHCP_E_IO;
    if (r == 0) {
        *ret_to = fd;
        return 0;
    }
    snprintf(words, words_cap,
             "--take-over: the load balancer on port %u does not give the port away: see its log",
             port);
    if (fd >= 0)
        close(fd);
    return r;
}

void handover_done(int to)
{
    struct pollfd wait = {.fd = to, .events = POLLIN};
    char byte = 1;

    if (send(to, &byte, sizeof byte, MSG_NOSIGNAL) == sizeof byte)
        (void)poll(&wait, 1, PATIENCE_MS); /* its end */
    close(to);
}
