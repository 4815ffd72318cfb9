/* Members of JSON objects, added to a text: each writes the comma before it where one is needed. */
#ifndef QHCP_ADMIN_ADMIN_JSON_H
#define QHCP_ADMIN_ADMIN_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* "key": and what follows is the caller's; key NULL: an element of an array. */
void admin_json_key(struct text *t, const char *key);
void admin_json_text(struct text *t, const char *key, const char *value);
void admin_json_number(struct text *t, const char *key, uint64_t value);
void admin_json_bool(struct text *t, const char *key, bool value);
void admin_json_null(struct text *t, const char *key);
/* Unix milliseconds as RFC 3339; below 0: null. */
void admin_json_time(struct text *t, const char *key, int64_t ms);
/* '{' or '['; and the end of it. */
void admin_json_open(struct text *t, const char *key, char bracket);
void admin_json_close(struct text *t, char bracket);

#endif
