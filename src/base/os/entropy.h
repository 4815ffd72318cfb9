/* Random bytes that nobody can guess, from the kernel.  Only src/quic and what makes keys and
 * certificates take GnuTLS's, which cost no system call a packet.  Fast ones: base/prng.h. */
#ifndef QHCP_BASE_OS_ENTROPY_H
#define QHCP_BASE_OS_ENTROPY_H

#include <stddef.h>

/* n bytes to ret; waits where the machine has just started.  0, or QHCP_E_INTERNAL where the kernel
 * gives none. */
int entropy_fill(void *ret, size_t n);

#endif
