/* Text that came from elsewhere and will be printed: UTF-8 (RFC 3629) without control characters.
 */
#ifndef QHCP_BASE_UTF8_H
#define QHCP_BASE_UTF8_H

#include "base/slice.h"

/* True for UTF-8 in its shortest form, without surrogates, without the control characters
 * U+0000-001F, U+007F and U+0080-009F (a terminal obeys those of the second block too), and without
 * those that turn or break the line: U+061C, U+200E-200F, U+2028-202E and U+2066-2069. */
bool utf8_printable(struct slice s);

/* Copies s into dst as a C string that utf8_printable accepts: each byte that does not belong gets
 * '?', and what does not fit in cap (at least 1) is cut between characters.  Returns its length. */
size_t utf8_clean(struct slice s, char *dst, size_t cap);

#endif
