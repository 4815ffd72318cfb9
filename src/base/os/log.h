/* Messages for the operator, on standard error: "time level text", one line each.
 *
 * Never waits: a line that standard error does not take at once is dropped, and the next line that
 * gets through says how many were.  Under the journal (JOURNAL_STREAM names our standard error)
 * lines get its priority prefix and no time.  Process-wide, like standard error itself. */
#ifndef QHCP_BASE_OS_LOG_H
#define QHCP_BASE_OS_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include <qhcp/types.h>

void log_init(enum qhcp_log_level least);
void log_deinit(void);
void log_level(enum qhcp_log_level least);

/* Do lines on fd reach the reader of the log: one terminal, one journal, one file? */
bool log_shares(int fd);

/* Does the log go to the journal? */
bool log_journal(void);

/* What the journal wants before a line of this level ("<4>"); "" where the log goes elsewhere. */
const char *log_priority(enum qhcp_log_level level);

/* Where whole lines go instead of standard error (a terminal that shows a table); NULL: back. */
void log_divert(void (*sink)(void *ctx, const char *line, size_t n), void *ctx);

void log_say(enum qhcp_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For the cores' log callback; ctx is not used. */
void log_callback(void *ctx, enum qhcp_log_level level, const char *text);

#endif
