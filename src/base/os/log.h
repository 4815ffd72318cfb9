/* Messages for the operator, on standard error, or in the journal.
 *
 * Never waits: a line that is not taken at once is dropped, and the next line that gets through
 * says how many were.  A kind of message that comes too often is left out, and counted in a line
 * (log_rate.h).  Tokens do not come through (log_form.h).
 *
 * Under the journal (JOURNAL_STREAM names our standard error) messages go there with a priority and
 * fields; where its socket cannot be had, as lines with its priority prefix and no time.
 *
 * Process-wide, like standard error itself.  The thread of log_init is the log's own; other threads
 * may say and level, and nothing else: what they say is queued for the log's thread, who writes it
 * when it says something itself, or when log_drain is called. */
#ifndef QHCP_BASE_OS_LOG_H
#define QHCP_BASE_OS_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

#include <qhcp/types.h>

/* In the order of --log-format's words. */
enum log_format {
    LOG_AUTO = 0, /* the journal where standard error is its, else for people */
    LOG_HUMAN,
    LOG_JSON, /* an object a line */
    LOG_LOGFMT,
};

/* What belongs to a message besides its words, by a name like "server": a member of the JSON, a key
 * of logfmt, and QHCP_SERVER in the journal. */
struct log_field {
    const char *name, *value;
};
#define LOG_FIELDS 8 /* of one message */

void log_init(enum qhcp_log_level least, enum log_format format);
void log_deinit(void);

/* Any thread. */
void log_level(enum qhcp_log_level least);
/* One level more, or less, than now; says so. signal: "SIGUSR1" */
void log_step(int levels, const char *signal);
void log_form(enum log_format format);

/* Do lines on fd reach the reader of the log: one terminal, one journal, one file? */
bool log_shares(int fd);

/* Does the log go to the journal? */
bool log_journal(void);

/* What the journal wants before a line of this level ("<4>"); "" where the log goes elsewhere. */
const char *log_priority(enum qhcp_log_level level);

/* Where whole lines go instead of standard error (a terminal that shows a table); NULL: back. */
void log_divert(void (*sink)(void *ctx, const char *line, size_t n), void *ctx);

/* Any thread. */
void log_say(enum qhcp_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_fields(enum qhcp_log_level level, const struct log_field *fields, size_t n,
                const char *words);
/* The same for what must all be there, however often it comes: a line for each connection. */
void log_record(enum qhcp_log_level level, const char *words);
/* For the cores' log callback; ctx is not used. */
void log_callback(void *ctx, enum qhcp_log_level level, const char *text);

/* For the log's thread, on its loop.  Readable: other threads have said something, call log_drain.
 * -1: there is none. */
int log_fd(void);
void log_drain(void);
/* When log_expire is to be called, which tells what was left out; NSEC_NEVER: nothing was. */
qhcp_nsec log_deadline(void);
void log_expire(qhcp_nsec now);

#endif
