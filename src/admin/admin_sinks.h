/* How the sinks fare: who is told of the servers (src/sinks). */
#ifndef QHCP_ADMIN_ADMIN_SINKS_H
#define QHCP_ADMIN_ADMIN_SINKS_H

struct admin_request;
struct sinks;
struct text;

/* GET /api/v1/sinks */
void admin_sinks_show(struct admin_request *q);

/* "sinks": [...]; sinks may be NULL. */
void admin_sinks_json(struct text *t, struct sinks *sinks);

#endif
