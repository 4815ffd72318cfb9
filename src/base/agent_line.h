/* The line that answers HAProxy's agent-check, as versions from 1.7 on understand it (2.6:
 * configuration.txt, "agent-check").  Pure.
 *
 * Words of a line stand for themselves: the administrative state (ready, drain, maint), the health
 * (up, down), the weight in percent of the configured one.  What an agent has said only the agent
 * takes back, so every line has all of it. */
#ifndef QHCP_BASE_AGENT_LINE_H
#define QHCP_BASE_AGENT_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define AGENT_LINE 200 /* bytes, with the NUL */
#define AGENT_REASON 140

enum agent_word { AGENT_UP, AGENT_DRAIN, AGENT_MAINTENANCE, AGENT_DOWN };

struct agent_say {
    enum agent_word word;
    unsigned percent;   /* AGENT_UP; 0: the weight is not ours to say */
    bool admin;         /* the administrative state is ours to say */
    const char *reason; /* of down, for people; "" for none; control characters become blanks */
};

/* The line with its end; its length. */
size_t agent_line(const struct agent_say *say, char ret[AGENT_LINE]);

#endif
