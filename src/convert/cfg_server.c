/* The words of a server: its address, and keywords behind that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/value.h"
#include "convert/cfg.h"

#define INTER_MIN (LIMIT_INTERVAL_MIN_US * NSEC_PER_USEC)
#define INTER_MAX (LIMIT_INTERVAL_MAX_US * NSEC_PER_USEC)
#define COUNT_MAX 1000 /* of fall and rise, as --max-fail-attempts */
#define KEPT 160       /* bytes of the names of keywords in one note */

/* One line that is being read. */
struct line {
    struct cfg *cfg;
    struct cfg_proxy *proxy;
    unsigned number;
    const char *what; /* "server", "default-server" */
    const char *name; /* of the server; "" */
    char kept[KEPT];  /* keywords that are about connections alone */
    struct cfg_settings *set;
};

static void note(const struct line *l, const char *keyword, const char *why)
{
    char name[CFG_WORD], word[CFG_WORD];

    cfg_note(l->cfg, &l->proxy->items, l->number, "%s%s%s: %s%s%s", l->what, l->name[0] ? " " : "",
             cfg_word(l->name, name), cfg_word(keyword, word), keyword[0] ? ": " : "", why);
}

static void set_number(const struct line *l, const char *keyword, const char *value, unsigned most,
                       unsigned *ret)
{
    uint64_t number = 0;
    char words[200];

    if (value_count(value, "number", keyword[0] == 'w' ? 0 : 1, most, &number, words,
                    sizeof words) == 0)
        *ret = (unsigned)number;
    else
        note(l, keyword, "its value is out of range, and is not carried over");
}

static void set_weight(struct line *l, const char *value)
{
    unsigned weight = (unsigned)l->set->weight;

    set_number(l, "weight", value, 256, &weight);
    l->set->weight = (int)weight;
}

static void set_fall(struct line *l, const char *value)
{
    set_number(l, "fall", value, COUNT_MAX, &l->set->fall);
}

static void set_rise(struct line *l, const char *value)
{
    set_number(l, "rise", value, COUNT_MAX, &l->set->rise);
}

static void set_port(struct line *l, const char *value)
{
    unsigned port = l->set->check_port;

    set_number(l, "port", value, 65535, &port);
    l->set->check_port = (uint16_t)port;
}

static void set_inter(struct line *l, const char *value)
{
    qhcp_nsec inter;

    if (value_time(value, NSEC_PER_MSEC, &inter) && inter >= INTER_MIN && inter <= INTER_MAX)
        l->set->inter = inter;
    else
        note(l, "inter", "its value is out of range, and is not carried over");
}

static void set_slowstart(struct line *l, const char *value)
{
    qhcp_nsec time;

    if (value_time(value, NSEC_PER_MSEC, &time) && time <= 24 * 3600 * NSEC_PER_SEC)
        l->set->slowstart = time;
    else
        note(l, "slowstart", "its value is out of range, and is not carried over");
}

static void set_addr(struct line *l, const char *value)
{
    (void)value;
    l->set->check_elsewhere = true;
    note(l, "addr", "an agent checks the application of its own machine");
}

static void set_check(struct line *l, const char *value)
{
    (void)value;
    l->set->check = true;
}

static void set_no_check(struct line *l, const char *value)
{
    (void)value;
    l->set->check = false;
}

static void set_backup(struct line *l, const char *value)
{
    (void)value;
    l->set->backup = true;
}

static void set_no_backup(struct line *l, const char *value)
{
    (void)value;
    l->set->backup = false;
}

static void set_disabled(struct line *l, const char *value)
{
    (void)value;
    l->set->disabled = true;
}

static void set_enabled(struct line *l, const char *value)
{
    (void)value;
    l->set->disabled = false;
}

