/* A text that grows: one line of output is put together in it, then handed on whole. */
#ifndef QHCP_BASE_TEXT_H
#define QHCP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* For "%zu server%s": a number, and the noun's plural. */
#define TEXT_COUNT(n) (size_t)(n), (n) == 1 ? "" : "s"

struct text {
    char *at; /* n bytes and a NUL once anything was added */
    size_t n, cap;
    bool failed; /* memory ran out: what follows was not added */
};

void text_deinit(struct text *t);
void text_reset(struct text *t); /* empty, memory kept */
void text_bytes(struct text *t, const char *p, size_t n);
void text_add(struct text *t, const char *s);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* s as a JSON string with its quotes: control characters and what is not UTF-8 never come through
 * (RFC 8259, 7; the latter becomes U+FFFD). */
void text_json(struct text *t, const char *s);

/* s for a terminal or a log, if others may have written it: control characters as '?', what is not
 * UTF-8 and what does not show too, and a run of blanks as one, so that a long text cannot put a
 * line of its own at the margin where the terminal breaks it. */
void text_plain(struct text *t, const char *s);

/* The same, cut (with "..") or filled with blanks to width characters. */
void text_column(struct text *t, const char *s, size_t width);

/* The bytes at the start of s that fit into so many columns of a terminal. */
size_t text_fitting(const char *s, size_t columns);

/* Characters (code points) of s as text_plain writes it. */
size_t text_width(const char *s);

#endif
