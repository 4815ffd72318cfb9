#include "daemon/restart_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/os/clock.h"
#include "base/os/log.h"
#include "daemon/inherit.h"
#include "state/left.h"

#define RESTART_FILE_RENEW NSEC_PER_SEC
#define RESTART_FILE_MAX (16 << 20) /* bytes: 50,000 servers have a quarter of it */

void restart_file_init(struct restart_file *ret, struct serve *serve, uint16_t port)
{
    struct state state;
    char words[300];

    *ret = (struct restart_file){.serve = serve};
    if (state_find(&state, words, sizeof words) < 0)
        return;
    snprintf(ret->path, sizeof ret->path, "%s/known-%u", state.dir, port);
    state_close(&state);
}

void restart_file_deinit(struct restart_file *k)
{
    free(k->text);
    text_deinit(&k->made);
    *k = (struct restart_file){.at = 0};
}

/* By the wall clock, since files have no other; a step of it costs the knowledge. */
static bool is_fresh(const char *path)
{
    struct stat st;
    int64_t age;

    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    age = clock_wall_ms() - st.st_mtim.tv_sec * 1000 - st.st_mtim.tv_nsec / 1000000;
    return age >= -1000 && age <= (int64_t)(RESTART_FILE_FRESH / NSEC_PER_MSEC);
}

char *restart_file_take(const struct restart_file *k)
{
    char words[300] = "", *text = NULL;

    if (k->path[0] != '\0' && is_fresh(k->path))
        text = left_read(k->path, RESTART_FILE_MAX, words, sizeof words);
    if (words[0] != '\0')
        log_say(QHCP_LOG_WARNING, "not using what the last process left: %s", words);
    return text;
}

void restart_file_news(struct restart_file *k, bool at_once)
{
    k->written = false;
    if (at_once)
        k->at = 0;
}

static void work(struct serve_job *job, qhcp_nsec now)
{
    struct restart_file *k = (struct restart_file *)job;

    (void)now;
    if (k->text)
        k->done = left_write(k->path, k->text, k->why, sizeof k->why) == 0;
    else
        k->done = utimensat(AT_FDCWD, k->path, NULL, AT_SYMLINK_NOFOLLOW) == 0;
    serve_answer(job);
}

/* A file whose time could not be renewed is written anew; one that could not be written says
 * something else, and must grow old. */
static void note(struct restart_file *k, bool anew, bool done)
{
    if (anew && !done && !k->told)
        log_say(QHCP_LOG_WARNING, "cannot keep the list of servers that are up for a restart: %s",
                k->why);
    if (anew || done)
        k->told = !done;
    k->written = k->written && done;
    if (!anew && !done)
        k->at = 0;
}

static void on_done(struct serve_job *job, qhcp_nsec now)
{
    struct restart_file *k = (struct restart_file *)job;
    bool anew = k->text != NULL;

    (void)now;
    free(k->text);
    k->text = NULL;
    k->busy = false;
    note(k, anew, k->done);
}

static void give(struct restart_file *k)
{
    k->job.work = work;
    k->job.done = on_done;
    k->busy = serve_give(k->serve, &k->job) == 0;
    if (!k->busy) { /* others have all its room: next time */
        free(k->text);
        k->text = NULL;
        k->written = false;
    }
}

static void describe(struct restart_file *k, const struct proxy_server *s)
{
    if (s->share > 0 && s->target.sa.sa_family != AF_UNSPEC)
        inherit_write(&k->made, s->name,
                      &(struct inherit_server){
                          .share = s->share, .degraded = s->degraded, .target = s->target});
}

static void finish(struct restart_file *k)
{
    text_add(&k->made, ""); /* so that there is one */
    k->making = false;
    if (k->made.failed) {
        text_deinit(&k->made);
        snprintf(k->why, sizeof k->why, "out of memory");
        note(k, true, false);
        return;
    }
    k->text = k->made.at;
    k->made = (struct text){0};
    give(k);
}

qhcp_nsec restart_file_deadline(const struct restart_file *k)
{
    return k->making ? 0 : NSEC_NEVER;
}

void restart_file_expire(struct restart_file *k, const struct proxy_server *servers, size_t n)
{
    if (!k->making)
        return;
    for (size_t i = 0; i < RESTART_FILE_SLICE && k->next < n; i++)
        describe(k, &servers[k->next++]);
    if (k->next >= n)
        finish(k);
}

void restart_file_drop(struct restart_file *k)
{
    k->making = false;
    text_deinit(&k->made);
}

void restart_file_keep(struct restart_file *k, qhcp_nsec now, const struct proxy_server *servers,
                       size_t n)
{
    bool renew = k->written;

    if (k->path[0] == '\0' || k->at > now || k->busy || k->making)
        return;
    k->at = nsec_add(now, RESTART_FILE_RENEW);
    k->written = true; /* unless there is news meanwhile */
    if (renew) {
        give(k);
        return;
    }
    k->making = true;
    k->next = 0;
    restart_file_expire(k, servers, n);
}
