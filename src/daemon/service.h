/* The service manager's side of a long-lived subcommand: sd_notify(3), and its watchdog.  Without a
 * service manager, or built without libsystemd, all of it does nothing. */
#ifndef QHCP_DAEMON_SERVICE_H
#define QHCP_DAEMON_SERVICE_H

#include <stdbool.h>

#include "base/time.h"

struct service {
    qhcp_nsec watchdog; /* between signs of life; 0: none is wanted */
    qhcp_nsec next;
};

/* A service manager has started us: SIGHUP then means reload, never that a terminal went away. */
bool service_managed(void);

/* Tells that it is ready, with words for `systemctl status`. */
void service_ready(struct service *s, qhcp_nsec now, const char *words);
void service_reloading(qhcp_nsec now);
void service_reloaded(const char *words);
void service_stopping(const char *words);

qhcp_nsec service_deadline(const struct service *s);
void service_expire(struct service *s, qhcp_nsec now);

#endif
