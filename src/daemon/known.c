#include "daemon/known.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/os/clock.h"
#include "base/os/log.h"
#include "daemon/inherit.h"
#include "state/left.h"

#define KNOWN_RENEW NSEC_PER_SEC
#define KNOWN_MAX (16 << 20) /* bytes: 50,000 servers have a quarter of it */

void known_init(struct known *ret, uint16_t port)
{
    struct state state;
    char words[300];

    *ret = (struct known){.at = 0};
    if (state_find(&state, words, sizeof words) < 0)
        return;
    snprintf(ret->path, sizeof ret->path, "%s/known-%u", state.dir, port);
    state_close(&state);
}

void known_deinit(struct known *k)
{
    *k = (struct known){.at = 0};
}

/* By the wall clock, since files have no other; a step of it costs the knowledge. */
static bool is_fresh(const char *path)
{
    struct stat st;
    int64_t age;

    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    age = clock_wall_ms() - st.st_mtim.tv_sec * 1000 - st.st_mtim.tv_nsec / 1000000;
    return age >= -1000 && age <= (int64_t)(KNOWN_FRESH / NSEC_PER_MSEC);
}

char *known_take(const struct known *k)
{
    char words[300] = "", *text = NULL;

    if (k->path[0] != '\0' && is_fresh(k->path))
        text = left_read(k->path, KNOWN_MAX, words, sizeof words);
    if (words[0] != '\0')
        log_say(QHCP_LOG_WARNING, "not using what the last process left: %s", words);
    return text;
}

/* From malloc; NULL: out of memory. */
static char *describe(const struct proxy_server *servers, size_t n)
{
    struct text t = {0};

    for (size_t i = 0; i < n; i++)
        if (servers[i].share > 0 && servers[i].target.sa.sa_family != AF_UNSPEC)
            inherit_write(&t, servers[i].name,
                          &(struct inherit_server){.share = servers[i].share,
                                                   .degraded = servers[i].degraded,
                                                   .target = servers[i].target});
    text_add(&t, ""); /* so that there is one */
    if (t.failed)
        text_deinit(&t);
    return t.failed ? NULL : t.at;
}

void known_news(struct known *k, bool at_once)
{
    k->written = false;
    if (at_once)
        k->at = 0;
}

static bool write_anew(const struct known *k, const struct proxy_server *servers, size_t n,
                       char *why, size_t why_cap)
{
    char *text = describe(servers, n);
    bool done;

    snprintf(why, why_cap, "out of memory");
    done = text && left_write(k->path, text, why, why_cap) == 0;

    free(text);
    return done;
}

void known_keep(struct known *k, qhcp_nsec now, const struct proxy_server *servers, size_t n)
{
    char why[300];
    bool done;

    if (k->path[0] == '\0' || k->at > now)
        return;
    k->at = nsec_add(now, KNOWN_RENEW);
    done = k->written && utimensat(AT_FDCWD, k->path, NULL, AT_SYMLINK_NOFOLLOW) == 0;
    if (!done)
        done = write_anew(k, servers, n, why, sizeof why);
    if (!done && !k->told)
        log_say(QHCP_LOG_WARNING, "cannot keep the list of servers that are up for a restart: %s",
                why);
    k->told = !done;
    k->written = done; /* else the file says something else, and must grow old */
}
