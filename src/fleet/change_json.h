/* A change of the log as JSON: the same for the API's events, and for everybody else who is told of
 * them. */
#ifndef QHCP_FLEET_CHANGE_JSON_H
#define QHCP_FLEET_CHANGE_JSON_H

#include "base/text.h"
#include "fleet/entry.h"
#include "fleet/ring.h"

/* Adds one object, {"seq":...}. */
void change_json(struct text *t, const struct fleet_change *c);

/* "in_use", "drain", "maintenance". */
const char *change_intent_name(enum fleet_intent_use use);

#endif
