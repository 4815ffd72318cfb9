/* What --check-config finds out about files that options name, before anything begins. */
#ifndef QHCP_DAEMON_LOOK_H
#define QHCP_DAEMON_LOOK_H

#include "conf/options.h"

/* path is the value of an option of kind FILE, a member of o's struct; NULL (not given): nothing is
 * looked at.  The file has a certificate, or a private key, in PEM. */
void look_certificate(const struct options *o, char *const *path, struct faults *f);
void look_key(const struct options *o, char *const *path, struct faults *f);

#endif
