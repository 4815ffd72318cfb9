/* UTF-8 (RFC 3629), and text that came from elsewhere and will be printed: without control
 * characters.  How such text is shown: value_quote in a message (base/value.h), text_json in JSON,
 * text_plain and text_column in a log and on a terminal (base/text.h). */
#ifndef QHCP_BASE_UTF8_H
#define QHCP_BASE_UTF8_H

#include "base/slice.h"

/* The character at text, of which n bytes may be looked at; no byte behind a NUL is.  Its size in
 * bytes, 0 where no character in its shortest form begins (or where a surrogate does). */
size_t utf8_decode(const void *text, size_t n, uint32_t *ret);

/* U+0000-001F, U+007F and U+0080-009F. */
bool utf8_control(uint32_t c);

/* True for UTF-8 in its shortest form, without surrogates, without the control characters
 * U+0000-001F, U+007F and U+0080-009F (a terminal obeys those of the second block too), and without
 * those that turn or break the line: U+061C, U+200E-200F, U+2028-202E and U+2066-2069. */
bool utf8_printable(struct slice s);

/* Copies s into dst as a C string that utf8_printable accepts: each byte that does not belong gets
 * '?', and what does not fit in cap (at least 1) is cut between characters.  dst may be s.p.
 * Returns its length: so many bytes of s were taken. */
size_t utf8_clean(struct slice s, char *dst, size_t cap);

#endif
