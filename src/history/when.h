/* A moment as people write it. */
#ifndef QHCP_HISTORY_WHEN_H
#define QHCP_HISTORY_WHEN_H

#include <stddef.h>
#include <stdint.h>

/* "2h" (so long ago), "2026-11-28", "2026-11-28 03:10", "2026-11-28 03:10:30", "03:10" or
 * "03:10:30" (today), local time; "2026-11-28T02:10:30Z", UTC: in unix milliseconds.  QHCP_E_PARSE
 * with words that quote it. */
int when_parse(const char *text, int64_t now_ms, int64_t *ret, char *words, size_t words_cap);

#endif
