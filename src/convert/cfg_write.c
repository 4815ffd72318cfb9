#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "convert/cfg.h"
#include "sources/source_spec.h"
#include "sources/sources.h"

#define ENTRY (ADDRESS_HOST + LISTED_NAME + LISTED_TAGS + 200)
#define AGENT 4243

struct writer {
    const struct cfg *cfg;
    const struct cfg_plan *plan;
    struct text *yaml, *notes, sources;
    const struct cfg_proxy *proxy;
    size_t n_servers, n_sources; /* that were written */
    bool said_slowstart;
    char agent[CFG_CHECK + 100]; /* the agent's command that was written last */
};

/* ASCII alone: libyaml refuses some characters, and a terminal obeys some. */
static void add_ascii(struct text *t, const char *s)
{
    for (; *s != '\0'; s++)
        text_bytes(t, *s < ' ' || *s > '~' ? "?" : s, 1);
}

static void note(struct writer *w, const char *indent, unsigned line, const char *words)
{
    struct text *const to[] = {w->yaml, w->notes};

    for (int i = 0; i < 2; i++) {
        text_add(to[i], i == 0 ? indent : "");
        text_add(to[i], i == 0 ? "# " : "");
        add_ascii(to[i], w->cfg->file);
        text_printf(to[i], ":%u: ", line);
        add_ascii(to[i], words);
        text_add(to[i], "\n");
    }
}

