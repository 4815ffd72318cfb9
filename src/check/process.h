/* A process that is watched by its descriptor (pidfd_open(2)): its death is noticed at once, and
 * its number cannot become another's meanwhile. */
#ifndef QHCP_CHECK_PROCESS_H
#define QHCP_CHECK_PROCESS_H

#define PROCESS_NAME 16 /* the kernel's own limit, with the NUL */

/* A descriptor that is readable when the process has ended; -1 with errno (ESRCH: none such). */
int process_open(int pid);

/* Its name (comm), printable; "?" if there is none. */
void process_name(int pid, char ret[PROCESS_NAME]);

#endif
