/* Starts a command that does not outlive us. */
#ifndef QHCP_CHECK_SPAWN_H
#define QHCP_CHECK_SPAWN_H

#include <sys/types.h>

/* Runs argv[0] (a path) with argv and our environment, in a process group of its own, whose number
 * is the process's.  Standard input is /dev/null, standard output is `out`, standard error `err`
 * (they stay the caller's, and may be the same), every other descriptor is closed; no signal is
 * blocked or ignored.  The kernel kills it (SIGKILL) when the calling thread ends, however that
 * ends: so call from the thread that lives as long as the process.  0, or the errno that kept it
 * from running: then there is no child. */
int spawn_command(char *const argv[], int out, int err, pid_t *ret);

/* The same with to[0] as standard input, and to[1] and to[2] as the two others; -1: /dev/null. */
int spawn_with(char *const argv[], const int to[3], pid_t *ret);

/* Kills its process group, and waits for its end, so that nothing is left of it in the kernel:
 * half a second at most, for one that hangs in there.  pid is the caller's own still: it was not
 * waited for. */
void spawn_end(pid_t pid, int pidfd);

#endif
