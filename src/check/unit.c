/* --watch-unit: the main process of a service of systemd's, whichever it is just now.
 *
 * systemd is asked over D-Bus (sd-bus) for MainPID; that process is then watched by its descriptor,
 * so that its end is noticed without asking.  Without a process, or without an answer, systemd is
 * asked again a second later.  Only open(), before anything is served, waits for an answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check/kind.h"
#include "check/process.h"

#ifdef HAVE_SYSTEMD

#include <systemd/sd-bus.h>

#define UNIT_BUS "org.freedesktop.systemd1"
#define UNIT_MESSAGES 16 /* taken from the bus in one call */

struct unit {
    sd_bus *bus; /* NULL: lost */
    sd_bus_slot *asked;
    char *path;
    struct check_watch talk, process;
    int pid, fd; /* of the main process; fd -1: none */
    char name[PROCESS_NAME];
};

static void ask_later(struct check *c)
{
    c->wake_at = nsec_add(c->now, c->spec.every);
}

static void lose_bus(struct check *c)
{
    struct unit *u = c->self;

    check_unwatch(c, &u->talk);
    u->asked = sd_bus_slot_unref(u->asked);
    u->bus = sd_bus_close_unref(u->bus);
    if (u->fd < 0)
        check_say(c, QHCP_NOT_SERVING, "systemd does not answer");
    ask_later(c);
}

/* The bus wants to read, and perhaps to write. */
static void watch_bus(struct check *c)
{
    struct unit *u = c->self;
    int events = sd_bus_get_events(u->bus);

    if (events < 0 || check_watch(c, &u->talk, sd_bus_get_fd(u->bus), (unsigned)events) != 0)
        lose_bus(c);
}

static void watch_process(struct check *c, int pid)
{
    struct unit *u = c->self;

    u->fd = process_open(pid);
    if (u->fd < 0 || check_watch(c, &u->process, u->fd, EPOLLIN) != 0) {
        if (u->fd >= 0)
            close(u->fd);
        u->fd = -1;
        check_say(c, QHCP_NOT_SERVING, "cannot watch process %d", pid);
        ask_later(c);
        return;
    }
    u->pid = pid;
    process_name(pid, u->name);
    check_say(c, QHCP_SERVING, "%s", "");
}

static int on_pid(sd_bus_message *m, void *ctx, sd_bus_error *ret_error)
{
    struct check *c = ctx;
    struct unit *u = c->self;
    uint32_t pid = 0;

    (void)ret_error;
    u->asked = sd_bus_slot_unref(u->asked);
    if (u->fd >= 0)
        return 0;
    if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "v", "u", &pid) < 0) {
        check_say(c, QHCP_NOT_SERVING, "systemd does not report its main process");
        ask_later(c);
    } else if (pid == 0) {
        check_say(c, QHCP_NOT_SERVING, "is not running");
        ask_later(c);
    } else {
        watch_process(c, (int)pid);
    }
    return 0;
}

static void ask(struct check *c)
{
    struct unit *u = c->self;
    int r;

    if (!u->bus && sd_bus_open_system(&u->bus) < 0) {
        u->bus = NULL;
        lose_bus(c);
        return;
    }
    r = sd_bus_call_method_async(u->bus, &u->asked, UNIT_BUS, u->path,
                                 "org.freedesktop.DBus.Properties", "Get", on_pid, c, "ss",
                                 "org.freedesktop.systemd1.Service", "MainPID");
    if (r < 0) {
        lose_bus(c);
        return;
    }
    c->wake_at = nsec_add(c->now, c->spec.timeout);
    watch_bus(c);
}

