/* Sections, and the lines of those that have servers. */
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "convert/cfg.h"

/* What is being read. */
struct reader {
    struct cfg *cfg;
    struct cfg_proxy *proxy;    /* the section that lines belong to; NULL: none that has servers */
    struct cfg_proxy *defaults; /* the last one */
    unsigned line;
};

static const char sections[] = " global frontend peers resolvers userlist mailers program cache"
                               " ring http-errors fcgi-app log-forward log-profile crt-store traces"
                               " acme dynamic-update haterm healthcheck namespace_list ";

/* Lines that have a word of their own for why they are not carried over: the first word, or two. */
static const struct hint {
    const char *first, *second, *why;
} hints[] = {
    {"option", "external-check", "an agent runs a command by --check exec:/PATH"},
    {"option", "tcp-check", "an agent checks by TCP, HTTP or a command"},
    {"option", "ssl-hello-chk", "an agent checks by TCP, HTTP or a command"},
    {"option", "mysql-check", "an agent runs a client of MySQL by --check exec:/PATH"},
    {"option", "pgsql-check", "an agent runs pg_isready by --check exec:/PATH"},
    {"option", "redis-check", "an agent runs redis-cli by --check exec:/PATH"},
    {"option", "ldap-check", "an agent runs an LDAP client by --check exec:/PATH"},
    {"option", "smtpchk", "an agent runs an SMTP client by --check exec:/PATH"},
    {"option", "spop-check", "an agent checks by TCP, HTTP or a command"},
    {"option", "log-health-checks", "the log of qhcp lb has every change"},
    {"external-check", NULL, "an agent runs a command by --check exec:/PATH"},
    {"tcp-check", NULL, "an agent checks by TCP, HTTP or a command"},
    {"email-alert", NULL, "qhcp lb tells a command or a URL of each change"},
    {"timeout", "check", "an agent's --check has timeout="},
    {"timeout", "connect", "where qhcp lb forwards, connect-timeout is the same"},
    {"timeout", "client", "where qhcp lb forwards, idle-timeout is for both sides"},
    {"timeout", "server", "where qhcp lb forwards, idle-timeout is for both sides"},
    {"maxconn", NULL, "where qhcp lb forwards, max-connections is the same"},
    {"dispatch", NULL, "it names no server that can be watched"},
    {"use-server", NULL, "it stays with HAProxy: QHCP does not look into requests"},
};

static const char *hint_for(const struct cfg_words *w)
{
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (strcmp(hints[i].first, w->at[0]) == 0 &&
            (!hints[i].second || (w->n > 1 && strcmp(hints[i].second, w->at[1]) == 0)))
            return hints[i].why;
    return "it stays with HAProxy";
}

/* The first word names what it is about, the second often is a value, and may be a secret. */
static void note_line(struct reader *r, const struct cfg_words *w)
{
    bool two = w->n > 1 && cfg_is_one(" option timeout no stats http-request http-response "
                                      "tcp-request ",
                                      w->at[0]);
    char first[CFG_WORD], second[CFG_WORD];

    cfg_note(r->cfg, &r->proxy->items, r->line, "%s%s%s: %s", cfg_word(w->at[0], first),
             two ? " " : "", two ? cfg_word(w->at[1], second) : "", hint_for(w));
}

