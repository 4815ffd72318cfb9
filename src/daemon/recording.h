/* The history of `qhcp lb` (src/history): where its file is, and its recorder on the thread that
 * serves. */
#ifndef QHCP_DAEMON_RECORDING_H
#define QHCP_DAEMON_RECORDING_H

#include "daemon/lb_options.h"
#include "daemon/serve.h"
#include "history/recorder.h"

struct recording {
    struct recorder recorder;
};

/* The history's file: --history's text (NULL: the state directory's, for the load balancer of this
 * port).  ret: "" for "off".  QHCP_E_NOT_FOUND, with words: there is no state directory. */
int recording_path(const char *option, uint16_t port, char ret[STORE_PATH], char *words,
                   size_t words_cap);

/* From now on what the feed publishes is recorded, if the options want that; serve does not run
 * yet.  Without a history all else goes on, and the log says so.  *ret stays where it is until
 * recording_end, after serve_stop and before the feed, which is for one that is zeroed too. */
void recording_begin(struct recording *ret, const struct lb_options *o, struct feed *feed,
                     struct serve *serve);
/* Puts what the history has of each server that is watched into the feed (FLEET_KNOWN), before this
 * process has a verdict of its own.  Reads the file; where there is none, nothing happens. */
void recording_remember(const struct lb_options *o, struct feed *feed);
void recording_end(struct recording *r);
/* Another process records in the same file from now on. */
void recording_silence(struct recording *r);

#endif
