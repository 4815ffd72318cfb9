/* The service manager's side of a long-lived subcommand: sd_notify(3), and its watchdog.  Without a
 * service manager, or built without libsystemd, all of it does nothing. */
#ifndef QHCP_DAEMON_SERVICE_H
#define QHCP_DAEMON_SERVICE_H

#include <stdbool.h>

#include "loop/loop.h"

struct service {
    struct loop_part part;
    bool ready;
    qhcp_nsec watchdog; /* between signs of life; 0: none is wanted */
    qhcp_nsec next;
};

/* A service manager has started us: SIGHUP then means reload, never that a terminal went away. */
bool service_managed(void);

/* It is not ready yet, and that is as it should be: the manager waits for SERVICE_PATIENCE from now
 * on at least. */
#define SERVICE_PATIENCE (30 * NSEC_PER_SEC)
void service_starting(const char *words);

/* Tells that it is ready, with words for `systemctl status`; signs of life follow from the loop.
 * *s was zeroed and stays where it is until service_deinit, which is for one that is zeroed, too.
 */
void service_ready(struct service *s, struct loop *loop, const char *words);
void service_deinit(struct service *s);
/* Other words. */
void service_says(const char *words);
/* A reload begins, and ends: always both, also for one that is refused.  Before service_ready they
 * do nothing, or the manager would take the end of a reload for that of the start. */
void service_reloading(const struct service *s, qhcp_nsec now);
void service_reloaded(const struct service *s, const char *words);
void service_stopping(const char *words);

#endif
