#include "cli/known.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/left.h"
#include "cli/log.h"

#define KNOWN_RENEW NSEC_PER_SEC
#define KNOWN_MAX (16 << 20) /* bytes: 50,000 servers have a quarter of it */

void known_init(struct known *ret, uint16_t port)
{
    struct state state;
    char words[300];

    *ret = (struct known){.at = NSEC_NEVER};
    if (state_find(&state, words, sizeof words) < 0)
        return;
    snprintf(ret->path, sizeof ret->path, "%s/known-%u", state.dir, port);
    state_close(&state);
}

void known_deinit(struct known *k)
{
    free(k->text);
    *k = (struct known){.at = NSEC_NEVER};
}

/* By the wall clock, since files have no other; a step of it costs the knowledge. */
static bool is_fresh(const char *path)
{
    struct timespec now;
    struct stat st;
    int64_t age;

    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    age =
        (now.tv_sec - st.st_mtim.tv_sec) * (int64_t)NSEC_PER_SEC + now.tv_nsec - st.st_mtim.tv_nsec;
    return age >= -(int64_t)NSEC_PER_SEC && age <= (int64_t)KNOWN_FRESH;
}

char *known_take(const struct known *k)
{
    return k->path[0] != '\0' && is_fresh(k->path) ? left_read(k->path, KNOWN_MAX) : NULL;
}

void known_keep(struct known *k, qhcp_nsec now, char *text)
{
    bool same = !text || (k->text && strcmp(k->text, text) == 0), done;

    if (k->path[0] == '\0') {
        free(text);
        return;
    }
    k->at = nsec_add(now, KNOWN_RENEW);
    if (same && !k->text) {
        free(text);
        return; /* there is nothing to renew */
    }
    done = same ? utimensat(AT_FDCWD, k->path, NULL, AT_SYMLINK_NOFOLLOW) == 0
                : left_write(k->path, text) == 0;
    if (!done && !k->told)
        log_say(QHCP_LOG_WARNING, "%s cannot be written, so a restart begins without it: %s",
                k->path, strerror(errno));
    k->told = !done;
    if (same) {
        free(text);
    } else {
        free(k->text);
        k->text = text;
    }
}
