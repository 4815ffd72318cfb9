/* Servers as sinks see them, for tests: a fleet whose state the test writes, and what is said of
 * it. */
#ifndef QHCP_TESTS_SINKS_PICTURE_H
#define QHCP_TESTS_SINKS_PICTURE_H

#include "fleet/feed.h"
#include "sinks/sink.h"

struct picture {
    struct feed *feed;
    struct sink_view view;
    struct say say[64];
};

void picture_begin(struct picture *p);
void picture_end(struct picture *p);

/* A server with this name and data port (NULL: none is known), which is up and has its whole
 * weight. */
struct fleet_entry *picture_add(struct picture *p, const char *name, const char *target);
/* The same of one that is there, to be changed. */
struct fleet_entry *picture_change(struct picture *p, const char *name);
void picture_down(struct fleet_entry *e);
/* What is said now; all of it. */
const struct sink_view *picture_view(struct picture *p);

#endif
