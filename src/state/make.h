/* What the state directory must hold, made and renewed.  The caller holds the lock. */
#ifndef QHCP_STATE_MAKE_H
#define QHCP_STATE_MAKE_H

#include <stdint.h>

#include "base/words.h"
#include "state/names.h"
#include "state/state.h"

struct make {
    const char *dir;
    const struct names *host; /* what the server certificate is to cover */
    int64_t now;              /* unix seconds */
    const struct words *w;
};

/* Makes what is missing, checks what is there, renews what runs out.  Fills ret->secret, imported
 * and notice; the errors are state_open's. */
int make_all(const struct make *m, struct state *ret);

#endif
