/* What is wrong with a configuration: all of it, so that it is mended at once.
 *
 * One line for each fault, with the place where it stands: "qhcp.yaml:3:7: port: ...", or "--port:
 * ..." for the command line.  The first FAULTS_SHOWN are kept, more are counted. */
#ifndef QHCP_CONF_FAULTS_H
#define QHCP_CONF_FAULTS_H

#include "base/text.h"

#include <qhcp/error.h>

#define FAULTS_SHOWN 20

/* Where a value stands. */
struct place {
    const char *file;      /* NULL: on the command line; "": the words name the file */
    unsigned line, column; /* from 1; 0: the file as a whole; a column counts characters */
    const char *option;    /* of which it is the value; NULL: the place says it */
};

struct faults {
    const char *command; /* before a fault of the command line: "qhcp lb: "; NULL: nothing */
    struct text lines;   /* each ends with a newline */
    size_t n;            /* of all */
    int error;           /* of the first, QHCP_E_*; 0: there is none */
    bool flags;          /* one is of the command line */
    bool summed;         /* lines says how many more there are */
};

void faults_deinit(struct faults *f);

/* What `from` has, and its lines are complete then (faults_text).  *to is empty before. */
void faults_copy(struct faults *to, struct faults *from);

/* Adds one, and returns error.  at: NULL is the command line as a whole. */
int faults_add(struct faults *f, const struct place *at, int error, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The lines, and how many more there are; "" where there is none.  Add no more behind it. */
const char *faults_text(struct faults *f);

/* Calls say for each line of it, without its newline. */
void faults_each(struct faults *f, void (*say)(void *ctx, const char *line), void *ctx);

#endif
