/* Values as people write them: durations, counts and ports, from text: one grammar for options,
 * configuration files, checks and rules.
 *
 * Text in, a number or words for the user out.  Pure: no files, no clock, no heap.  Every refusal
 * quotes the bad value and says what is allowed. */
#ifndef QHCP_BASE_VALUE_H
#define QHCP_BASE_VALUE_H

#include <stdbool.h>

#include "base/time.h"

#include <qhcp/error.h>

#define VALUE_QUOTE 80 /* bytes of a bad value that are repeated in a message */

/* A duration: a decimal number and a unit out of ns, us, ms, s, m, h, d; without unit seconds.
 * "10", "1.5s", "250ms".  QHCP_E_PARSE (not a duration) or QHCP_E_ARG (not within min and max),
 * with words of words_cap bytes. */
int value_duration(const char *text, qhcp_nsec min, qhcp_nsec max, qhcp_nsec *ret, char *words,
                   size_t words_cap);

/* A decimal number: digits, perhaps a point and more digits. ret_billionths is the digits after the
 * point, cut after 9 digits; a whole part that is too large is UINT64_MAX.  Returns the first byte
 * after the number, NULL where there is no number. */
const char *value_decimal(const char *text, uint64_t *ret_whole, uint64_t *ret_billionths);

/* What value_decimal read, times factor, rounded down; UINT64_MAX where it is too large. */
uint64_t value_scale(uint64_t whole, uint64_t billionths, uint64_t factor);

/* value_duration without limits and words; bare is the unit of a number that has none.  False: not
 * a duration. */
bool value_time(const char *text, qhcp_nsec bare, qhcp_nsec *ret);

/* A whole number from min to max; what names it ("port", "count").  Errors as above. */
int value_count(const char *text, const char *what, uint64_t min, uint64_t max, uint64_t *ret,
                char *words, size_t words_cap);

/* "true", "yes", "on", "false", "no", "off".  QHCP_E_PARSE. */
int value_switch(const char *text, bool *ret, char *words, size_t words_cap);

/* The shortest exact writing of a duration: "250ms", "1.5s", "2m". */
void value_duration_text(qhcp_nsec duration, char *ret, size_t cap);

/* text in quotes for a message: cut at VALUE_QUOTE bytes, as utf8_clean writes it.  ret holds
 * VALUE_QUOTE + 8 bytes. */
const char *value_quote(const char *text, char ret[VALUE_QUOTE + 8]);

#endif
