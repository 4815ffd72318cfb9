/* qhcp-fleet: many servers in one process, to see what a load balancer does with them. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/log.h"
#include "base/value.h"
#include "daemon/listen.h"
#include "fleet.h"

/* A server's tables for strangers (78 kB) are pages of their own then, and take no memory until
 * they are used. */
#define OWN_PAGES (64 << 10)

struct options {
    unsigned servers;
    uint16_t port;
    const char *list, *control;
    bool verbose;
};

/* What was read of a line that has no end yet. */
struct reader {
    struct fleet *fleet;
    int fd;
    size_t n;
    char text[COMMAND_LINE];
};

static const struct argp_option rows[] = {
    {"servers", 'n', "COUNT", 0, "How many servers: 127.1.0.1, 127.1.0.2 and on (default 100)", 0},
    {"port", 'p', "PORT", 0, "Their UDP port (default 4243)", 0},
    {"list", 'l', "FILE", 0, "Write their addresses to FILE, for qhcp lb --servers @FILE", 0},
    {"control", 'c', "PATH", 0, "Read commands from this named pipe too; it is made", 0},
    {"verbose", 'v', NULL, 0, "Log what the servers say", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    char words[300];
    uint64_t n = 0;

    switch (key) {
    case 'n':
        if (value_count(arg, "count", 1, FLEET_MAX, &n, words, sizeof words) != 0)
            argp_error(state, "--servers: %s", words);
        o->servers = (unsigned)n;
        return 0;
    case 'p':
        if (value_count(arg, "port", 1, 65535, &n, words, sizeof words) != 0)
            argp_error(state, "--port: %s", words);
        o->port = (uint16_t)n;
        return 0;
    case 'l':
        o->list = arg;
        return 0;
    case 'c':
        o->control = arg;
        return 0;
    case 'v':
        o->verbose = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void obey(struct fleet *f, const char *line, qhcp_nsec now)
{
    struct command c;
    char words[QHCP_TEXT * 2];
    int r = command_parse(line, f->n, &c, words, sizeof words);

    if (r < 0)
        printf("error: %s\n", words);
    else if (r > 0)
        act_on(f, &c, now);
    fflush(stdout);
}

static void obey_lines(struct reader *r, qhcp_nsec now)
{
    char *line = r->text, *end;

    while ((end = memchr(line, '\n', r->n - (size_t)(line - r->text)))) {
        *end = '\0';
        obey(r->fleet, line, now);
        line = end + 1;
    }
    r->n -= (size_t)(line - r->text);
    memmove(r->text, line, r->n);
    if (r->n < sizeof r->text)
        return;
    printf("error: a line has more than %zu bytes\n", sizeof r->text);
    fflush(stdout);
    r->n = 0;
}

static void on_input(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct reader *r = ctx;
    ssize_t n = read(r->fd, r->text + r->n, sizeof r->text - r->n);

    (void)ready;
    if (n <= 0 && !(n < 0 && (errno == EAGAIN || errno == EINTR)))
        loop_unwatch(r->fd == STDIN_FILENO ? &r->fleet->input : &r->fleet->control);
    if (n <= 0)
        return;
    r->n += (size_t)n;
    obey_lines(r, now);
}

static void on_signal(void *ctx, qhcp_nsec now, int signum)
{
    (void)now, (void)signum;
    loop_stop(((struct fleet *)ctx)->loop);
}

/* Open for writing too: it has no end then, whoever comes and goes. */
static int open_control(const char *path, char *words, size_t words_cap)
{
    int fd = mkfifo(path, 0600) == 0 || errno == EEXIST
                 ? open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
                 : -1;
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
        return fd;
    snprintf(words, words_cap, "--control: cannot use %s as a named pipe: %s", path,
             fd >= 0 ? "it is another kind of file" : strerror(errno));
    if (fd >= 0)
        close(fd);
    return QHCP_E_IO;
}

static int start(struct fleet *f, const struct options *o, struct reader *pipe, char *words,
                 size_t words_cap)
{
    const union qhcp_addr any = {.in = {.sin_family = AF_INET, .sin_port = htons(o->port)}};
    const struct loop_client client = {.ctx = f,
                                       .receive = fleet_receive,
                                       .send = fleet_send,
                                       .dropped = fleet_dropped,
                                       .signal = on_signal};
    int r = loop_new(&client, &f->loop);

    f->n = o->servers;
    f->port = o->port;
    snprintf(words, words_cap, "cannot start: %s", qhcp_strerror(r));
    if (r == 0)
        r = listen_one(f->loop, &any, NULL, words, words_cap);
    if (r == 0)
        r = fleet_start(f, words, words_cap);
    if (r == 0 && o->list && tell_list_file(f, o->list) != 0) {
        snprintf(words, words_cap, "--list: cannot write %s: %s", o->list, strerror(errno));
        r = QHCP_E_IO;
    }
    if (r == 0 && o->control)
        r = pipe->fd = open_control(o->control, words, words_cap);
    if (r < 0)
        return r;
    loop_catch(f->loop, SIGTERM);
    loop_catch(f->loop, SIGINT);
    return 0;
}

static void tell_ready(const struct fleet *f, qhcp_nsec begun)
{
    char first[16], last[16];

    member_address(1, first);
    member_address(f->n, last);
    printf("fleet: %u servers, %s to %s, UDP port %u: started in %.2f s with %.2f s of CPU, "
           "%.1f kB a server\n",
           f->n, first, last, f->port, (double)(loop_now() - begun) / NSEC_PER_SEC,
           (double)tell_cpu() / NSEC_PER_SEC, (double)(tell_rss() - f->rss) / 1e3 / f->n);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        .options = rows,
        .parser = parse,
        .doc = "Stand for many servers, on one UDP port of 127.1.0.0/16."
               "\vCommands, a line each on standard input:\n" COMMAND_HELP};
    struct options o = {.servers = 100, .port = 4243};
    static struct fleet f;
    static struct reader input = {.fleet = &f}, pipe = {.fleet = &f, .fd = -1};
    char words[QHCP_TEXT * 2];
    qhcp_nsec begun = loop_now();
    int r;

    mallopt(M_MMAP_THRESHOLD, OWN_PAGES);
    mallopt(M_TOP_PAD, 0); /* else they fit into what the heap has in store */
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    log_init(o.verbose ? QHCP_LOG_INFO : QHCP_LOG_ERROR, LOG_AUTO);
    r = start(&f, &o, &pipe, words, sizeof words);
    if (r == 0) {
        loop_watch(f.loop, &f.input, STDIN_FILENO, LOOP_READABLE, on_input, &input);
        if (pipe.fd >= 0)
            loop_watch(f.loop, &f.control, pipe.fd, LOOP_READABLE, on_input, &pipe);
        tell_ready(&f, begun);
        f.counts = (struct counts){.at = loop_now(), .cpu = tell_cpu()};
        loop_run(f.loop);
    } else {
        fprintf(stderr, "qhcp-fleet: %s\n", words);
    }
    loop_unwatch(&f.input);
    loop_unwatch(&f.control);
    fleet_deinit(&f);
    loop_free(f.loop);
    log_deinit();
    return r == 0 ? 0 : 1;
}
