/* malloc and its kin for a test: they count, and they can fail.  Whose call it is is told from the
 * return address: ours, or a library's.  Not for sanitized builds, which have a malloc of their
 * own. */
#ifndef QHCP_TESTS_ALLOCATOR_H
#define QHCP_TESTS_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>

/* volatile: the compiler believes that malloc touches no variable */
extern volatile bool allocator_counting;
extern volatile uint64_t allocator_ours, allocator_others; /* while it counts */
extern volatile uint64_t allocator_fail; /* of ours this one fails, 1 the next; 0: none */

#endif
