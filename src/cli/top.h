/* Inside top.c, top_keys.c and top_view.c: what `qhcp top` knows and shows. */
#ifndef QHCP_CLI_TOP_H
#define QHCP_CLI_TOP_H

#include "cli/top_fleet.h"
#include "cli/top_line.h"
#include "cli/top_link.h"
#include "cli/top_screen.h"

#define TOP_WORDS 400
#define TOP_QUEUE 64

/* What is being typed. */
enum top_prompt {
    TOP_NO_PROMPT,
    TOP_FILTER,
    TOP_REASON,  /* of an action ... */
    TOP_LASTS,   /* ... how long ... */
    TOP_CONFIRM, /* ... and yes or no */
};

struct top_action {
    const char *verb; /* of the admin interface */
    bool lasts;       /* it may end by itself */
    char *id, *name;  /* the server's; NULL: there is no action */
    struct top_line reason, lasts_for;
};

struct top {
    struct admin_client client;
    struct top_screen screen;
    struct top_link link;
    struct top_fleet fleet;
    json_t *self;  /* NULL: not known yet */
    bool self_old; /* something has happened since it was asked for */

    int64_t second;         /* of the monotonic clock */
    uint64_t after;         /* where the next part of the list begins */
    uint64_t first_seq;     /* of this reading of the list: the stream begins there */
    bool hurry;             /* the list is read without pause, until its end */
    bool known;             /* it has been read once */
    bool again;             /* read it anew */
    size_t looked;          /* how many of the rows on the screen were asked for in this second */
    char *queue[TOP_QUEUE]; /* servers to be asked for at once */
    size_t queued;
    bool away; /* the load balancer does not answer */
    char away_words[TOP_WORDS];

    enum top_sort sort;
    bool reversed;
    struct top_line filter;
    char *selected;     /* a server; NULL: the first row */
    char *shown;        /* the server whose row was shown as selected; NULL: none */
    size_t first, page; /* the first row on the screen, and how many fit */
    bool help;
    enum top_prompt prompt;
    struct top_action action;
    char message[TOP_WORDS]; /* instead of the keys; "": none */
    bool dirty;              /* the rows are to be chosen and sorted again */
    bool draw, urgent;       /* there is something to draw; at once */
};

/* top_keys.c: takes what has been typed.  False: the program is to end. */
bool top_keys(struct top *t);
/* Forgets the action. */
void top_keys_drop(struct top *t);
/* top.c: asks for what t->action says. */
void top_act(struct top *t);
/* top_view.c: the whole screen. */
void top_view(struct top *t);
const char *top_view_sort(enum top_sort sort);

/* Sees to it that the rows are chosen and sorted.  How many there are. */
size_t top_rows(struct top *t);
/* The place of the selected row; 0 where there is none. */
size_t top_selected(struct top *t);

#endif
