#include "base/os/log_form.h"

#include <ctype.h>
#include <string.h>

#include "base/os/clock.h"

#define TOKEN "eyJ" /* {" in base64url: how every JWT begins */
#define TOKEN_LEAST 16
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

static const struct {
    const char *name, *priority;
    int number; /* syslog(3) */
} levels[] = {{"error", "<3>", 3}, {"warning", "<4>", 4}, {"info", "<6>", 6}, {"debug", "<7>", 7}};

const char *log_form_level(enum qhcp_log_level level)
{
    return levels[level].name;
}

const char *log_form_priority(enum qhcp_log_level level)
{
    return levels[level].priority;
}

void log_form_clean(const char *words, char *ret, size_t cap)
{
    size_t n = 0;

    for (const char *p = words; *p != '\0' && n + 1 < cap;) {
        size_t token = strncmp(p, TOKEN, strlen(TOKEN)) == 0 ? strspn(p, BASE64URL) : 0;

        if (token >= TOKEN_LEAST) {
            for (const char *q = "(token)"; *q != '\0' && n + 1 < cap; q++)
                ret[n++] = *q;
            p += token;
        } else {
            ret[n++] = *p++;
        }
    }
    ret[n] = '\0';
}

void log_form_human(struct text *t, const struct log_message *m, bool dated)
{
    char time[CLOCK_TEXT];

    if (dated)
        text_printf(t, "%s %s ", clock_rfc3339_local(m->ms, time), levels[m->level].name);
    text_plain(t, m->words);
    text_add(t, "\n");
}

void log_form_json(struct text *t, const struct log_message *m)
{
    char time[CLOCK_TEXT];

    text_printf(t, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", clock_rfc3339(m->ms, time),
                levels[m->level].name);
    text_json(t, m->words);
    for (size_t i = 0; i < m->n_fields; i++) {
        text_printf(t, ",\"%s\":", m->fields[i].name);
        text_json(t, m->fields[i].value);
    }
    text_add(t, "}\n");
}

/* As it is where it is one plain word, else as a JSON string, which logfmt's readers take. */
static void put_value(struct text *t, const char *value)
{
    bool plain = value[0] != '\0';

    for (const char *p = value; *p != '\0' && plain; p++)
        plain = isgraph((unsigned char)*p) && *p != '"' && *p != '=' && *p != '\\';
    if (plain)
        text_add(t, value);
    else
        text_json(t, value);
}

void log_form_logfmt(struct text *t, const struct log_message *m)
{
    char time[CLOCK_TEXT];

    text_printf(t, "time=%s level=%s msg=", clock_rfc3339(m->ms, time), levels[m->level].name);
    put_value(t, m->words);
    for (size_t i = 0; i < m->n_fields; i++) {
        text_printf(t, " %s=", m->fields[i].name);
        put_value(t, m->fields[i].value);
    }
    text_add(t, "\n");
}

/* Plain text has no line break in it, so the short form of the protocol does. */
void log_form_journal(struct text *t, const struct log_message *m)
{
    text_printf(t, "PRIORITY=%d\nSYSLOG_IDENTIFIER=qhcp\nMESSAGE=", levels[m->level].number);
    text_plain(t, m->words);
    text_add(t, "\n");
    for (size_t i = 0; i < m->n_fields; i++) {
        text_add(t, "QHCP_");
        for (const char *p = m->fields[i].name; *p != '\0'; p++)
            text_printf(t, "%c", toupper((unsigned char)*p));
        text_add(t, "=");
        text_plain(t, m->fields[i].value);
        text_add(t, "\n");
    }
}
