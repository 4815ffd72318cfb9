/* Probes of data ports (--probe, and probe= of a server): src/check/ports.h on the loop; the core
 * gets the verdicts. */
#ifndef QHCP_DAEMON_PROBES_H
#define QHCP_DAEMON_PROBES_H

#include "base/slots.h"
#include "check/ports.h"
#include "daemon/lb_options.h"
#include "loop/loop.h"

#include <qhcp/lb.h>

struct listed;
struct probed;

struct probes {
    struct loop_part part;
    struct loop_watch watch;
    struct ports *ports; /* NULL: nothing is probed */
    struct ports_config config;
    struct qhcp_lb *core;
    struct loop *loop;
    bool all;      /* --probe: every server whose entry in the list does not say otherwise, */
    uint16_t port; /* and which port; 0: each server's own service */
    struct probed *table;
    struct slots slots; /* those in the table, by the number under which ports watches them */
    bool open;          /* some are to be told of as open */
};

/* Starts what --probe asks for.  On failure words name the option.  *ret must stay where it is; end
 * it with probes_deinit, before the loop, also after a failure. */
int probes_init(struct probes *ret, const struct lb_options *o, struct qhcp_lb *core,
                struct loop *loop, char *words, size_t words_cap);
void probes_deinit(struct probes *p);

/* What the list says of this server (probe=), which may be new. */
void probes_listed(struct probes *p, qhcp_nsec now, const struct listed *listed);
/* There is a session with this server: its address and its service are known, and may be others. */
void probes_session(struct probes *p, qhcp_nsec now, size_t index);
/* This server is no longer watched. */
void probes_forget(struct probes *p, const char *address);

#endif
