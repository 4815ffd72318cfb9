/* What a user tells the fleet, one line each: "silent 1-100", "slow 50ms 10%", "stats".
 *
 *     VERB [VALUE] [WHICH]
 *
 * WHICH is `all` (as is nothing), a share ("10%": evenly spread), or numbers and ranges from 1 on
 * ("7", "1-100,200").  Text in, a struct or words for the user out; pure. */
#ifndef QHCP_BENCH_FLEET_COMMAND_H
#define QHCP_BENCH_FLEET_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

#define COMMAND_RANGES 32
#define COMMAND_VALUE 128
#define COMMAND_LINE 1024
#define COMMAND_SLOW_MAX (60 * NSEC_PER_SEC)

enum command_verb {
    COMMAND_SILENT,
    COMMAND_CLOSE,
    COMMAND_DEGRADE,
    COMMAND_DRAIN,
    COMMAND_RESTART,
    COMMAND_SLOW,
    COMMAND_SET,
    COMMAND_BACK,
    COMMAND_LIST,
    COMMAND_STATS,
    COMMAND_QUIT,
};

struct command_which {
    unsigned share; /* hundredths of a percent of all; 0: the ranges */
    size_t n;
    struct {
        unsigned first, last;
    } ranges[COMMAND_RANGES];
};

struct command {
    enum command_verb verb;
    const char *name;          /* the verb's word */
    char value[COMMAND_VALUE]; /* set: NAME=VALUE, as it was written */
    qhcp_nsec delay;           /* slow */
    struct command_which which;
};

/* A line without its newline, of a fleet of so many servers.  1; 0: it is empty, or a comment (#);
 * QHCP_E_PARSE or QHCP_E_ARG with words that quote what is wrong. */
int command_parse(const char *line, unsigned servers, struct command *ret, char *words,
                  size_t words_cap);

/* Is the server of this number (from 1) one of them? */
bool command_has(const struct command_which *which, unsigned number);

/* For the user. */
#define COMMAND_HELP                                                                               \
    "  silent [WHICH]        no packet in or out, as if the machine stood still\n"                 \
    "  close [WHICH]         stop as at SIGTERM: drain, say so, leave\n"                           \
    "  degrade [WHICH]       say \"degraded\"\n"                                                   \
    "  drain [WHICH]         say \"draining\"\n"                                                   \
    "  restart [WHICH]       end without a word, and start anew at once\n"                         \
    "  slow TIME [WHICH]     handle each packet so much later (slow 50ms 10%)\n"                   \
    "  set NAME=VALUE [WHICH]   a metric (set cpu_usage_percent=93 1-20)\n"                        \
    "  back [WHICH]          serve as at the start\n"                                              \
    "  list [WHICH]          number, address and condition of each\n"                              \
    "  stats                 packets, answers, CPU and memory since the last stats\n"              \
    "  quit                  end\n"                                                                \
    "WHICH: all (the default), numbers and ranges (7, 1-100,200), or a share (10%).\n"

#endif