static struct cfg_proxy *find_defaults(const struct reader *r, const char *name)
{
    for (struct cfg_proxy *p = r->cfg->proxies; p; p = p->next)
        if (strcmp(p->section, "defaults") == 0 && strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

/* "backend NAME [from DEFAULTS]", "defaults [NAME] [from DEFAULTS]". */
static void begin_proxy(struct reader *r, const struct cfg_words *w)
{
    bool defaults = strcmp(w->at[0], "defaults") == 0;
    const char *name = w->n > 1 && strcmp(w->at[1], "from") != 0 ? w->at[1] : "";
    bool from = w->n > 2 && strcmp(w->at[w->n - 2], "from") == 0;
    const struct cfg_proxy *base = from       ? find_defaults(r, w->at[w->n - 1])
                                   : defaults ? NULL
                                              : r->defaults;
    struct cfg_proxy *p = calloc(1, sizeof *p);

    if (!p) {
        r->cfg->failed = true;
        return;
    }
    if (base)
        *p = *base;
    else
        p->set.weight = -1;
    p->next = NULL;
    p->items = (struct cfg_items){.first = NULL};
    p->n_servers = 0;
    p->section = w->at[0];
    p->name = name;
    p->line = r->line;
    *r->cfg->end = p;
    r->cfg->end = &p->next;
    r->proxy = p;
    if (defaults)
        r->defaults = p;
    if (from && !base)
        cfg_note(r->cfg, &p->items, r->line, "there is no defaults section of that name before it");
}

/* True: the line begins a section. */
static bool begin_section(struct reader *r, const struct cfg_words *w)
{
    bool known = cfg_is_one(sections, w->at[0]);

    if (!known && !cfg_is_one(" defaults backend listen ", w->at[0]))
        return false;
    r->proxy = NULL;
    r->cfg->n_sections++;
    if (known)
        cfg_note(r->cfg, &r->cfg->notes, r->line, "section %s: it stays with HAProxy", w->at[0]);
    else
        begin_proxy(r, w);
    return true;
}

/* "no option X": what it takes back is not there where it was not carried over. */
static void take_no(struct reader *r, const struct cfg_words *w)
{
    if (w->n > 2 && strcmp(w->at[2], "httpchk") == 0)
        r->proxy->check.http = false;
    else if (w->n > 2 && strcmp(w->at[2], "allbackups") == 0)
        r->proxy->all_backups = false;
    else
        note_line(r, w);
}

static void take_option(struct reader *r, const struct cfg_words *w)
{
    const char *option = w->n > 1 ? w->at[1] : "";

    if (strcmp(option, "httpchk") == 0) {
        cfg_check_option(r->cfg, r->proxy, r->line, w);
    } else if (strcmp(option, "allbackups") == 0) {
        r->proxy->all_backups = true;
    } else {
        if (cfg_is_one(" tcp-check ssl-hello-chk mysql-check pgsql-check redis-check ldap-check"
                       " smtpchk spop-check external-check ",
                       option))
            r->proxy->check.http = false;
        note_line(r, w);
    }
}

static void take_balance(struct reader *r, const struct cfg_words *w)
{
    static const char *const same[][2] = {
        {"roundrobin", "round-robin"},      {"static-rr", "round-robin"}, {"source", "maglev"},
        {"leastconn", "least-connections"}, {"random", "power-of-two"},
    };
    const char *name = w->n > 1 ? w->at[1] : "";
    char word[CFG_WORD];

    r->proxy->balance = NULL;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        if (strncmp(name, same[i][0], strlen(same[i][0])) == 0)
            r->proxy->balance = same[i][1];
    if (!r->proxy->balance)
        cfg_note(r->cfg, &r->proxy->items, r->line, "balance %s: QHCP has no such algorithm",
                 cfg_word(name, word));
}

static void take_line(struct reader *r, const struct cfg_words *w)
{
    const char *word = w->at[0];

    if (strcmp(word, "server") == 0 || strcmp(word, "server-template") == 0)
        cfg_server_line(r->cfg, r->proxy, r->line, w);
    else if (strcmp(word, "default-server") == 0)
        cfg_default_server(r->cfg, r->proxy, r->line, w);
    else if (strcmp(word, "option") == 0)
        take_option(r, w);
    else if (strcmp(word, "http-check") == 0)
        cfg_check_rule(r->cfg, r->proxy, r->line, w);
    else if (strcmp(word, "balance") == 0)
        take_balance(r, w);
    else if (strcmp(word, "no") == 0)
        take_no(r, w);
    else if (!cfg_is_one(" mode description id enabled ", word))
        note_line(r, w);
}

static void read_words(struct reader *r, const struct cfg_words *w)
{
    if (w->at[0][0] == '.')
        cfg_note(r->cfg, r->proxy ? &r->proxy->items : &r->cfg->notes, r->line,
                 "conditions are not judged: all lines between them are read");
    else if (!begin_section(r, w) && r->proxy)
        take_line(r, w);
}

static int read_line(struct reader *r, char *line, const char **ret_why)
{
    struct cfg_words words;
    int e = cfg_words_split(line, &words, ret_why);

    if (e < 0)
        return e;
    if (words.n > 0)
        read_words(r, &words);
    *ret_why = r->cfg->failed ? "out of memory" : "the file has more than 10000 sections";
    if (r->cfg->failed)
        return QHCP_E_NOMEM;
    return r->cfg->n_sections > CFG_SECTIONS ? QHCP_E_FULL : 0;
}

int cfg_read(char *text, size_t n, struct cfg *ret, unsigned *ret_line, const char **ret_why)
{
    struct reader r = {.cfg = ret};
    char *end = text + n, *stop;
    int e = 0;

    *ret = (struct cfg){.proxies = NULL};
    ret->end = &ret->proxies;
    for (char *line = text; line < end && e == 0; line = stop + 1) {
        stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop ? stop : end;
        r.line++;
        *stop = '\0';
        if (memchr(line, '\0', (size_t)(stop - line))) {
            *ret_why = "there is a NUL in the line: this is no text";
            e = QHCP_E_PARSE;
        } else {
            e = read_line(&r, line, ret_why);
        }
    }
    *ret_line = r.line;
    return e;
}