/* What is carried over, and what has a word of its own for why not. */
static const struct keyword {
    const char *name;
    unsigned values;
    void (*set)(struct line *l, const char *value);
    const char *why;
} keywords[] = {
    {"check", 0, set_check, NULL},
    {"no-check", 0, set_no_check, NULL},
    {"backup", 0, set_backup, NULL},
    {"no-backup", 0, set_no_backup, NULL},
    {"disabled", 0, set_disabled, NULL},
    {"enabled", 0, set_enabled, NULL},
    {"weight", 1, set_weight, NULL},
    {"inter", 1, set_inter, NULL},
    {"fall", 1, set_fall, NULL},
    {"rise", 1, set_rise, NULL},
    {"port", 1, set_port, NULL},
    {"addr", 1, set_addr, NULL},
    {"slowstart", 1, set_slowstart, NULL},
    {"fastinter", 1, NULL, "QHCP asks faster by itself as soon as an answer is missing"},
    {"downinter", 1, NULL,
     "reconnect-interval says how often QHCP tries a server that is down, for all servers"},
    {"agent-check", 0, NULL, "the agent of QHCP takes the place of this one"},
    {"track", 1, NULL, "a server has its own agent, or the address of the one that it tracks"},
    {"observe", 1, NULL, "qhcp lb counts the errors of connections that it forwards itself"},
    {"check-ssl", 0, NULL, "an agent checks its application without TLS: by TCP, or another port"},
    {"on-marked-down", 1, NULL, "where qhcp lb forwards, on-down: reset does the same"},
    {"send-proxy", 0, NULL, "where qhcp lb forwards, send-proxy-v2 is for all servers"},
    {"send-proxy-v2", 0, NULL, "where qhcp lb forwards, send-proxy-v2 is for all servers"},
    {"maxconn", 1, NULL, "it stays with HAProxy; QHCP has no limit of connections to one server"},
};

/* What is about HAProxy's connections and its own checks: without a value, and with one. */
static const char bare[] =
    " allow-0rtt check-send-proxy check-via-socks4 force-sslv3 force-tlsv10 force-tlsv11"
    " force-tlsv12 force-tlsv13 no-agent-check no-check-send-proxy no-check-ssl no-send-proxy"
    " no-send-proxy-v2 no-send-proxy-v2-ssl no-send-proxy-v2-ssl-cn no-ssl no-ssl-reuse no-sslv3"
    " no-tls-tickets no-tlsv10 no-tlsv11 no-tlsv12 no-tlsv13 no-tfo no-verifyhost non-stick"
    " send-proxy-v2-ssl send-proxy-v2-ssl-cn ssl ssl-reuse stick strict-maxconn tfo tls-tickets"
    " check-reuse-pool no-check-reuse-pool ";
static const char valued[] =
    " agent-addr agent-inter agent-port agent-send alpn ca-file check-alpn check-pool-conn-name"
    " check-proto check-sni ciphers ciphersuites client-sigalgs cookie crl-file crt curves"
    " error-limit guid hash-key id idle-ping init-addr init-state log-bufsize log-proto"
    " max-reuse maxqueue minconn namespace npn on-error on-marked-up pool-conn-name pool-low-conn"
    " pool-max-conn pool-purge-delay proto proxy-v2-options redir resolve-net resolve-opts"
    " resolve-prefer resolvers shard sigalgs sni socks4 ssl-max-ver ssl-min-ver tcp-ut verify"
    " verifyhost ws source usesrc interface ";

static const struct keyword *find(const char *name)
{
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (strcmp(keywords[i].name, name) == 0)
            return &keywords[i];
    return NULL;
}

static void say_kept(struct line *l)
{
    char words[KEPT + 40];
    bool several = strchr(l->kept, ',') != NULL;

    if (l->kept[0] == '\0')
        return;
    snprintf(words, sizeof words, "%s %s with HAProxy", l->kept, several ? "stay" : "stays");
    note(l, "", words);
    l->kept[0] = '\0';
}

static void keep(struct line *l, const char *keyword)
{
    if (strlen(l->kept) + strlen(keyword) + sizeof ", " > sizeof l->kept)
        say_kept(l);
    snprintf(l->kept + strlen(l->kept), sizeof l->kept - strlen(l->kept), "%s%s",
             l->kept[0] ? ", " : "", keyword);
}

/* Reads word i and its values; what it returns is the number of the next one. */
static size_t take_keyword(struct line *l, const struct cfg_words *w, size_t i)
{
    const char *word = w->at[i], *value = w->at[i + 1];
    const struct keyword *k = find(word);

    if (k && k->values > 0 && !value)
        note(l, word, "its value is missing");
    else if (k && k->set)
        k->set(l, value);
    else if (k)
        note(l, word, k->why);
    else if (cfg_is_one(bare, word) || cfg_is_one(valued, word))
        keep(l, word);
    else {
        note(l, word, "not a keyword that is known here: the rest of the line is not read");
        return w->n;
    }
    return i + 1 + (k ? k->values : cfg_is_one(valued, word));
}

