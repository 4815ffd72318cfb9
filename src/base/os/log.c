#include "base/os/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/clock.h"
#include "base/os/journal.h"
#include "base/os/log_form.h"
#include "base/os/log_rate.h"
#include "base/os/output.h"
#include "base/text.h"

#define LOG_LINE 1024  /* bytes of a message; longer ones are cut */
#define LOG_QUEUE 1000 /* messages of other threads that wait */

/* What another thread said. */
struct queued {
    struct queued *next;
    enum qhcp_log_level level;
    bool record;
    int64_t ms;
    char words[];
};

static struct {
    struct output out;
    _Atomic int least;
    enum log_format format;
    bool journal;   /* its reader is the journal's */
    int journal_fd; /* -1: lines with a prefix */
    struct log_rate rate;
    void (*sink)(void *ctx, const char *line, size_t n);
    void *sink_ctx;
    /* Of other threads: the newest first. */
    _Atomic(struct queued *) queue;
    _Atomic int n_queued;
    _Atomic unsigned lost; /* for lack of room, or of memory */
    int wake;
} state = {.out = {.fd = STDERR_FILENO, .kind = OUTPUT_POLL},
           .least = QHCP_LOG_INFO,
           .journal_fd = -1,
           .wake = -1};

static _Thread_local bool mine = false; /* this thread is the log's */
static _Atomic bool begun;              /* log_init was called; before, any thread's may write */

void log_init(enum qhcp_log_level least, enum log_format format)
{
    output_init(&state.out, STDERR_FILENO, 0);
    state.least = least;
    state.format = format;
    state.journal = journal_reads(STDERR_FILENO);
    state.journal_fd = state.journal ? journal_open(STDERR_FILENO) : -1;
    state.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    state.rate = (struct log_rate){.left_out = 0};
    mine = true;
    begun = true;
}

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void log_deinit(void)
{
    if (mine) {
        log_drain();
        log_expire(NSEC_NEVER);
    }
    output_deinit(&state.out);
    shut(&state.journal_fd);
    shut(&state.wake);
    state.sink = NULL;
    begun = false;
}

void log_level(enum qhcp_log_level least)
{
    state.least = least;
}

void log_step(int levels, const char *signal)
{
    int least = state.least + levels;

    if (least < QHCP_LOG_ERROR || least > QHCP_LOG_DEBUG)
        least = state.least;
    state.least = least;
    log_say((enum qhcp_log_level)least, "%s: the log level is %s now", signal,
            log_form_level((enum qhcp_log_level)least));
}

void log_form(enum log_format format)
{
    state.format = format;
}

bool log_shares(int fd)
{
    struct stat mine_st, theirs;

    return fstat(STDERR_FILENO, &mine_st) == 0 && fstat(fd, &theirs) == 0 &&
           mine_st.st_dev == theirs.st_dev && mine_st.st_ino == theirs.st_ino;
}

bool log_journal(void)
{
    return state.journal;
}

const char *log_priority(enum qhcp_log_level level)
{
    return state.journal ? log_form_priority(level) : "";
}

void log_divert(void (*sink)(void *ctx, const char *line, size_t n), void *ctx)
{
    state.sink = sink;
    state.sink_ctx = ctx;
}

static bool put(const char *line, size_t n)
{
    if (!state.sink)
        return output_write(&state.out, line, n);
    state.sink(state.sink_ctx, line, n);
    return true;
}

static void make_line(struct text *t, const struct log_message *m)
{
    if (state.journal)
        text_add(t, log_form_priority(m->level));
    if (state.format == LOG_JSON)
        log_form_json(t, m);
    else if (state.format == LOG_LOGFMT)
        log_form_logfmt(t, m);
    else
        log_form_human(t, m, !state.journal);
}

/* False: it was not taken. */
static bool write_message(const struct log_message *m)
{
    bool native = state.format == LOG_AUTO && state.journal_fd >= 0, taken = false;
    struct text t = {0};

    if (native)
        log_form_journal(&t, m);
    else
        make_line(&t, m);
    if (!t.failed)
        taken = native ? journal_send(state.journal_fd, t.at, t.n) : put(t.at, t.n);
    text_deinit(&t);
    return taken;
}

/* A message of the log itself. */
static bool write_own(enum qhcp_log_level level, const char *words)
{
    return write_message(
        &(struct log_message){.level = level, .ms = clock_wall_ms(), .words = words});
}

