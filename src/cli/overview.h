/* The table of `qhcp status`, from what the admin interface says (docs/api.md). */
#ifndef QHCP_CLI_OVERVIEW_H
#define QHCP_CLI_OVERVIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qhcp/types.h>

struct text;

/* What `qhcp status` ends with, as plugins of monitoring systems do. */
enum overview_status {
    OVERVIEW_WELL = 0,     /* every server is up, and the load balancer is well */
    OVERVIEW_SERVERS = 1,  /* a server is not up, there is none, or there is a panic */
    OVERVIEW_BALANCER = 2, /* the load balancer itself is not well, or does not answer */
    OVERVIEW_USAGE = 3,    /* nothing was asked: the command line is wrong */
};

/* self: of /api/v1/self; servers: of /api/v1/servers. */
enum overview_status overview_status(const json_t *self, const json_t *servers);

/* The state of a server's object; connecting where it has none that is known here. */
enum qhcp_state overview_state(const json_t *server);
/* How soon it wants to be looked at: 0 first. */
int overview_rank(enum qhcp_state state);

/* Adds the first line: the local time, and how many servers are in each state. */
void overview_summary(struct text *t, const json_t *self, int64_t now_ms);
/* Adds what is wrong with the load balancer as a whole, each in a line of its own. */
void overview_warnings(struct text *t, const json_t *self, size_t width);

/* Adds the table, what is worst first; lines of `width` characters at most, 0: of any length. */
void overview_table(struct text *t, const json_t *self, const json_t *servers, size_t width,
                    bool colour);

#endif
