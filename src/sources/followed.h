/* Files that somebody else writes, followed: one file, those of a directory, or a pattern.
 *
 * In: a path; out: a call when the files should be read again.  inotify(7) on the directory says
 * when a file was closed after writing, or was put in another's place (rename); a file that is
 * being written is left alone until then.  Beside it the files' times are looked at now and then,
 * for file systems that report nothing and for directories that come later. */
#ifndef QHCP_SOURCES_FOLLOWED_H
#define QHCP_SOURCES_FOLLOWED_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"

#define FOLLOWED_MAX (32u << 20) /* bytes of one file */
#define FOLLOWED_FILES 1000      /* of one source */

struct followed {
    char dir[PATH_MAX], pattern[NAME_MAX + 1]; /* of names in dir; a name itself, if it is one */
    bool many;                                 /* a directory, or a pattern */
    int fd, wd;                                /* inotify; -1: none */
    uint64_t seen;  /* what the files' times were, when they were read last */
    uint64_t times; /* and what they are now: to be read if that lasts */
    struct loop_watch watch;
    void (*fn)(void *ctx, qhcp_nsec when); /* read them then */
    void *ctx;
};

/* *ret stays where it is.  QHCP_E_TOO_LARGE (the path). */
int followed_begin(struct followed *ret, struct loop *loop, const char *path,
                   void (*fn)(void *ctx, qhcp_nsec when), void *ctx);
void followed_end(struct followed *f);

/* True: the files are other ones than when they were read, and have been for two calls.  To be
 * called every few seconds. */
bool followed_differ(struct followed *f);

/* Calls `take` with each file's content, in the order of their names, until it returns other than
 * 0, which is returned.  QHCP_E_NOT_FOUND, QHCP_E_IO ...: with words. */
typedef int followed_take_fn(void *ctx, const char *path, const char *content, size_t n,
                             char *words, size_t words_cap);
int followed_read(struct followed *f, followed_take_fn *take, void *ctx, char *words,
                  size_t words_cap);

#endif
