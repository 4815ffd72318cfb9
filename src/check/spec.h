/* An application check as its owner writes it, taken apart.
 *
 *     [KEY=VALUE ...] tcp:PORT | tcp:HOST:PORT                 [KEY=VALUE ...]
 *     [KEY=VALUE ...] http://HOST[:PORT][/PATH]                [KEY=VALUE ...]
 *     [KEY=VALUE ...] exec:/PATH [ARGUMENT ...]
 *
 * Blanks separate words; "..." and '...' keep blanks within a word.  Text in, a struct or words for
 * the user out; only a command's file is looked at. */
#ifndef QHCP_CHECK_SPEC_H
#define QHCP_CHECK_SPEC_H

#include <stdbool.h>

#include "base/address.h"
#include "base/limits.h"
#include "base/time.h"

#define SPEC_TEXT 4096    /* bytes of one check */
#define SPEC_ARGUMENTS 64 /* of a command */
#define SPEC_BODY 256     /* bytes that are looked for in an answer, with the NUL */
#define SPEC_ADDRS 4      /* addresses that are tried in turn */
#define SPEC_EVERY_MIN (10 * NSEC_PER_MSEC)
#define SPEC_TIMEOUT_MIN NSEC_PER_MSEC
#define SPEC_DURATION_MAX (3600 * NSEC_PER_SEC)
#define SPEC_COUNT_MAX 1000

enum spec_kind { SPEC_TCP, SPEC_HTTP, SPEC_EXEC, SPEC_PID, SPEC_UNIT };

struct spec {
    enum spec_kind kind;
    char name[LIMIT_NAME + 1];
    qhcp_nsec every, timeout; /* from start to start; of one run */
    bool outlasts;            /* a timeout that was given is longer than every */
    unsigned fall, rise;      /* results in a row before it is worse, or better */

    struct address address; /* TCP, HTTP; host "" is this machine: 127.0.0.1, then ::1 */
    char text[SPEC_TEXT];   /* HTTP: the URL.  EXEC: the words of the command, each with its NUL */
    char *argv[SPEC_ARGUMENTS + 2];  /* EXEC: into text */
    unsigned expect_from, expect_to; /* HTTP: statuses that are good */
    char body[SPEC_BODY];            /* HTTP: what the answer must hold; "" for anything */
    int pid;                         /* PID */
};

/* QHCP_E_PARSE, QHCP_E_ARG, QHCP_E_NOT_FOUND or QHCP_E_PERMISSION (a command's file), with words
 * that quote the bad part and give its place.  no_files: the file is not looked at.  *ret points
 * into itself: it must stay where it is. */
int spec_parse(const char *text, bool no_files, struct spec *ret, char *words, size_t words_cap);

/* A load balancer's probe of data ports: "tcp" (the port of each server's own service) or
 * "tcp:PORT", with every=, timeout=, fall= and rise=. ret->address.port 0 means the former. */
int spec_probe(const char *text, struct spec *ret, char *words, size_t words_cap);

/* A process by its number (1 to 2^22, the kernel's own limit), and a unit of systemd by its name
 * ("nginx" is "nginx.service").  QHCP_E_PARSE, QHCP_E_ARG. */
int spec_pid(const char *text, struct spec *ret, char *words, size_t words_cap);
int spec_unit(const char *text, struct spec *ret, char *words, size_t words_cap);

/* True: there is something to say of a spec that is no error, in words. */
bool spec_advice(const struct spec *s, char *words, size_t words_cap);

#endif
