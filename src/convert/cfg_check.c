#include "convert/cfg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/value.h"

#define STATUS_MAX 599
#define STATUS_FROM 200 /* what HAProxy takes for good */
#define STATUS_TO 399

/* The words end up in a command that somebody copies into a shell: nothing there may have a meaning
 * but as itself. */
static bool is_harmless(const char *text)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "/._~%?&=+,:@-";

    return text[0] != '\0' && strlen(text) <= 200 && strspn(text, allowed) == strlen(text);
}

static void take_path(struct cfg *c, struct cfg_proxy *p, unsigned line, const char *path)
{
    if (is_harmless(path) && path[0] == '/')
        p->check.path = path;
    else
        cfg_note(c, &p->items, line,
                 "the path of the HTTP check has characters that are not carried over");
}

static void note_method(struct cfg *c, struct cfg_proxy *p, unsigned line, const char *method)
{
    if (strcmp(method, "GET") != 0)
        cfg_note(c, &p->items, line, "the HTTP check: agents ask by GET");
}

void cfg_check_option(struct cfg *c, struct cfg_proxy *p, unsigned line, const struct cfg_words *w)
{
    size_t path = w->n == 3 ? 2 : 3;

    p->check.http = true;
    note_method(c, p, line, w->n > 3 ? w->at[2] : "OPTIONS");
    if (path < w->n)
        take_path(c, p, line, w->at[path]);
    if (w->n > 4)
        cfg_note(c, &p->items, line,
                 "option httpchk: its version and headers are not carried over");
}

/* "200", "200-399". */
static bool take_statuses(struct cfg_check *check, const char *text)
{
    char *end;
    unsigned long from = strtoul(text, &end, 10), to = from;

    if (*end == '-')
        to = strtoul(end + 1, &end, 10);
    if (*end != '\0' || from < 100 || to < from || to > STATUS_MAX)
        return false;
    check->from = (unsigned)from;
    check->to = (unsigned)to;
    return true;
}

/* "http-check expect [KEY VALUE] ... MATCH PATTERN". */
static void take_expect(struct cfg *c, struct cfg_proxy *p, unsigned line,
                        const struct cfg_words *w)
{
    const char *match = w->n >= 4 ? w->at[w->n - 2] : "", *pattern = w->at[w->n - 1];
    bool taken = false;

    if (w->n == 4 && strcmp(match, "status") == 0)
        taken = take_statuses(&p->check, pattern);
    else if (w->n == 4 && strcmp(match, "string") == 0 && is_harmless(pattern)) {
        p->check.contains = pattern;
        taken = true;
    }
    if (!taken)
        cfg_note(c, &p->items, line,
                 "http-check expect: an agent looks for a status, a range of statuses, or plain "
                 "words in the body");
}

/* "http-check send [meth M] [uri U] [ver V] [hdr NAME VALUE] [body B]". */
static void take_send(struct cfg *c, struct cfg_proxy *p, unsigned line, const struct cfg_words *w)
{
    bool more = false;

    for (size_t i = 2; i < w->n; i += 2) {
        const char *value = w->at[i + 1] ? w->at[i + 1] : "";

        if (strcmp(w->at[i], "meth") == 0) {
            note_method(c, p, line, value);
        } else if (strcmp(w->at[i], "uri") == 0) {
            take_path(c, p, line, value);
        } else {
            more = true;
            i += strcmp(w->at[i], "hdr") == 0;
        }
    }
    if (more)
        cfg_note(c, &p->items, line,
                 "http-check send: version, headers and body are not carried over");
}

void cfg_check_rule(struct cfg *c, struct cfg_proxy *p, unsigned line, const struct cfg_words *w)
{
    char word[CFG_WORD];
    const char *rule = w->n > 1 ? w->at[1] : "";

    if (strcmp(rule, "expect") == 0)
        take_expect(c, p, line, w);
    else if (strcmp(rule, "send") == 0)
        take_send(c, p, line, w);
    else if (strcmp(rule, "disable-on-404") == 0)
        cfg_note(c, &p->items, line,
                 "http-check disable-on-404: an application drains by qhcp control drain");
    else
        cfg_note(c, &p->items, line, "http-check %s: an agent's check is one GET",
                 cfg_word(rule, word));
}

static void add_settings(struct text *t, const struct cfg_settings *set)
{
    char words[40];

    if (set->inter > 0) {
        value_duration_text(set->inter, words, sizeof words);
        text_printf(t, " every=%s", words);
    }
    if (set->fall > 0)
        text_printf(t, " fall=%u", set->fall);
    if (set->rise > 0)
        text_printf(t, " rise=%u", set->rise);
}

void cfg_check_words(const struct cfg_proxy *p, const struct cfg_server *s, char ret[CFG_CHECK])
{
    const struct cfg_check *check = &p->check;
    uint16_t port = s->set.check_port > 0 ? s->set.check_port : s->port;
    struct text t = {0};

    ret[0] = '\0';
    if (!s->set.check || s->set.check_elsewhere || port == 0)
        return;
    if (check->http)
        text_printf(&t, "http://localhost:%u%s expect=%u", port, check->path ? check->path : "/",
                    check->from ? check->from : STATUS_FROM);
    else
        text_printf(&t, "tcp:%u", port);
    if (check->http && (check->from == 0 || check->to > check->from))
        text_printf(&t, "-%u", check->from ? check->to : STATUS_TO);
    if (check->http && check->contains)
        text_printf(&t, " body=%s", check->contains);
    add_settings(&t, &s->set);
    if (t.at && !t.failed && t.n < CFG_CHECK)
        strcpy(ret, t.at); /* NOLINT: it fits */
    text_deinit(&t);
}
