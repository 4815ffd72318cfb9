/* The options of the process as JSON (docs/api.md, Configuration), and a JSON object that changes
 * some of them.  It knows nothing of HTTP. */
#ifndef QHCP_ADMIN_ADMIN_OPTIONS_H
#define QHCP_ADMIN_ADMIN_OPTIONS_H

#include <jansson.h>

#include "base/text.h"
#include "conf/patch.h"

/* What becomes of a change. */
#define ADMIN_OPTIONS_NOTE                                                                         \
    "this lasts until the configuration is read again, or the load balancer ends: write it into "  \
    "the configuration file to keep it"

/* All options: value, where it comes from, and how it may change.  whole: for who may change
 * things; others see of an entry with arguments (a source's, a sink's) its first word, since the
 * arguments may be commands and URLs that are nobody else's business. */
void admin_options_json(struct text *t, const struct options *o, bool whole);

/* The entity tag of such a text, with its quotes (RFC 9110, 8.8.3). */
#define ADMIN_OPTIONS_TAG 24
void admin_options_tag(const struct text *json, char ret[ADMIN_OPTIONS_TAG]);

/* Does the value of If-Match name this tag, or "*"?  (RFC 9110, 13.1.1: a weak one never does.) */
bool admin_options_match(const char *header, const char *tag);

/* Fills *p with the members of the object, and looks at the whole.  faults: an object for each
 * fault, with commas between.  The number of faults. */
size_t admin_options_patch(struct patch *p, const json_t *body, struct text *faults);

/* A fault without an option: a line of words. */
void admin_options_fault(struct text *faults, const char *words);

#endif
