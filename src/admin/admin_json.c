#include "admin/admin_json.h"

#include <string.h>

#include "base/os/clock.h"

/* (A string ends in a quote: what ends in an opening bracket is one.) */
void admin_json_key(struct text *t, const char *key)
{
    char last = t->n > 0 ? t->at[t->n - 1] : '{';

    if (last != '{' && last != '[' && last != ',')
        text_bytes(t, ",", 1);
    if (!key)
        return;
    text_bytes(t, "\"", 1);
    text_add(t, key);
    text_bytes(t, "\":", 2);
}

void admin_json_text(struct text *t, const char *key, const char *value)
{
    admin_json_key(t, key);
    text_json(t, value);
}

void admin_json_number(struct text *t, const char *key, uint64_t value)
{
    char digits[20];
    size_t n = sizeof digits;

    admin_json_key(t, key);
    do
        digits[--n] = (char)('0' + value % 10);
    while (value /= 10);
    text_bytes(t, digits + n, sizeof digits - n);
}

void admin_json_bool(struct text *t, const char *key, bool value)
{
    admin_json_key(t, key);
    text_add(t, value ? "true" : "false");
}

void admin_json_null(struct text *t, const char *key)
{
    admin_json_key(t, key);
    text_bytes(t, "null", 4);
}

void admin_json_time(struct text *t, const char *key, int64_t ms)
{
    char time[CLOCK_TEXT];

    if (ms < 0) {
        admin_json_null(t, key);
        return;
    }
    admin_json_key(t, key);
    text_bytes(t, "\"", 1);
    text_add(t, clock_rfc3339(ms, time));
    text_bytes(t, "\"", 1);
}

void admin_json_open(struct text *t, const char *key, char bracket)
{
    admin_json_key(t, key);
    text_bytes(t, &bracket, 1);
}

void admin_json_close(struct text *t, char bracket)
{
    text_bytes(t, &bracket, 1);
}
