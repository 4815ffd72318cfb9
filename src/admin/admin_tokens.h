/* The keys whose tokens the admin interface accepts, and the certificate that it shows: from the
 * state directory, read again when they have changed.  Inside src/admin alone, on the thread that
 * serves. */
#ifndef QHCP_ADMIN_ADMIN_TOKENS_H
#define QHCP_ADMIN_ADMIN_TOKENS_H

#include <stdbool.h>

#include "admin/admin_access.h"
#include "base/time.h"
#include "state/state.h"

struct auth_keys;

struct admin_tokens {
    struct state state;
    bool found; /* there is a state directory */
    struct auth_keys *keys;
    uint64_t stamp;    /* of what was read */
    uint64_t tried;    /* of what was to be read last */
    qhcp_nsec look_at; /* whether it has changed */
};

void admin_tokens_init(struct admin_tokens *t);
void admin_tokens_deinit(struct admin_tokens *t);

/* What this token allows, added to who: scopes and by.  QHCP_E_TOKEN_* with words for its sender.
 */
int admin_tokens_check(struct admin_tokens *t, qhcp_nsec now, const char *token,
                       struct admin_who *who, char *words, size_t words_cap);

#endif