static void tell_dropped(void)
{
    char words[64];
    uint64_t dropped = state.out.dropped;

    if (dropped == 0)
        return;
    state.out.dropped = 0;
    snprintf(words, sizeof words, "dropped %zu line%s of the log", TEXT_COUNT(dropped));
    if (!write_own(QHCP_LOG_WARNING, words))
        state.out.dropped = dropped; /* the notice itself does not count */
}

static void write_counted(const struct log_message *m)
{
    uint64_t before;

    tell_dropped();
    before = state.out.dropped;
    if (!write_message(m))
        state.out.dropped = before + 1;
}

qhcp_nsec log_deadline(void)
{
    return log_rate_deadline(&state.rate);
}

void log_expire(qhcp_nsec now)
{
    struct log_kind k;
    char words[LOG_LIKE + 80];

    while (log_rate_told(&state.rate, now, &k)) {
        snprintf(words, sizeof words, "left out %zu more line%s like this one: %s",
                 TEXT_COUNT(k.left_out), k.like);
        write_counted(&(struct log_message){
            .level = (enum qhcp_log_level)k.level, .ms = clock_wall_ms(), .words = words});
    }
}

/* On the log's own thread. */
static void take(const struct log_message *m, bool record)
{
    qhcp_nsec now = clock_monotonic();

    if (state.rate.left_out > 0)
        log_expire(now);
    if (record || m->level == QHCP_LOG_DEBUG ||
        log_rate_take(&state.rate, m->words, (int)m->level, now))
        write_counted(m);
}

static void enqueue(enum qhcp_log_level level, const char *words, bool record)
{
    size_t n = strlen(words) + 1;
    uint64_t one = 1;
    struct queued *q = NULL;

    if (atomic_fetch_add(&state.n_queued, 1) < LOG_QUEUE)
        q = malloc(sizeof *q + n);
    if (!q) {
        atomic_fetch_sub(&state.n_queued, 1);
        atomic_fetch_add(&state.lost, 1);
        return;
    }
    q->level = level;
    q->record = record;
    q->ms = clock_wall_ms();
    memcpy(q->words, words, n);
    q->next = state.queue;
    while (!atomic_compare_exchange_weak(&state.queue, &q->next, q))
        ;
    if (state.wake >= 0)
        (void)!write(state.wake, &one, sizeof one);
}

int log_fd(void)
{
    return state.wake;
}

void log_drain(void)
{
    struct queued *newest = atomic_exchange(&state.queue, NULL), *q = NULL;
    unsigned lost = atomic_exchange(&state.lost, 0);
    uint64_t woken;

    if (state.wake >= 0)
        (void)!read(state.wake, &woken, sizeof woken);
    while (newest) { /* the oldest first */
        struct queued *next = newest->next;

        newest->next = q;
        q = newest;
        newest = next;
    }
    while (q) {
        struct queued *next = q->next;

        atomic_fetch_sub(&state.n_queued, 1);
        take(&(struct log_message){.level = q->level, .ms = q->ms, .words = q->words}, q->record);
        free(q);
        q = next;
    }
    state.out.dropped += lost;
}

static void say(enum qhcp_log_level level, const struct log_field *fields, size_t n,
                const char *words, bool record)
{
    char clean[LOG_LINE];

    if ((int)level > state.least || (unsigned)level > QHCP_LOG_DEBUG)
        return;
    log_form_clean(words, clean, sizeof clean);
    if (begun && !mine) {
        enqueue(level, clean, record);
        return;
    }
    if (state.queue)
        log_drain();
    take(
        &(struct log_message){
            .level = level, .ms = clock_wall_ms(), .words = clean, .fields = fields, .n_fields = n},
        record);
}

void log_callback(void *ctx, enum qhcp_log_level level, const char *words)
{
    (void)ctx;
    say(level, NULL, 0, words, false);
}

void log_fields(enum qhcp_log_level level, const struct log_field *fields, size_t n,
                const char *words)
{
    say(level, fields, n, words, false);
}

void log_record(enum qhcp_log_level level, const char *words)
{
    say(level, NULL, 0, words, true);
}

void log_say(enum qhcp_log_level level, const char *fmt, ...)
{
    char words[LOG_LINE];
    va_list args;

    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    say(level, NULL, 0, words, false);
}
