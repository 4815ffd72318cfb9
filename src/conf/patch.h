/* A change of some options of a running process that somebody asks for by name: judged whole, put
 * in force whole or not at all.
 *
 * It is made on any thread from a copy of what is in force (in_force.h), and put in force on the
 * options' thread by change_apply.  What can change so: every option that needs no restart, but
 * those whose values name files, commands or other machines to be asked (certificates, sources):
 * they are the configuration file's alone, so that nobody brings code or trust in over the network.
 */
#ifndef QHCP_CONF_PATCH_H
#define QHCP_CONF_PATCH_H

#include "conf/in_force.h"

struct patch {
    uint64_t number;         /* of the copy that it was made from; 0: for any */
    struct options *options; /* those in force with the new values */
    bool rows[OPTIONS_MAX];  /* which of them it is about */
    size_t n;                /* how many */
    struct options *given;   /* while it is made: the new values alone */
};

/* QHCP_E_NOMEM.  patch_deinit in each case; one that is zeroed is fine. */
int patch_init(struct patch *p, const struct in_force_copy *from);
void patch_deinit(struct patch *p);

/* How a row may change while the process runs. */
enum patch_way {
    PATCH_NOW,     /* by a patch, or a reload */
    PATCH_RELOAD,  /* by a reload alone */
    PATCH_RESTART, /* not at all */
};
enum patch_way patch_way(const struct options_row *row);

/* What somebody is to write: "a whole number from 1 to 1000". */
#define PATCH_EXPECTED 300
void patch_expected(const struct options_row *row, char ret[PATCH_EXPECTED]);

/* The row of this name or key, which a patch may change and this one has not yet.  NULL: a fault
 * more. */
const struct options_row *patch_row(const struct patch *p, const char *name, struct faults *f);

/* Gives the option this value, as people write it; a list gets one entry more.  0, or the first of
 * the faults that are added. */
int patch_set(struct patch *p, const struct options_row *row, const char *text, struct faults *f);

/* All of its values were set: none means its default, or an empty list. */
void patch_take(struct patch *p, const struct options_row *row);

/* Looks at the options together.  0, or the first fault. */
int patch_check(struct patch *p, struct faults *f);

/* "rise is 3, was 2; slow-start ...": for the log, when `in_force` was exchanged for the patch's.
 */
void patch_words(const struct patch *p, const struct options *in_force, struct text *t);

#endif
