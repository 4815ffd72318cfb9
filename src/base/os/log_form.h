/* A message of the log as bytes: a line for people or programs, or a datagram for the journal.
 *
 * Others write into our messages (a server's reason, a token's refusal), so nothing unprintable
 * comes through, nothing ends a line, and what looks like a token (RFC 7515) is cut. */
#ifndef QHCP_BASE_OS_LOG_FORM_H
#define QHCP_BASE_OS_LOG_FORM_H

#include "base/os/log.h"
#include "base/text.h"

struct log_message {
    enum qhcp_log_level level;
    int64_t ms; /* since 1970 */
    const char *words;
    const struct log_field *fields;
    size_t n_fields;
};

const char *log_form_level(enum qhcp_log_level level);
/* "<4>": sd-daemon(3) */
const char *log_form_priority(enum qhcp_log_level level);

/* "2026-11-23T16:43:17.123+01:00 warning words\n"; not dated: "words\n".  The fields are in the
 * words. */
void log_form_human(struct text *t, const struct log_message *m, bool dated);
/* {"time":"...","level":"warning","message":"...","server":"..."}\n */
void log_form_json(struct text *t, const struct log_message *m);
/* time=... level=warning msg="..." server=...\n */
void log_form_logfmt(struct text *t, const struct log_message *m);
/* The journal's native protocol: NAME=value lines, with PRIORITY, MESSAGE and QHCP_SERVER. */
void log_form_journal(struct text *t, const struct log_message *m);

/* A copy of words without tokens. */
void log_form_clean(const char *words, char *ret, size_t cap);

#endif