static void say(struct writer *w, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void say(struct writer *w, unsigned line, const char *fmt, ...)
{
    char words[CFG_NOTE];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    note(w, "  ", line, words);
}

/* A plain scalar, unless YAML would take it for something else. */
static void add_entry(struct text *t, const char *entry)
{
    text_add(t, "  - ");
    if (entry[0] == '[' || strstr(entry, ": ") || strstr(entry, " #"))
        text_json(t, entry);
    else
        text_add(t, entry);
    text_add(t, "\n");
}

static size_t add_setting(char *entry, size_t n, const char *name, const char *value)
{
    return value[0] ? n + (size_t)snprintf(entry + n, ENTRY - n, " %s=%s", name, value) : n;
}

/* What the list and a source may have: weight, priority, service, tags. */
static size_t add_settings(const struct cfg_server *s, char *entry, size_t n)
{
    char number[24];

    n = add_setting(entry, n, "tags", s->tags);
    snprintf(number, sizeof number, "%d", s->set.disabled ? 0 : s->set.weight);
    if (s->set.disabled || (s->set.weight >= 0 && s->set.weight != 1))
        n = add_setting(entry, n, "weight", number);
    snprintf(number, sizeof number, "%u", s->priority);
    if (s->priority > 0)
        n = add_setting(entry, n, "priority", number);
    snprintf(number, sizeof number, "tcp:%u", s->port);
    if (s->port > 0)
        n = add_setting(entry, n, "service", number);
    return n;
}

/* How the agent is started that does what HAProxy's check did, where that differs from the one
 * before. */
static void add_agent(struct writer *w, const struct cfg_server *s)
{
    char command[sizeof w->agent], check[CFG_CHECK], number[32] = "";
    int n = 0;

    cfg_check_words(w->proxy, s, check);
    if (s->agent > AGENT)
        snprintf(number, sizeof number, " --port %u", s->agent);
    n = snprintf(command, sizeof command, "qhcp server%s", number);
    if (s->port > 0)
        n += snprintf(command + n, sizeof command - (size_t)n, " --service tcp:%u", s->port);
    if (check[0])
        snprintf(command + n, sizeof command - (size_t)n, " --check '%s'", check);
    if (strcmp(command, w->agent) == 0)
        return;
    memcpy(w->agent, command, sizeof command);
    text_printf(w->yaml, "  # agent: %s\n", command);
}

/* Values that are one for all servers here. */
static void say_plan(struct writer *w, const struct cfg_server *s)
{
    unsigned fall = s->set.fall > 0 ? s->set.fall : CFG_FALL;
    unsigned rise = s->set.rise > 0 ? s->set.rise : CFG_RISE;
    char time[40];

    if (fall != w->plan->fall)
        say(w, s->line, "fall is %u: max-fail-attempts is %u for all servers", fall, w->plan->fall);
    if (rise != w->plan->rise)
        say(w, s->line, "rise is %u: it is %u for all servers", rise, w->plan->rise);
    if (s->set.slowstart != w->plan->slowstart && !w->said_slowstart) {
        value_duration_text(w->plan->slowstart, time, sizeof time);
        say(w, s->line, "slowstart: slow-start is %s, the largest one, for all servers", time);
        w->said_slowstart = true;
    }
}

static void say_name(struct writer *w, const struct cfg_server *s)
{
    char word[CFG_WORD];

    if (s->unnamed)
        say(w, s->line, "server %s: its name is another server's already, so it has none",
            cfg_word(s->name, word));
    else if (strcmp(s->as, s->name) != 0)
        say(w, s->line,
            "server %s has the name %s here: names have A-Z a-z 0-9 . _ - alone, and "
            "no two servers have the same",
            cfg_word(s->name, word), s->as);
}

static void write_server(struct writer *w, const struct cfg_server *s)
{
    bool six = strchr(s->host, ':') != NULL;
    char entry[ENTRY], time[40], why[300];
    size_t n = (size_t)snprintf(entry, sizeof entry, "%s%s%s:%u", six ? "[" : "", s->host,
                                six ? "]" : "", s->agent);

    n = add_setting(entry, n, "name", s->as);
    n = add_settings(s, entry, n);
    value_duration_text(s->set.inter, time, sizeof time);
    if (s->set.check && s->set.inter > 0)
        n = add_setting(entry, n, "liveness-interval", time);
    if (n >= sizeof entry || listed_check(entry, why, sizeof why) < 0) {
        say(w, s->line, "the server cannot be carried over: %s",
            n < sizeof entry ? why : "too long");
        return;
    }
    say_name(w, s);
    say_plan(w, s);
    add_agent(w, s);
    add_entry(w->yaml, entry);
    w->n_servers++;
}

static void write_template(struct writer *w, const struct cfg_server *s)
{
    char entry[ENTRY], why[300];
    bool srv = s->host[0] == '_';
    size_t n = srv ? (size_t)snprintf(entry, sizeof entry, "srv %s", s->host)
                   : (size_t)snprintf(entry, sizeof entry, "dns %s:%u", s->host, AGENT);

    n = add_settings(s, entry, n);
    snprintf(why, sizeof why, "more than %d sources", SOURCES_MAX);
    if (n >= sizeof entry || w->n_sources == SOURCES_MAX ||
        source_spec_check(entry, why, sizeof why) < 0) {
        say(w, s->line, "server-template: it cannot be carried over: %s", why);
        return;
    }
    if (srv)
        say(w, s->line,
            "server-template: the ports of the SRV records must be those of the agents");
    say(w, s->line, "server-template: QHCP watches all addresses of the name (see sources below)");
    say_plan(w, s);
    w->n_sources++;
    add_entry(&w->sources, entry);
}

static void write_same(struct writer *w, const struct cfg_server *s)
{
    char word[CFG_WORD], other[CFG_WORD];
    bool differs = s->set.weight != s->same->set.weight || s->priority != s->same->priority ||
                   s->set.disabled != s->same->set.disabled;

    say(w, s->line, "server %s is where server %s is (line %u): QHCP watches it once%s",
        cfg_word(s->name, word), cfg_word(s->same->name, other), s->same->line,
        differs ? ", with the weight and the priority of that one" : "");
}

static void write_item(struct writer *w, const struct cfg_item *item)
{
    const struct cfg_server *s = item->server;

    if (!s)
        note(w, "  ", item->line, item->words);
    else if (s->template)
        write_template(w, s);
    else if (s->same)
        write_same(w, s);
    else if (s->agent == 0)
        say(w, s->line, "the server cannot be carried over: too many on one machine");
    else
        write_server(w, s);
}

static void write_proxy(struct writer *w, const struct cfg_proxy *p)
{
    w->proxy = p;
    w->agent[0] = '\0';
    text_printf(w->yaml, "\n  # %s ", p->section);
    add_ascii(w->yaml, p->name);
    text_add(w->yaml, "\n");
    if (p->n_servers > 0 && p->balance && p->balance != w->plan->balance)
        say(w, p->line, "balance: there is one algorithm for all servers, and the backends differ");
    for (const struct cfg_item *item = p->items.first; item; item = item->next)
        write_item(w, item);
}

/* Notes outside of backends, and what is for all servers. */
static void write_head(struct writer *w)
{
    const struct cfg_plan *plan = w->plan;
    char time[40];

    for (const struct cfg_item *item = w->cfg->notes.first; item; item = item->next)
        note(w, "", item->line, item->words);
    for (const struct cfg_proxy *p = w->cfg->proxies; p; p = p->next)
        for (const struct cfg_item *item = p->items.first; item && p->n_servers == 0;
             item = item->next)
            note(w, "", item->line, item->words);
    text_add(w->yaml,
             "\n# HAProxy goes on forwarding. Without this line, qhcp lb forwards connections "
             "itself, from its own --port.\nno-forward: true\n"
             "\n# Tell HAProxy what is found (docs/haproxy.md has its side):\n"
             "# sinks:\n#   - haproxy-agent 127.0.0.1:4281\n\n");
    if (plan->balance)
        text_printf(w->yaml, "balance: %s\n", plan->balance);
    if (plan->fall != CFG_FALL)
        text_printf(w->yaml, "max-fail-attempts: %u\n", plan->fall);
    if (plan->rise != CFG_RISE)
        text_printf(w->yaml, "rise: %u\n", plan->rise);
    value_duration_text(plan->slowstart, time, sizeof time);
    if (plan->slowstart > 0)
        text_printf(w->yaml, "slow-start: %s\n", time);
}

static void write_proxies(struct writer *w)
{
    struct text *yaml = w->yaml, servers = {0};

    w->yaml = &servers;
    for (const struct cfg_proxy *p = w->cfg->proxies; p; p = p->next)
        if (p->n_servers > 0)
            write_proxy(w, p);
    w->yaml = yaml;
    text_add(yaml, w->n_servers > 0 ? "\nservers:\n" : "");
    text_add(yaml, servers.at ? servers.at : "");
    if (w->sources.n > 0)
        text_printf(yaml, "\nsources:\n%s", w->sources.at);
    yaml->failed = yaml->failed || servers.failed || w->sources.failed;
    text_deinit(&servers);
    text_deinit(&w->sources);
}

size_t cfg_write(const struct cfg *c, const struct cfg_plan *plan, struct text *yaml,
                 struct text *notes)
{
    struct writer w = {.cfg = c, .plan = plan, .yaml = yaml, .notes = notes};

    text_add(yaml, "# Made by: qhcp lb --from-haproxy ");
    add_ascii(yaml, c->file);
    text_printf(yaml,
                "\n#\n# %zu server%s of %zu backend%s. Each needs an agent on its machine, qhcp "
                "server: the comment above a server\n# has its command. Two servers on one machine "
                "have two agents, on ports %d and %d.\n# What QHCP does not take over is in the "
                "comments that begin with a file and a line.\n#\n",
                TEXT_COUNT(plan->n_servers + plan->n_templates), TEXT_COUNT(plan->n_backends),
                AGENT, AGENT + 1);
    write_head(&w);
    write_proxies(&w);
    return w.n_servers + w.n_sources;
}
