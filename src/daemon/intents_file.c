#include "daemon/intents_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os/clock.h"
#include "base/os/file.h"
#include "base/os/log.h"
#include "state/left.h"

#define BYTES_MAX (32 << 20) /* INTENTS_MOST with long reasons */
#define AGAIN NSEC_PER_SEC

struct intents_held {
    struct intents_held *next;
    struct wish wish;
    char words[256];
};

static void answer_all(struct intents_file *k)
{
    for (struct intents_held *h = k->writing, *next; h; h = next) {
        next = h->next;
        wish_answer(k->feed, &h->wish, 0, h->words);
        free(h);
    }
    k->writing = NULL;
    loop_again(k->loop); /* they are published in this turn */
}

/* On the thread that serves.  Nothing is wanted: there is no file. */
static void work(struct serve_job *job, qhcp_nsec now)
{
    struct intents_file *k = (struct intents_file *)job;
    const struct words words = {k->why, sizeof k->why};

    (void)now;
    if (k->text[0] == '\0')
        k->done = unlink(k->path) == 0 || access(k->path, F_OK) != 0;
    else
        k->done = file_replace(k->path, slice_str(k->text), 0600, true, &words) == 0;
    serve_answer(job);
}

static void give(struct intents_file *k);

static void note(struct intents_file *k, bool done)
{
    if (!done && !k->told)
        log_say(QHCP_LOG_WARNING, "what operators want of servers is lost at a restart: %s",
                k->why);
    k->told = !done;
    k->again_at = done ? 0 : nsec_add(loop_now(), AGAIN);
    answer_all(k);
    if (k->news) /* those who wait for it are answered, however it ends */
        give(k);
}

static void on_done(struct serve_job *job, qhcp_nsec now)
{
    struct intents_file *k = (struct intents_file *)job;

    (void)now;
    free(k->text);
    k->text = NULL;
    k->busy = false;
    note(k, k->done);
}

static void give(struct intents_file *k)
{
    struct text t = {0};

    k->news = false;
    k->again_at = 0;
    k->writing = k->waiting;
    k->waiting = NULL;
    intents_write(&k->intents, clock_wall_ms(), &t);
    text_add(&t, ""); /* so that there is one */
    k->text = t.failed ? NULL : t.at;
    k->job.work = work;
    k->job.done = on_done;
    k->busy = k->text && serve_give(k->serve, &k->job) == 0;
    if (k->busy)
        return;
    text_deinit(&t);
    k->text = NULL;
    snprintf(k->why, sizeof k->why, "out of memory");
    note(k, false);
}

void intents_file_write(struct intents_file *k)
{
    k->news = k->serve != NULL;
    if (k->news && !k->busy)
        give(k);
}

void intents_file_answer(struct intents_file *k, const struct wish *w, const char *words)
{
    struct intents_held *h = k->serve ? malloc(sizeof *h) : NULL;

    if (!h) {
        wish_answer(k->feed, w, 0, words);
        intents_file_write(k);
        return;
    }
    *h = (struct intents_held){.next = k->waiting, .wish = *w};
    snprintf(h->words, sizeof h->words, "%s", words);
    k->waiting = h;
    intents_file_write(k);
}

static void read_file(struct intents_file *k)
{
    char words[300];
    char *text = left_read(k->path, BYTES_MAX, words, sizeof words);
    size_t left_out = text ? intents_read(&k->intents, text, clock_wall_ms()) : 0;

    if (words[0] != '\0')
        log_say(QHCP_LOG_WARNING, "what operators want of servers is lost: %s", words);
    if (left_out > 0)
        log_say(QHCP_LOG_WARNING, "%s: not using %zu line%s that cannot be read", k->path,
                TEXT_COUNT(left_out));
    free(text);
}

void intents_file_begin(struct intents_file *ret, struct feed *feed, struct loop *loop,
                        struct serve *serve, uint16_t port)
{
    struct state state;
    char words[300];

    *ret = (struct intents_file){.feed = feed, .loop = loop};
    if (state_find(&state, words, sizeof words) < 0)
        return;
    snprintf(ret->path, sizeof ret->path, "%s/intents-%u", state.dir, port);
    state_close(&state);
    ret->serve = serve;
    read_file(ret);
}

void intents_file_again(struct intents_file *k)
{
    intents_deinit(&k->intents);
    k->intents = (struct intents){NULL};
    if (k->serve)
        read_file(k);
}

static void free_all(struct intents_held *h)
{
    for (struct intents_held *next; h; h = next) {
        next = h->next;
        free(h);
    }
}

void intents_file_end(struct intents_file *k)
{
    free_all(k->waiting);
    free_all(k->writing);
    free(k->text);
    intents_deinit(&k->intents);
    *k = (struct intents_file){.serve = NULL};
}
