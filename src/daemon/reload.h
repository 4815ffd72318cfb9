/* SIGHUP: the configuration file is read again, the command line put over it, and the running
 * process follows what has changed; all of it, or nothing. */
#ifndef QHCP_DAEMON_RELOAD_H
#define QHCP_DAEMON_RELOAD_H

#include "conf/args.h"
#include "conf/faults.h"

struct service;

struct reload {
    const struct args_spec *spec;
    int argc; /* to be parsed again */
    char **argv;
    struct options *options; /* in force */
    const struct service *service;
    void *ctx; /* of `again`, and of the options' live functions */
    /* Reads again what options name (certificates, keys), before options change; or fails with
     * words, and has changed nothing.  NULL: the live functions do. */
    int (*again)(void *ctx, char *words, size_t words_cap);
};

/* Is this signal the wish for a reload?  Without a configuration file and a service manager, SIGHUP
 * means that the terminal went away. */
bool reload_wanted(const struct reload *r, int signum);

/* False: it was refused, which the log says, and everything is as it was.  True: the caller tells
 * the service manager (service_reloaded).  What needs a restart is in the log by name. */
bool reload(const struct reload *r, qhcp_nsec now);

/* The same in two steps, for a process that reads files on another thread.
 *
 * Reads the configuration into *fresh, which the caller frees (options_deinit).  old: the lists in
 * force, for what came from standard input; NULL: nothing did.  From any thread.  QHCP_E_*: *f says
 * what is wrong. */
int reload_read(const struct reload *r, const struct options *old, struct options *fresh,
                struct faults *f);
/* Puts *fresh in force; all of it, or nothing: QHCP_E_* with words. */
int reload_apply(const struct reload *r, struct options *fresh, char *words, size_t words_cap);
/* Says so in the log and to the service manager: *f, or words if it has nothing. */
void reload_refused(const struct reload *r, struct faults *f, const char *words);

#endif
