/* Stored TLS session tickets: what src/quic/ticket.c reads of one, and what src/state/ticket.c
 * thinks of the file that it lies in.  No session gets to GnuTLS, which trusts what it is given.
 *
 * Input: a letter of `modes`, then
 *   r  a ticket as it is
 *   s  the body of a ticket; the digest before it is made right, which no fuzzer guesses
 *   w  expiry (8 bytes), time (8), a bit to turn (2), a session: wrapped, opened, damaged
 *   f  mode (2), age (8), room (2), contents: a file where a ticket is looked for
 *   n  age (8), a name in tickets/: is it swept away?
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude -Isrc \
 *   fuzz/fuzz_ticket.c src/quic/ticket.c src/state/[a-z]*.c src/auth/[a-z]*.c src/base/error.c \
 *   -lcjose -ljansson -lgnutls -o fuzz_ticket
 * ./fuzz_ticket /tmp/found fuzz/corpus/ticket
 *
 * Besides memory and undefined behaviour: a ticket that was wrapped is opened for its trust, its
 * name and until its end, and for nothing else; one turned bit is enough to refuse it; a file is
 * loaded only if it is private, of an age that can be and no larger than there is room, and with
 * exactly its contents. */
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "quic/ticket.h"
#include "state/state.h"
#include "state/ticket.h"
#include <qhcp/error.h>

#define BODY (4 + 32)
#define NAME "a.example"
#define ROOM 65536
#define CLOSE 5 /* seconds: so near to a limit the clock may pass it meanwhile */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t seal[32] = "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";
static const uint8_t elsewhere[32] = "fFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";
static struct state state;
static char tickets[STATE_PATH];

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void remove_tree(void)
{
    rmdir(tickets);
    rmdir(state.dir);
}

static void make_tree(void)
{
    snprintf(state.dir, sizeof state.dir, "/dev/shm/fuzz-ticket-XXXXXX");
    if (mkdtemp(state.dir) == NULL) {
        snprintf(state.dir, sizeof state.dir, "/tmp/fuzz-ticket-XXXXXX");
        must(mkdtemp(state.dir) != NULL);
    }
    snprintf(tickets, sizeof tickets, "%s/tickets", state.dir);
    must(mkdir(tickets, 0700) == 0);
    atexit(remove_tree);
}

/* The first n bytes as a number, big-endian; zeros where the input ends. */
static uint64_t take(struct slice *in, size_t n)
{
    uint64_t v = 0;

    for (; n > 0; n--) {
        v = v << 8 | (in->n > 0 ? in->p[0] : 0);
        if (in->n > 0)
            *in = slice_of(in->p + 1, in->n - 1);
    }
    return v;
}

static int open_ticket(struct slice ticket, time_t now, struct slice *ret)
{
    struct quic_validity valid;
    int error = quic_ticket_open(ticket, seal, NAME, now, ret, &valid);

    must(error == 0 || error == QHCP_E_NOT_FOUND);
    if (error == 0)
        must(valid.chain == 0 || now <= valid.chain);
    return error;
}

static void try_raw(struct slice in)
{
    struct slice session;

    if (open_ticket(in, 1800000000, &session) == 0)
        must(session.n > 0 && session.p + session.n == in.p + in.n);
}

static void try_sealed(struct slice in)
{
    uint8_t *ticket = malloc(BODY + in.n);

    must(ticket != NULL);
    memcpy(ticket, "QHT2", 4);
    if (in.n > 0)
        memcpy(ticket + BODY, in.p, in.n);
    must(gnutls_hmac_fast(GNUTLS_MAC_SHA256, seal, sizeof seal, ticket + BODY, in.n, ticket + 4) ==
         0);
    try_raw(slice_of(ticket, BODY + in.n));
    free(ticket);
}