static void take_keywords(struct line *l, const struct cfg_words *w, size_t from)
{
    for (size_t i = from; i < w->n;)
        i = take_keyword(l, w, i);
    say_kept(l);
}

/* The host and the port of "HOST:PORT", without what HAProxy puts before an address. False: an
 * agent cannot be there, which is noted. */
static bool take_address(const struct line *l, const char *text, struct cfg_server *ret)
{
    const char *colon, *end;
    size_t n;
    uint64_t port = 0;
    char words[200];

    if (strncmp(text, "ipv4@", 5) == 0 || strncmp(text, "ipv6@", 5) == 0)
        text += 5;
    if (text[0] == '/' || strchr(text, '@')) {
        note(l, "", "a UNIX socket or another special address: no agent can be there");
        return false;
    }
    colon = strrchr(text, ':');
    if (colon && colon > text && strchr(colon, ']'))
        colon = NULL; /* of IPv6 in brackets, without a port */
    end = colon ? colon : text + strlen(text);
    if (*text == '[' && end > text && end[-1] == ']')
        text++, end--;
    n = (size_t)(end - text);
    if (n == 0 || n >= sizeof ret->host) {
        note(l, "", "its address is not one that QHCP can use");
        return false;
    }
    snprintf(ret->host, sizeof ret->host, "%.*s", (int)n, text);
    if (colon && value_count(colon + 1, "port", 0, 65535, &port, words, sizeof words) < 0)
        port = 0;
    ret->port = (uint16_t)port;
    if (port == 0)
        note(l, "", "no port of its own: its agent must name the service (--service tcp:PORT)");
    return true;
}

/* HOST as address_parse has it, with any port. */
static bool is_host(const char *host, bool *ret_literal)
{
    char text[ADDRESS_HOST + 8], words[300];
    struct address address;

    snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:1" : "%s:1", host);
    if (address_parse(text, &address, words, sizeof words) < 0 ||
        (address.literal && address_is_any(&address.addr)))
        return false;
    *ret_literal = address.literal;
    return true;
}

static void note_check(const struct line *l, const struct cfg_server *s)
{
    if (!s->set.check)
        note(l, "", "HAProxy does not check it; QHCP does");
    if (s->set.disabled)
        note(l, "disabled",
             "its weight is 0 here, which drains it; for maintenance use qhcp maintenance");
}

void cfg_server_line(struct cfg *c, struct cfg_proxy *p, unsigned line, const struct cfg_words *w)
{
    bool template = strcmp(w->at[0], "server-template") == 0, literal = false;
    size_t address = template ? 3 : 2;
    struct cfg_server s = {
        .line = line, .name = w->n > 1 ? w->at[1] : "", .template = template, .set = p->set};
    struct line l = {
        .cfg = c, .proxy = p, .number = line, .what = w->at[0], .name = s.name, .set = &s.set};

    if (w->n <= address) {
        note(&l, "", "the line has too few words");
        return;
    }
    if (w->variable) {
        note(&l, "", "it has a variable of the environment: write its value, and convert again");
        return;
    }
    if (!take_address(&l, w->at[address], &s))
        return;
    if (!is_host(s.host, &literal)) {
        note(&l, "", "its address is not one that QHCP can use");
        return;
    }
    take_keywords(&l, w, address + 1);
    note_check(&l, &s);
    if (template && literal)
        note(&l, "", "all of them have one address: QHCP watches it once");
    s.template = template && !literal;
    (void)cfg_add_server(c, p, &s);
}

void cfg_default_server(struct cfg *c, struct cfg_proxy *p, unsigned line,
                        const struct cfg_words *w)
{
    struct line l = {
        .cfg = c, .proxy = p, .number = line, .what = w->at[0], .name = "", .set = &p->set};

    if (w->variable)
        note(&l, "", "it has a variable of the environment: write its value, and convert again");
    else
        take_keywords(&l, w, 1);
}
