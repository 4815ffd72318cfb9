/* What a configuration of HAProxy says of servers: its backends, read from text.
 *
 * In: the text of a haproxy.cfg, which may be hostile; it is read, and not judged as HAProxy would:
 * what HAProxy refuses may pass here.  Out: proxies (backend, listen; defaults is one too) with
 * their servers, and a note for each line that has no counterpart in QHCP.  A note names keywords,
 * never their values: those may be secrets.
 *
 * cfg_read.c knows sections and their lines, cfg_server.c the words of a server, cfg_check.c the
 * checks; cfg_plan.c says what becomes of each server, and cfg_write.c writes that. */
#ifndef QHCP_CONVERT_CFG_H
#define QHCP_CONVERT_CFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/text.h"
#include "base/time.h"
#include "convert/cfg_words.h"
#include "sources/listed.h"

#define CFG_SECTIONS 10000 /* a defaults section is looked for by name */
#define CFG_NOTE 400       /* bytes of a note */
#define CFG_FALL 3         /* HAProxy's own, where a server has none; QHCP has the same */
#define CFG_RISE 2

/* What a server line says behind the address, and default-server gives to those after it. */
struct cfg_settings {
    bool check, backup, disabled;
    bool check_elsewhere; /* its check goes to another machine */
    int weight;           /* -1: not given */
    unsigned fall, rise;
    uint16_t check_port;        /* 0: that of the service */
    qhcp_nsec inter, slowstart; /* 0: not given */
};

/* How the servers of a proxy are checked, as far as an agent can do the same. */
struct cfg_check {
    bool http;
    const char *path;     /* NULL: "/" */
    unsigned from, to;    /* statuses that are good; 0: HAProxy's own */
    const char *contains; /* NULL: anything */
};

struct cfg_server {
    unsigned line;
    const char *name; /* of a template: what its names begin with */
    char host[ADDRESS_HOST];
    uint16_t port; /* of the service; 0: not known */
    bool template; /* all addresses of host, which is a name */
    struct cfg_settings set;

    /* What cfg_plan makes of it. */
    const struct cfg_server *same; /* that one has the same place: it is watched once */
    bool unnamed;                  /* its name is another's already */
    uint16_t agent;                /* the port of its agent; 0: there is no port left */
    unsigned priority;
    char as[LISTED_NAME + 1];   /* its name here; "": none */
    char tags[LISTED_TAGS + 1]; /* with | between: its backends */
};

/* In the order of the file. */
struct cfg_item {
    struct cfg_item *next;
    unsigned line;
    struct cfg_server *server; /* NULL: a note */
    char words[];
};

struct cfg_items {
    struct cfg_item *first, **end;
};

struct cfg_proxy {
    struct cfg_proxy *next;
    const char *section, *name; /* "backend", "be"; name is "" where there is none */
    unsigned line;
    struct cfg_settings set; /* default-server */
    struct cfg_check check;
    const char *balance; /* NULL: not given */
    bool all_backups;
    struct cfg_items items;
    size_t n_servers;
};

struct cfg {
    const char *file;                 /* its name, for notes */
    struct cfg_proxy *proxies, **end; /* defaults too */
    struct cfg_items notes;           /* of no proxy */
    size_t n_sections;
    bool failed; /* out of memory */
};

/* Reads `text`, a copy that is changed: *ret points into it.  QHCP_E_PARSE, QHCP_E_FULL or
 * QHCP_E_NOMEM, with words and their line.  The caller frees *ret in any case. */
int cfg_read(char *text, size_t n, struct cfg *ret, unsigned *ret_line, const char **ret_why);
void cfg_deinit(struct cfg *c);

/* Adds a note to `items` (its text in ASCII: all else becomes '?'), or a server (a copy). */
void cfg_note(struct cfg *c, struct cfg_items *items, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
struct cfg_server *cfg_add_server(struct cfg *c, struct cfg_proxy *p, const struct cfg_server *s);

/* For a note: at most 40 bytes of a word. */
#define CFG_WORD 44
const char *cfg_word(const char *word, char ret[CFG_WORD]);

/* Is `word` one of those in `list`, which has a blank before and behind each? */
bool cfg_is_one(const char *list, const char *word);

/* A line of "server" or "server-template" of p. */
void cfg_server_line(struct cfg *c, struct cfg_proxy *p, unsigned line, const struct cfg_words *w);
/* A line of "default-server". */
void cfg_default_server(struct cfg *c, struct cfg_proxy *p, unsigned line,
                        const struct cfg_words *w);

/* A line of "option httpchk ..." or "http-check ...". */
void cfg_check_option(struct cfg *c, struct cfg_proxy *p, unsigned line, const struct cfg_words *w);
void cfg_check_rule(struct cfg *c, struct cfg_proxy *p, unsigned line, const struct cfg_words *w);
/* The --check of an agent for a server of p, "" where it has none. */
#define CFG_CHECK 400
void cfg_check_words(const struct cfg_proxy *p, const struct cfg_server *s, char ret[CFG_CHECK]);

/* What is one value for all servers here: the largest that one of them has, which makes none of
 * them worse off. */
struct cfg_plan {
    unsigned fall, rise;
    qhcp_nsec slowstart; /* 0: none */
    const char *balance; /* NULL: none, or they differ */
    size_t n_servers, n_backends, n_templates;
};

/* What becomes of each server: its name, its agent's port, its tags, its priority. QHCP_E_NOMEM. */
int cfg_plan(const struct cfg *c, struct cfg_plan *ret);

/* Writes it as a configuration of `qhcp lb`, and every note, which is a comment there, as a line
 * "FILE:LINE: words".  How many servers and sources there are in it. */
size_t cfg_write(const struct cfg *c, const struct cfg_plan *plan, struct text *yaml,
                 struct text *notes);

#endif
