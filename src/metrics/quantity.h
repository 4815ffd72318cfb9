/* A metric's value as people write and read it, in the unit of the registry: 90 or 90%, 12.5, 20ms,
 * 512MiB. */
#ifndef QHCP_METRICS_QUANTITY_H
#define QHCP_METRICS_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A decimal number in the unit (enum wire_unit), or with a unit that is written behind it: % for a
 * percentage; KiB, MiB or GiB for bytes; any unit of a duration for a time, which is in
 * microseconds without one.  ret is in the registry's parts of the unit (hundredths of a percent),
 * rounded down; exact refuses digits that would be lost.  UINT64_MAX where the number is too large.
 * False: not a value of that unit. */
bool quantity_parse(const char *text, unsigned unit, bool exact, uint64_t *ret);

/* Hundredths of a percent as "12.5", thousandths as "0.25", anything else as a whole number. */
void quantity_text(unsigned unit, uint64_t value, char *ret, size_t cap);

#endif
