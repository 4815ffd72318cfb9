/* The history for programs: JSON objects, as `qhcp history --json`, `qhcp why --json` and the API
 * have them. */
#ifndef QHCP_HISTORY_HISTORY_JSON_H
#define QHCP_HISTORY_HISTORY_JSON_H

#include "base/text.h"
#include "history/query.h"
#include "history/story.h"

/* {"id":...,"time":...,"server":...}, without a line's end. */
void history_json_event(struct text *t, const struct query_event *e);
void history_json_sample(struct text *t, const struct query_sample *s);
void history_json_story(struct text *t, const struct story *s);

#endif