static void try_wrapped(struct slice in)
{
    struct quic_validity valid = {.leaf = 1, .chain = (int64_t)take(&in, 8)}, ends;
    time_t now = (time_t)take(&in, 8);
    size_t bit = (size_t)take(&in, 2), n;
    struct slice session;
    uint8_t *ticket;
    bool good = in.n > 0 && (valid.chain == 0 || now <= valid.chain);

    must(quic_ticket_wrap(seal, NAME, &valid, in, &ticket, &n) == 0);
    must((open_ticket(slice_of(ticket, n), now, &session) == 0) == good);
    if (good)
        must(session.n == in.n && memcmp(session.p, in.p, in.n) == 0);
    must(quic_ticket_open(slice_of(ticket, n), elsewhere, NAME, now, &session, &ends) != 0);
    must(quic_ticket_open(slice_of(ticket, n), seal, "b", now, &session, &ends) != 0);
    must(open_ticket(slice_of(ticket, n - 1), now, &session) != 0);
    ticket[bit / 8 % n] ^= (uint8_t)(1 << bit % 8);
    must(open_ticket(slice_of(ticket, n), now, &session) != 0);
    free(ticket);
}

/* Sets the time of a file; false where the file system has no such time. */
static bool set_time(int fd, int64_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    struct stat st;

    return futimens(fd, times) == 0 && fstat(fd, &st) == 0 && st.st_mtime == seconds;
}

static int64_t back(int64_t from, int64_t by)
{
    int64_t then;

    return __builtin_sub_overflow(from, by, &then) ? INT64_MIN : then;
}

static bool is_near(int64_t age, int64_t limit)
{
    return age > limit - CLOSE && age < limit + CLOSE;
}

/* The one file that a ticket's key leads to. */
static void path_of_ticket(struct slice key, char ret[STATE_PATH])
{
    uint8_t hash[32];
    int n = snprintf(ret, STATE_PATH, "%s/", tickets);

    must(gnutls_hash_fast(GNUTLS_DIG_SHA256, key.p, key.n, hash) == 0);
    for (size_t i = 0; i < sizeof hash; i++)
        n += snprintf(ret + n, STATE_PATH - (size_t)n, "%02x", hash[i]);
}

static void try_file(struct slice in)
{
    static uint8_t read[ROOM];
    const struct slice key = slice_str("key");
    mode_t mode = (mode_t)take(&in, 2) & 0777;
    int64_t age = (int64_t)take(&in, 8), now = time(NULL);
    size_t room = (size_t)take(&in, 2), n = 0;
    bool timed, expected = in.n > 0 && in.n <= room && !(mode & 077) && age >= -300 &&
                           age < TICKET_LIFETIME;
    char path[STATE_PATH];
    int fd, error;

    must(state_ticket_store(&state, key, slice_str("x")) == 0);
    path_of_ticket(key, path);
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    must(fd >= 0 && write(fd, in.p, in.n) == (ssize_t)in.n);
    must(fchmod(fd, mode) == 0);
    timed = set_time(fd, back(now, age));
    close(fd);
    error = state_ticket_load(&state, key, read, room, &n);
    if (timed && !is_near(age, -300) && !is_near(age, TICKET_LIFETIME) &&
        (geteuid() == 0 || (mode & 0400)))
        must((error == 0) == expected);
    if (error == 0)
        must(n == in.n && memcmp(read, in.p, n) == 0);
    must((access(path, F_OK) == 0) == (error != QHCP_E_NOT_FOUND));
    state_ticket_drop(&state, key);
    must(access(path, F_OK) != 0);
}

static void try_name(struct slice in)
{
    int64_t age = (int64_t)take(&in, 8), now = time(NULL);
    char name[256], path[STATE_PATH + sizeof name];
    bool hex, kept, timed;
    int fd;

    if (in.n == 0 || in.n >= sizeof name || in.p[0] == '.' || memchr(in.p, '/', in.n) ||
        memchr(in.p, '\0', in.n))
        return;
    slice_to_cstr(in, name, sizeof name);
    hex = in.n == 64 && strspn(name, "0123456789abcdef") == 64;
    snprintf(path, sizeof path, "%s/%s", tickets, name);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    must(fd >= 0);
    timed = set_time(fd, back(now, age));
    close(fd);
    ticket_prune(state.dir, now);
    kept = access(path, F_OK) == 0;
    if (timed)
        must(kept == (age >= -300 && age < TICKET_LIFETIME && (hex || age <= 3600)));
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const modes[])(struct slice in) = {
        ['r'] = try_raw,  ['s'] = try_sealed, ['w'] = try_wrapped,
        ['f'] = try_file, ['n'] = try_name,
    };

    if (state.dir[0] == '\0')
        make_tree();
    if (size > 0 && data[0] < sizeof modes / sizeof modes[0] && modes[data[0]] != NULL)
        modes[data[0]](slice_of(data + 1, size - 1));
    return 0;
}
