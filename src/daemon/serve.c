#include "daemon/serve.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "loop/loop.h"

#define PATIENCE_S 1 /* for what it is at when it is to end */

struct serve {
    struct loop *loop;       /* of the thread */
    struct mailbox *jobs;    /* to it */
    struct mailbox *answers; /* from it */
    size_t given;            /* jobs that are not answered */
    struct mail end;         /* to the thread, its last; once */
    int ended;               /* readable when it has */
    pthread_t thread;
    bool running;
};

static struct serve_job *job_of(struct mail *mail)
{
    return (struct serve_job *)((char *)mail - offsetof(struct serve_job, mail));
}

static void on_job(struct mail *mail, qhcp_nsec now)
{
    struct serve_job *job = job_of(mail);

    job->work(job, now);
}

static void on_answer(struct mail *mail, qhcp_nsec now)
{
    struct serve_job *job = job_of(mail);

    job->serve->given--;
    job->done(job, now);
}

static void on_end(struct mail *mail, qhcp_nsec now)
{
    struct serve *s = (struct serve *)((char *)mail - offsetof(struct serve, end));

    (void)now;
    loop_stop(s->loop);
}

int serve_new(struct loop *watching, struct serve **ret)
{
    struct serve *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return QHCP_E_NOMEM;
    s->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = s->ended >= 0 ? loop_new(NULL, &s->loop) : QHCP_E_IO;
    if (r == 0)
        r = mailbox_new(s->loop, SERVE_JOBS + 1, &s->jobs); /* and its end */
    if (r == 0)
        r = mailbox_new(watching, SERVE_JOBS, &s->answers);
    if (r == 0)
        *ret = s;
    else
        serve_free(s);
    return r;
}

/* Where both want one processor, checks come first. */
#define NICE 5

static void *run(void *arg)
{
    struct serve *s = arg;
    uint64_t one = 1;

    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* of this thread alone (sched(7)) */
    loop_run(s->loop);
    (void)!write(s->ended, &one, sizeof one);
    return NULL;
}

int serve_start(struct serve *s)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    s->running = pthread_create(&s->thread, NULL, run, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!s->running)
        return QHCP_E_NOMEM;
    pthread_setname_np(s->thread, "qhcp-serve");
    return 0;
}

/* False: it is still at something. */
static bool join(struct serve *s)
{
    const struct timespec patience = {.tv_sec = PATIENCE_S};
    struct pollfd ended = {.fd = s->ended, .events = POLLIN};
    sigset_t all;

    if (!s->end.open) {
        s->end.open = on_end;
        (void)mailbox_put(s->jobs, &s->end); /* there is always room for it */
    }
    sigfillset(&all); /* a signal is no reason to wait less */
    if (ppoll(&ended, 1, &patience, &all) != 1)
        return false;
    pthread_join(s->thread, NULL);
    s->running = false;
    return true;
}

bool serve_stop(struct serve *s)
{
    if (!s)
        return true;
    if (s->running && !join(s))
        return false;
    mailbox_clear(s->jobs); /* while their memory is there */
    mailbox_clear(s->answers);
    return true;
}

void serve_free(struct serve *s)
{
    if (!s)
        return;
    assert(!s->running);
    mailbox_free(s->jobs);
    mailbox_free(s->answers);
    loop_free(s->loop);
    if (s->ended >= 0)
        close(s->ended);
    free(s);
}

struct loop *serve_loop(struct serve *s)
{
    return s->loop;
}

int serve_give(struct serve *s, struct serve_job *job)
{
    if (s->given == SERVE_JOBS)
        return QHCP_E_FULL;
    s->given++;
    job->serve = s;
    job->mail = (struct mail){.open = on_job};
    return mailbox_put(s->jobs, &job->mail);
}

void serve_answer(struct serve_job *job)
{
    int r;

    job->mail = (struct mail){.open = on_answer};
    r = mailbox_put(job->serve->answers, &job->mail);
    assert(r == 0); /* there are no more answers than jobs */
    (void)r;
}
