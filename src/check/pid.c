/* --watch-pid: not serving from the moment when this process ends.  Its successor is unknown: that
 * needs --watch-unit. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check/kind.h"
#include "check/process.h"

struct pid {
    struct check_watch watch;
    int fd;
    char name[PROCESS_NAME];
};

static int pid_open(struct check *c, char *words, size_t words_cap)
{
    int fd = process_open(c->spec.pid), error = errno;
    struct pid *p;

    if (fd < 0) {
        if (error == ESRCH)
            snprintf(words, words_cap, "there is no process %d", c->spec.pid);
        else
            snprintf(words, words_cap, "cannot watch process %d: %s", c->spec.pid,
                     error == EINVAL ? "it is a thread" : strerror(error));
        return error == ESRCH ? QHCP_E_NOT_FOUND : QHCP_E_IO;
    }
    p = calloc(1, sizeof *p);
    if (!p) {
        close(fd);
        return QHCP_E_NOMEM;
    }
    p->fd = fd;
    p->watch.fd = -1;
    process_name(c->spec.pid, p->name);
    c->self = p;
    return 0;
}

static void pid_stop(struct check *c)
{
    struct pid *p = c->self;

    check_unwatch(c, &p->watch);
}

static void pid_close(struct check *c)
{
    struct pid *p = c->self;

    close(p->fd);
    free(p);
}

static void pid_begin(struct check *c)
{
    struct pid *p = c->self;

    if (check_watch(c, &p->watch, p->fd, EPOLLIN) == 0)
        check_say(c, QHCP_SERVING, "%s", "");
    else
        check_say(c, QHCP_NOT_SERVING, "cannot watch %s", p->name);
}

static void pid_ready(struct check *c, struct check_watch *w, unsigned events)
{
    struct pid *p = c->self;

    (void)events;
    check_unwatch(c, w);
    check_say(c, QHCP_NOT_SERVING, "%s ended", p->name);
}

const struct kind pid_kind = {
    .steady = true,
    .open = pid_open,
    .close = pid_close,
    .begin = pid_begin,
    .stop = pid_stop,
    .ready = pid_ready,
};
