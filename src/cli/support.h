/* The parts of what `qhcp support` writes: each adds what it finds, and what it cannot read is said
 * instead.  Secrets are taken out of the whole in the end (redact.h). */
#ifndef QHCP_CLI_SUPPORT_H
#define QHCP_CLI_SUPPORT_H

#include "base/text.h"

/* "\n== title ==\n" */
void support_title(struct text *t, const char *title);
/* A whole file, or why not; most: of its bytes. */
void support_file(struct text *t, const char *path, size_t most);
/* What a command prints, both outputs, within ten seconds. */
void support_command(struct text *t, char *const argv[]);

/* support_machine.c: the build; kernel, processors, memory, limits; each process of QHCP. */
void support_build(struct text *t);
void support_machine(struct text *t);
void support_processes(struct text *t);
/* support_state.c: the state directory: names, modes and sizes, and no contents. */
void support_directory(struct text *t, const char *dir);
/* What processes say of themselves at their sockets there. */
void support_sockets(struct text *t, const char *dir);

#endif
