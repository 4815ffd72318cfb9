/* Finds a server by what people call it: its label, or its name (the address as listed).
 *
 * In: views of a sink, as they come; out: slots.  It costs nothing until somebody asks after names
 * have changed. */
#ifndef QHCP_SINKS_DIRECTORY_H
#define QHCP_SINKS_DIRECTORY_H

#include "sinks/sink.h"

struct directory_row {
    uint64_t hash;
    uint32_t slot; /* FLEET_NOBODY: the row is free */
};

/* Zeroed: empty. */
struct directory {
    struct directory_row *rows;
    size_t cap; /* a power of two */
    bool stale;
};

void directory_deinit(struct directory *d);
/* Of each view, before it is asked. */
void directory_see(struct directory *d, const struct sink_view *view);
/* FLEET_NOBODY: there is none, or no memory. */
uint32_t directory_find(struct directory *d, const struct sink_view *view, const char *name);
/* The server that HAProxy calls backend/name: "backend/name" here, "backend.name", which is how
 * servers are told apart whose names several backends have, or "name". */
uint32_t directory_of(struct directory *d, const struct sink_view *view, const char *backend,
                      const char *name);

#endif
