/* Standard output (and error) that never waits for its reader.
 *
 * Lines go in whole; what the reader does not take at once is kept up to a bound, and beyond it
 * whole lines are dropped and counted, so that a pipe that nobody reads delays no check.  The
 * descriptor's own file description is shared with the shell and others, so O_NONBLOCK is not set
 * on it: pipes and terminals are opened once more, sockets are sent to without waiting, and where
 * neither works a poll(2) goes before each small write.  SIGPIPE must be ignored by the process. */
#ifndef QHCP_BASE_OS_OUTPUT_H
#define QHCP_BASE_OS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_BACKLOG (32u << 20) /* bytes kept: a status of 40,000 servers as JSON */

enum output_kind {
    OUTPUT_FILE,     /* regular file: writes never wait for a reader */
    OUTPUT_NONBLOCK, /* a file description of our own, O_NONBLOCK */
    OUTPUT_SOCKET,
    OUTPUT_POLL, /* poll, then at most a pipe's atomic write */
};

struct output {
    int fd; /* to write to and to watch */
    bool owned;
    enum output_kind kind;
    size_t backlog; /* the bound; 0: nothing is kept */
    char *queue;    /* not yet written: n bytes from start */
    size_t start, n, cap;
    uint64_t dropped; /* lines, since output_take_dropped */
    int error;        /* errno of a write that failed for good; then all is dropped */
};

void output_init(struct output *o, int fd, size_t backlog);
void output_deinit(struct output *o);

/* One or more whole lines, which stay together.  false: dropped. */
bool output_write(struct output *o, const char *p, size_t n);

/* Tries again; call when the descriptor can be written to. */
void output_flush(struct output *o);

/* Does something wait for the descriptor to be writable?  (A file on a full disk is always
 * writable; it is tried again with the next line.) */
bool output_waiting(const struct output *o);

/* Lines dropped so far; the count begins again. */
uint64_t output_take_dropped(struct output *o);

#endif
