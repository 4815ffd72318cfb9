/* Wishes: what other threads ask of the thread that watches.  At its turn it takes them, does them
 * or not, and answers.  The answer reaches the asker after the publication that contains the
 * result.
 *
 * Both directions are bounded: an asker that asks too much gets an error, and nobody waits. */
#ifndef QHCP_FLEET_WISH_H
#define QHCP_FLEET_WISH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

#define WISH_QUEUE 64 /* wishes of all askers that wait for the writer's turn */
#define WISH_OPEN 64  /* wishes of one asker that have no answer yet */

struct feed;
struct feed_reader;

/* A kind more is a row here and one in wish.c. */
enum wish_kind {
    WISH_DRAIN,
    WISH_UNDRAIN,
    WISH_MAINTENANCE,
    WISH_WEIGHT, /* number: 0 to FLEET_WEIGHT_MAX */
    WISH_ADD,    /* server: a line of the list */
    WISH_REMOVE,
    WISH_RELOAD,
    WISH_CONFIG, /* other options than those in force */
    WISH_KINDS
};

struct wish_row {
    const char *name;
    bool server; /* it needs one */
};
/* NULL: there is no such kind. */
const struct wish_row *wish_row(enum wish_kind kind);

struct wish {
    enum wish_kind kind;
    uint32_t reader, token; /* who asked, and its name for this wish: wish_ask's */
    uint64_t number;
    qhcp_nsec lasts;  /* of a drain or a maintenance: then it ends by itself; 0: never */
    void *with;       /* more of it, or NULL: the asker's, which lends it until the answer */
    char server[264]; /* a name or a label */
    char words[256];  /* why, for the log */
    char who[96];     /* asks, and from where: "root (uid 0) by the socket"; or "" */
};

struct wish_answer {
    uint32_t token;
    int result;       /* 0 or QHCP_E_* */
    uint64_t version; /* of the publication that has what was done */
    char words[256];  /* what is in force now, or why not */
};

struct wish_place {
    _Atomic uint32_t turn; /* whose turn it is: the asker's or the taker's number */
    struct wish wish;
};

struct wish_queue {
    _Atomic uint32_t asked; /* ever */
    uint32_t taken;
    int fd;              /* an eventfd */
    _Atomic bool raised; /* it was written to since the writer looked */
    struct wish_place *places;
};

int wish_init(struct wish_queue *q); /* QHCP_E_NOMEM, QHCP_E_IO */
void wish_deinit(struct wish_queue *q);

/* The asker's, on its thread.  w->kind and what its row needs are set; *ret_token names the answer.
 * QHCP_E_ARG: something is missing; QHCP_E_FULL: ask again after an answer, or later. */
int wish_ask(struct feed_reader *r, struct wish *w, uint32_t *ret_token);
/* The next answer; false: none yet.  The reader's descriptor wakes for it. */
bool wish_answered(struct feed_reader *r, struct wish_answer *ret);

/* The writer's.  Readable: there are wishes. */
int wish_fd(const struct feed *f);
/* False: there is none now, and the descriptor is quiet. */
bool wish_take(struct feed *f, struct wish *ret);
/* Each wish that was taken is answered once, at once or later; sent by the next feed_publish. */
void wish_answer(struct feed *f, const struct wish *w, int result, const char *words);
/* feed_publish's: the answers up to here are sent. */
void wish_post(struct feed *f);

#endif
