/* A systemd that is not there: as much of its D-Bus interface as `qhcp server --watch-unit` uses,
 * on a unix socket of its own.  Standard input says what it knows:
 *
 *     pid N       the main process of every unit, 0 for none
 *     deaf        calls are read and not answered
 *     hears       they are again
 *     drop        the connection is closed
 *
 * Each line is answered with "ok"; the end of standard input ends it.  A unit whose name begins
 * with "missing" does not exist. */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

static uint32_t main_pid;
static bool deaf, missing;

static int reply_property(sd_bus_message *m)
{
    const char *interface, *name;
    int r = sd_bus_message_read(m, "ss", &interface, &name);

    if (r < 0)
        return r;
    if (strcmp(name, "MainPID") == 0)
        r = sd_bus_reply_method_return(m, "v", "u", main_pid);
    else
        r = sd_bus_reply_method_return(m, "v", "s", missing ? "not-found" : "loaded");
    return r < 0 ? r : 1;
}

static int on_message(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
    const char *unit;
    int r;

    (void)ctx;
    (void)error;
    if (deaf)
        return 1;
    if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "Hello")) {
        r = sd_bus_reply_method_return(m, "s", ":1.1");
    } else if (sd_bus_message_is_method_call(m, "org.freedesktop.systemd1.Manager", "LoadUnit")) {
        r = sd_bus_message_read(m, "s", &unit);
        if (r < 0)
            return r;
        missing = strncmp(unit, "missing", 7) == 0;
        r = sd_bus_reply_method_return(m, "o", "/org/freedesktop/systemd1/unit/it");
    } else if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Get")) {
        return reply_property(m);
    } else {
        return 0;
    }
    return r < 0 ? r : 1;
}

static sd_bus *welcome(int listener)
{
    int fd = accept(listener, NULL, NULL), r;
    sd_id128_t id;
    sd_bus *bus = NULL;

    r = sd_id128_randomize(&id);
    if (r >= 0)
        r = sd_bus_new(&bus);
    if (r >= 0)
        r = sd_bus_set_fd(bus, fd, fd);
    if (r >= 0)
        r = sd_bus_set_server(bus, 1, id);
    if (r >= 0)
        r = sd_bus_add_filter(bus, NULL, on_message, NULL);
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r < 0) {
        fprintf(stderr, "fake systemd: %s\n", strerror(-r));
        exit(1);
    }
    return bus;
}

/* False: the end. */
static bool obey(sd_bus **bus)
{
    char line[64];

    if (!fgets(line, sizeof line, stdin))
        return false;
    if (strncmp(line, "pid ", 4) == 0)
        main_pid = (uint32_t)strtoul(line + 4, NULL, 10);
    else if (strcmp(line, "drop\n") == 0)
        *bus = sd_bus_close_unref(*bus);
    else
        deaf = strcmp(line, "deaf\n") == 0;
    puts("ok");
    return true;
}

int main(int argc, char **argv)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sd_bus *bus = NULL;

    if (argc != 2 || strlen(argv[1]) >= sizeof at.sun_path)
        return 2;
    memcpy(at.sun_path, argv[1], strlen(argv[1]));
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 4) < 0)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0);
    puts("ready");
    for (;;) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = bus ? sd_bus_get_fd(bus) : listener,
                                .events = (short)(bus ? sd_bus_get_events(bus) : POLLIN)}};
        if (poll(fds, 2, -1) < 0)
            return 1;
        if (fds[0].revents && !obey(&bus))
            break;
        if (fds[1].revents && !bus)
            bus = welcome(listener);
        while (bus && fds[1].revents) {
            int r = sd_bus_process(bus, NULL);
            if (r < 0)
                bus = sd_bus_close_unref(bus);
            if (r <= 0)
                break;
        }
    }
    sd_bus_close_unref(bus);
    return 0;
}
