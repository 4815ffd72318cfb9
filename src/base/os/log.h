/* Messages for the operator, on standard error: "time level text", one line each.
 *
 * Never waits: a line that standard error does not take at once is dropped, and the count is told
 * with the next line that gets through.  Under the journal (JOURNAL_STREAM names our standard
 * error) lines get its priority prefix and no time.  Process-wide, like standard error itself. */
#ifndef QHCP_BASE_OS_LOG_H
#define QHCP_BASE_OS_LOG_H

#include <stddef.h>

#include <qhcp/types.h>

void log_init(enum qhcp_log_level least);
void log_deinit(void);
void log_level(enum qhcp_log_level least);

/* Where whole lines go instead of standard error (a terminal that shows a table); NULL: back. */
void log_divert(void (*sink)(void *ctx, const char *line, size_t n), void *ctx);

void log_say(enum qhcp_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For the cores' log callback; ctx is not used. */
void log_callback(void *ctx, enum qhcp_log_level level, const char *text);

#endif
