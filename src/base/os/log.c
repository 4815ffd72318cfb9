#include "base/os/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/clock.h"
#include "base/os/output.h"
#include "base/text.h"

#define LOG_LINE 1024 /* bytes of a message; longer ones are cut */

static struct {
    struct output out;
    enum qhcp_log_level least;
    bool journal;
    void (*sink)(void *ctx, const char *line, size_t n);
    void *sink_ctx;
} state = {.out = {.fd = STDERR_FILENO, .kind = OUTPUT_POLL}, .least = QHCP_LOG_INFO};

static const char *const names[] = {"error", "warning", "info", "debug"};
static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"}; /* sd-daemon(3) */

/* systemd.exec(5), JOURNAL_STREAM: "device:inode" of the journal's end. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long dev, ino;
    struct stat st;

    return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_init(enum qhcp_log_level least)
{
    output_init(&state.out, STDERR_FILENO, 0);
    state.least = least;
    state.journal = is_journal();
}

void log_deinit(void)
{
    output_deinit(&state.out);
    state.sink = NULL;
}

void log_level(enum qhcp_log_level least)
{
    state.least = least;
}

bool log_shares(int fd)
{
    struct stat mine, theirs;

    return fstat(STDERR_FILENO, &mine) == 0 && fstat(fd, &theirs) == 0 &&
           mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
}

bool log_journal(void)
{
    return state.journal;
}

const char *log_priority(enum qhcp_log_level level)
{
    return state.journal ? priorities[level] : "";
}

void log_divert(void (*sink)(void *ctx, const char *line, size_t n), void *ctx)
{
    state.sink = sink;
    state.sink_ctx = ctx;
}

static void put(const char *line, size_t n)
{
    if (state.sink)
        state.sink(state.sink_ctx, line, n);
    else
        output_write(&state.out, line, n);
}

static void make_line(struct text *t, enum qhcp_log_level level, const char *words)
{
    char time[CLOCK_TEXT];

    text_add(t, log_priority(level));
    if (!state.journal)
        text_printf(t, "%s %s ", clock_rfc3339_local(clock_wall_ms(), time), names[level]);
    text_plain(t, words);
    text_add(t, "\n");
}

void log_callback(void *ctx, enum qhcp_log_level level, const char *words)
{
    struct text t = {0};
    char told[64];

    (void)ctx;
    if (level > state.least || (unsigned)level > QHCP_LOG_DEBUG)
        return;
    if (state.out.dropped > 0) {
        snprintf(told, sizeof told, "dropped %zu line%s of the log", TEXT_COUNT(state.out.dropped));
        make_line(&t, QHCP_LOG_WARNING, told);
    }
    make_line(&t, level, words);
    if (t.failed)
        goto end;
    uint64_t before = output_take_dropped(&state.out);
    put(t.at, t.n);
    if (state.out.dropped > 0) /* again it was not taken: the notice was not written */
        state.out.dropped = before + 1;
end:
    text_deinit(&t);
}

void log_say(enum qhcp_log_level level, const char *fmt, ...)
{
    char words[LOG_LINE];
    va_list args;

    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    log_callback(NULL, level, words);
}
