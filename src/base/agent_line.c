#include "base/agent_line.h"

#include <stdio.h>
#include <string.h>

/* In a log of HAProxy's: printable ASCII, cut. */
static void put_reason(char *to, size_t cap, const char *reason)
{
    size_t n = 0;

    for (; reason[n] != '\0' && n < AGENT_REASON && n + 1 < cap; n++)
        to[n] = reason[n] >= ' ' && reason[n] <= '~' ? reason[n] : ' ';
    to[n] = '\0';
}

/* Without the administrative state: what drains gets no new traffic by its weight, and what is out
 * is down. */
static const char *words_of(const struct agent_say *say)
{
    static const char *const admin[] = {[AGENT_UP] = "ready up",
                                        [AGENT_DRAIN] = "drain up",
                                        [AGENT_MAINTENANCE] = "maint",
                                        [AGENT_DOWN] = "ready down"};
    static const char *const health[] = {[AGENT_UP] = "up",
                                         [AGENT_DRAIN] = "up 0%",
                                         [AGENT_MAINTENANCE] = "down",
                                         [AGENT_DOWN] = "down"};

    return say->admin ? admin[say->word] : health[say->word];
}

size_t agent_line(const struct agent_say *say, char ret[AGENT_LINE])
{
    char tail[AGENT_REASON + 8] = "";

    if (say->word == AGENT_UP && say->percent > 0)
        snprintf(tail, sizeof tail, " %u%%", say->percent);
    if ((say->word == AGENT_DOWN || (say->word == AGENT_MAINTENANCE && !say->admin)) &&
        say->reason[0] != '\0') {
        memcpy(tail, " #", 2);
        put_reason(tail + 2, sizeof tail - 2, say->reason);
    }
    return (size_t)snprintf(ret, AGENT_LINE, "%s%s\n", words_of(say), tail);
}