/* The unit's object; systemd loads it if it must.  Waits, at the start only. */
static int find_unit(struct unit *u, const struct spec *s, char *words, size_t words_cap)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *answer = NULL;
    const char *path;
    char *state = NULL;
    int r = sd_bus_open_system(&u->bus);

    if (r < 0) {
        snprintf(
            words, words_cap,
            "cannot ask systemd for %s: %s (does systemd run here? --watch-pid needs no systemd)",
            s->name, strerror(-r));
        return QHCP_E_IO;
    }
    sd_bus_set_method_call_timeout(u->bus, s->timeout / NSEC_PER_USEC);
    r = sd_bus_call_method(u->bus, UNIT_BUS, "/org/freedesktop/systemd1", UNIT_BUS ".Manager",
                           "LoadUnit", &error, &answer, "s", s->name);
    if (r >= 0)
        r = sd_bus_message_read(answer, "o", &path);
    if (r >= 0)
        r = (u->path = strdup(path)) ? 0 : -ENOMEM;
    if (r >= 0)
        r = sd_bus_get_property_string(u->bus, UNIT_BUS, u->path, UNIT_BUS ".Unit", "LoadState",
                                       &error, &state);
    if (r < 0)
        snprintf(words, words_cap, "cannot ask systemd for %s: %.200s", s->name,
                 error.message ? error.message : strerror(-r));
    else if (strcmp(state, "loaded") != 0)
        snprintf(words, words_cap, "systemd has no unit %s (%.50s)", s->name, state);
    r = r < 0 ? QHCP_E_IO : strcmp(state, "loaded") != 0 ? QHCP_E_NOT_FOUND : 0;
    free(state);
    sd_bus_message_unref(answer);
    sd_bus_error_free(&error);
    return r;
}

static void unit_stop(struct check *c)
{
    struct unit *u = c->self;

    check_unwatch(c, &u->talk);
    check_unwatch(c, &u->process);
    u->asked = sd_bus_slot_unref(u->asked);
    c->wake_at = NSEC_NEVER;
}

static void unit_close(struct check *c)
{
    struct unit *u = c->self;

    if (u->fd >= 0)
        close(u->fd);
    sd_bus_close_unref(u->bus);
    free(u->path);
    free(u);
}

static int unit_open(struct check *c, char *words, size_t words_cap)
{
    struct unit *u = calloc(1, sizeof *u);

    if (!u)
        return QHCP_E_NOMEM;
    u->fd = u->talk.fd = u->process.fd = -1;
    c->self = u;
    return find_unit(u, &c->spec, words, words_cap); /* check.c closes what was made */
}

static void unit_begin(struct check *c)
{
    ask(c);
}

static void unit_ready(struct check *c, struct check_watch *w, unsigned events)
{
    struct unit *u = c->self;
    int r = 1;

    (void)events;
    if (w == &u->process) {
        check_unwatch(c, w);
        close(u->fd);
        u->fd = -1;
        check_say(c, QHCP_NOT_SERVING, "%s (process %d) ended", u->name, u->pid);
        ask_later(c);
        return;
    }
    for (int i = 0; i < UNIT_MESSAGES && r > 0; i++)
        r = sd_bus_process(u->bus, NULL);
    if (r < 0)
        lose_bus(c);
    else
        watch_bus(c);
}

/* No process is known, or systemd did not answer. */
static void unit_wake(struct check *c)
{
    struct unit *u = c->self;

    if (u->asked) {
        lose_bus(c);
        return;
    }
    if (u->fd < 0)
        ask(c);
}

#else

static int unit_open(struct check *c, char *words, size_t words_cap)
{
    snprintf(words, words_cap, "cannot watch %s: this qhcp was built without libsystemd",
             c->spec.name);
    return QHCP_E_IO;
}

static void unit_stop(struct check *c)
{
    (void)c;
}

#define unit_close unit_stop
#define unit_begin unit_stop
#define unit_wake unit_stop

static void unit_ready(struct check *c, struct check_watch *w, unsigned events)
{
    (void)c;
    (void)w;
    (void)events;
}

#endif

const struct kind unit_kind = {
    .steady = true,
    .open = unit_open,
    .close = unit_close,
    .begin = unit_begin,
    .stop = unit_stop,
    .ready = unit_ready,
    .wake = unit_wake,
};
