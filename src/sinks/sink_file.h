/* A file that a sink keeps: what is said of the servers, for a program that reads it again whenever
 * it changes (Envoy, Prometheus, keepalived).
 *
 * The file is written whole beside its path and moved there, only when it would differ, and at most
 * once in SINK_FILE_GAP.  A failure changes nothing of what is there, and is tried again.  What is
 * there and was not written by this kind of sink is never replaced. */
#ifndef QHCP_SINKS_SINK_FILE_H
#define QHCP_SINKS_SINK_FILE_H

#include "base/text.h"
#include "sinks/sink.h"

#define SINK_FILE_GAP (100 * NSEC_PER_MSEC)
#define SINK_FILE_RETRY NSEC_PER_SEC
#define SINK_FILE_SWEEP (60 * NSEC_PER_SEC) /* how long the first sweep is waited for ... */
#define SINK_FILE_PLACE NSEC_PER_SEC        /* ... and then data ports that are not known yet */
#define SINK_FILE_MAX ((size_t)64 << 20)    /* bytes of a file that is looked at */

/* A whole file leaves out what is not known yet: the first one of a process waits for that, since
 * the file of the process before has it. */
struct sink_first {
    qhcp_nsec until; /* 0: nobody has looked yet */
    bool swept, over;
};

/* Is it too early for a whole file? */
bool sink_first_early(struct sink_first *f, struct sink *s, const struct sink_view *view,
                      qhcp_nsec now);

struct sink_file {
    struct sink *sink;
    const char *path;
    /* The content, from what is said now; *ret is empty. */
    void (*render)(struct sink *s, const struct sink_view *view, struct text *ret);
    /* Could this kind have written such a file? */
    bool (*is_ours)(const char *content);
    /* The file is moved there again after this time, for a reader that has missed it; 0: never. */
    qhcp_nsec again;

    /* sink_file.c's. */
    struct loop_part part;
    qhcp_nsec due;        /* NSEC_NEVER */
    qhcp_nsec not_before; /* the next one */
    struct sink_first first;
    struct text there; /* what it holds */
    bool known;        /* `there` is what it holds */
};

/* The first fields are set, the others zero. */
void sink_file_begin(struct sink_file *f);
/* Something new is said. */
void sink_file_settle(struct sink_file *f, const struct sink_view *view, qhcp_nsec now);
void sink_file_end(struct sink_file *f);

/* Reads what is at the path, before it is replaced for the first time: ret is that, or nothing
 * where there is no file.  QHCP_E_EXISTS: it is not ours; QHCP_E_*: it cannot be read. */
int sink_file_look(const char *path, bool (*is_ours)(const char *content), struct text *ret,
                   bool *ret_there, char *words, size_t words_cap);

/* Puts the content there whole, on the disk when this returns. */
int sink_file_put(const char *path, const struct text *content, char *words, size_t words_cap);

#endif
