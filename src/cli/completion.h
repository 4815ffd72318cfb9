/* Completion for shells, made from the commands and their tables of options: what `qhcp help
 * --completion SHELL` prints, and what is installed. */
#ifndef QHCP_CLI_COMPLETION_H
#define QHCP_CLI_COMPLETION_H

#include <stdbool.h>
#include <stdio.h>

#include "conf/args.h"

struct completion_command {
    const char *name;
    const char *doc; /* one line */
    const struct args_spec *spec;
};

#define COMPLETION_SHELLS "bash|zsh|fish"

/* False: no such shell. */
bool completion_print(FILE *out, const char *shell, const struct completion_command *commands,
                      size_t n);

#endif
