#include "admin/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_door.h"
#include "admin/admin_http.h"
#include "base/os/clock.h"
#include "fleet/reader.h"

#include <qhcp/error.h>

#define PART 16 /* of the descriptors that are allowed */
#define LEAST 4 /* connections of a door */
#define MOST 2048
#define LOCAL 64 /* connections of a Unix socket, of the operator's own tools */

size_t admin_connections(size_t descriptors)
{
    size_t n = descriptors / PART;

    return n > MOST ? MOST : n < LEAST ? LEAST : n;
}

/* What this door has of them: a Unix socket a few, each TCP address its part of the others. */
static size_t room(const struct admin_config *config, const struct admin_address *at)
{
    size_t local = config->connections / 8 < LOCAL ? config->connections / 8 : LOCAL, n_tcp = 0;
    size_t n;

    for (size_t i = 0; i < config->n; i++)
        n_tcp += !config->at[i].local;
    local = local < LEAST ? LEAST : local;
    if (at->local)
        return local;
    n = config->connections > local * (config->n - n_tcp)
            ? (config->connections - local * (config->n - n_tcp)) / n_tcp
            : 0;
    return n < LEAST ? LEAST : n;
}

int admin_new(const struct admin_config *config, struct admin **ret, char *warning, char *words,
              size_t words_cap)
{
    struct admin *a = calloc(1, sizeof *a);
    int r;

    warning[0] = '\0';
    if (!a) {
        snprintf(words, words_cap, "--admin: out of memory");
        return QHCP_E_NOMEM;
    }
    a->config = *config;
    a->started_ms = clock_wall_ms();
    admin_tokens_init(&a->tokens);
    r = reader_open(config->feed, &a->reader);
    if (r == 0)
        r = admin_follow_begin(&a->follow, config->feed, config->loop);
    if (r < 0)
        snprintf(words, words_cap, "--admin: %s", qhcp_strerror(r));
    for (size_t i = 0; i < config->n && r == 0; i++) {
        struct admin_door *door = &a->doors[a->n_doors];

        *door = (struct admin_door){
            .admin = a, .at = config->at[i], .most = room(config, &config->at[i])};
        r = admin_door_open(door, words, words_cap);
        if (r == 0) {
            a->n_doors++;
        } else if (r == QHCP_E_EXISTS && !door->at.given) {
            snprintf(warning, words_cap, "no admin interface there: %s", words);
            r = 0;
        }
    }
    a->config.at = NULL;
    *ret = a;
    if (r < 0) {
        admin_free(a);
        *ret = NULL;
    }
    return r;
}

void admin_free(struct admin *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < ADMIN_ADDRESSES; i++)
        if (a->doors[i].admin)
            admin_door_close(&a->doors[i]);
    admin_follow_end(&a->follow);
    admin_tokens_deinit(&a->tokens);
    reader_close(a->reader);
    free(a);
}

void admin_release(struct admin *a)
{
    for (size_t i = 0; i < a->n_doors; i++)
        admin_door_shut(&a->doors[i]);
}
