/* The history for people. */
#ifndef QHCP_HISTORY_HISTORY_TABLE_H
#define QHCP_HISTORY_HISTORY_TABLE_H

#include "base/text.h"
#include "history/query.h"
#include "history/story.h"

/* "2026-11-28 04:03:13.949  web1:4243: up -> down: no answer to 3 checks", local time, with the
 * evidence in a line of its own. */
void history_table_event(struct text *t, const struct query_event *e);
/* The columns' names, and a row of them; day: with the date. */
void history_table_heading(struct text *t, bool day);
void history_table_sample(struct text *t, const struct query_sample *s, bool day);
/* now_ms: unix milliseconds. */
void history_table_story(struct text *t, const struct story *s, int64_t now_ms);
/* A bar of eight heights for each sample; a blank where value is unknown. */
void history_table_bars(struct text *t, const struct story *s,
                        int64_t (*value)(const struct query_sample *sample));

#endif
