#include "admin/admin_tokens.h"

#include <stdio.h>
#include <string.h>

#include "auth/auth.h"
#include "base/os/clock.h"
#include "state/keys.h"

#include <qhcp/error.h>

#define LOOK NSEC_PER_SEC
#define LEEWAY 60 /* seconds that the clock of the token's maker may be ahead */
#define WORDS 400

void admin_tokens_init(struct admin_tokens *t)
{
    char ignored[WORDS];

    *t = (struct admin_tokens){.keys = NULL};
    t->found = state_find(&t->state, ignored, sizeof ignored) == 0;
}

void admin_tokens_deinit(struct admin_tokens *t)
{
    auth_keys_free(t->keys);
    if (t->found)
        state_close(&t->state);
    *t = (struct admin_tokens){.found = false};
}

/* Reads the keys that have changed; where they cannot be read, those before stay, and unless
 * something changes they are read again when it is time to look.  True: there are others now. */
static bool load(struct admin_tokens *t, qhcp_nsec now)
{
    uint64_t stamp = t->found ? state_stamp(&t->state) : 0;
    bool due = t->look_at <= now;
    struct auth_keys *keys;
    char ignored[WORDS];

    if (due)
        t->look_at = nsec_add(now, LOOK);
    if (!t->found || (t->keys && stamp == t->stamp) || (stamp == t->tried && !due))
        return false;
    t->tried = stamp;
    if (keys_token_accepted(&t->state, &keys, ignored, sizeof ignored) != 0)
        return false;
    auth_keys_free(t->keys);
    t->keys = keys;
    t->stamp = stamp;
    return true;
}

static bool is_ours(const char *aud, void *ctx)
{
    (void)ctx;
    return strcmp(aud, AUTH_ADMIN_AUDIENCE) == 0;
}

int admin_tokens_check(struct admin_tokens *t, qhcp_nsec now, const char *token,
                       struct admin_who *who, char *words, size_t words_cap)
{
    static const uint8_t unbound[AUTH_BINDING];
    const struct auth_demand demand = {.scopes = AUTH_SCOPE_ADMIN_ALL,
                                       .now = clock_unix(NULL),
                                       .leeway = LEEWAY,
                                       .binding = unbound,
                                       .audience_ok = is_ours};
    char ignored[WORDS];
    struct auth_grant grant;
    int r;

    if (!t->keys || t->look_at <= now)
        (void)load(t, now);
    if (!t->keys) {
        snprintf(words, words_cap, "the keys of tokens cannot be read");
        return QHCP_E_TOKEN_KEY;
    }
    do {
        r = auth_verify(t->keys, slice_str(token), &demand, &grant, words, words_cap, ignored,
                        sizeof ignored);
    } while (r == QHCP_E_TOKEN_KEY && load(t, now)); /* its key may be newer than the last look */
    if (r < 0)
        return r;
    who->scopes |= (grant.scopes & AUTH_SCOPE_READ ? ADMIN_READ : 0) |
                   (grant.scopes & AUTH_SCOPE_ADMIN ? ADMIN_READ | ADMIN_WRITE : 0);
    snprintf(who->by, sizeof who->by, "token of %.48s",
             grant.subject[0] != '\0' ? grant.subject : grant.issuer);
    return 0;
}
