/* The service manager's side of a long-lived subcommand: sd_notify(3), and its watchdog.  Without a
 * service manager, or built without libsystemd, all of it does nothing. */
#ifndef QHCP_DAEMON_SERVICE_H
#define QHCP_DAEMON_SERVICE_H

#include <stdbool.h>

#include "loop/loop.h"

struct service {
    struct loop_part part;
    qhcp_nsec watchdog; /* between signs of life; 0: none is wanted */
    qhcp_nsec next;
};

/* A service manager has started us: SIGHUP then means reload, never that a terminal went away. */
bool service_managed(void);

/* Tells that it is ready, with words for `systemctl status`; signs of life follow from the loop.
 * *s was zeroed and stays where it is until service_deinit, which is for one that is zeroed, too.
 */
void service_ready(struct service *s, struct loop *loop, const char *words);
void service_deinit(struct service *s);
void service_reloading(qhcp_nsec now);
void service_reloaded(const char *words);
void service_stopping(const char *words);

#endif
