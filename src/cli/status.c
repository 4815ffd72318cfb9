/* `qhcp status`: how the servers of a running load balancer are, and how it is itself. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/admin_client.h"
#include "cli/cli.h"
#include "cli/overview.h"

#define STATUS_WORDS 700
#define TABLE_FIELDS "name,state,since,reason,notice,share,verdict,forward"

#define STATUS_OPTIONS(X)                                                                          \
    ADMIN_CLIENT_OPTIONS(X)                                                                        \
    X(json, "json", SWITCH,                                                                        \
      .doc = "Print what the admin interface says, as one JSON object: self, and servers.")

struct status_options {
    struct options head;
    STATUS_OPTIONS(OPTIONS_MEMBER)
};

#define ROW(...) OPTIONS_ROW(struct status_options, __VA_ARGS__)
static const struct options_row rows[] = {STATUS_OPTIONS(ROW)};

static const struct options_table status_options_table = OPTIONS_TABLE(struct status_options, NULL);

const struct args_spec cli_status_spec = {
    .options = &status_options_table,
    .name = "qhcp status",
    .doc = "Show the servers of a running load balancer of this machine, what is worst first, and "
           "how the load balancer is itself. The exit status is 0 if all is well, 1 if a server "
           "is not up, 2 if the load balancer is not well or does not answer.",
    .usage_status = OVERVIEW_USAGE,
};

static void print_table(struct text *t, const struct admin_answer *self,
                        const struct admin_answer *servers)
{
    struct winsize size = {.ws_col = 0};
    bool terminal = isatty(STDOUT_FILENO);

    if (terminal)
        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    overview_table(t, self->json, servers->json, size.ws_col, terminal);
}

/* {"self":{...},"time":...,"servers":[...]}: the two answers, as they came. */
static void print_json(struct text *t, const struct admin_answer *self,
                       const struct admin_answer *servers)
{
    size_t n = self->text.n;

    while (n > 0 && self->text.at[n - 1] == '\n')
        n--;
    text_add(t, "{\"self\":");
    text_bytes(t, self->text.at, n);
    text_add(t, ",");
    text_bytes(t, servers->text.at + 1, servers->text.n - 1); /* (behind its bracket) */
}

/* An exit status, with words where nothing was shown. */
static int show(const struct admin_client *c, bool json, const struct words *w)
{
    struct admin_answer self, servers = {.status = 0};
    int status = OVERVIEW_BALANCER;
    struct text t = {0};

    if (admin_client_ask(c, "/api/v1/self", NULL, &self, w) == 0 &&
        admin_client_ask(c, json ? "/api/v1/servers" : "/api/v1/servers?fields=" TABLE_FIELDS, NULL,
                         &servers, w) == 0) {
        if (json)
            print_json(&t, &self, &servers);
        else
            print_table(&t, &self, &servers);
        if (t.failed)
            words_fail(w, QHCP_E_NOMEM, "out of memory");
        else if (fwrite(t.at, 1, t.n, stdout) != t.n || fflush(stdout) == EOF)
            words_fail(w, QHCP_E_IO, "standard output cannot be written");
        else
            status = (int)overview_status(self.json, servers.json);
    }
    text_deinit(&t);
    admin_client_release(&self);
    admin_client_release(&servers);
    return status;
}

int cli_status(int argc, char **argv)
{
    char words[STATUS_WORDS] = "";
    const struct words w = {words, sizeof words};
    int status = OVERVIEW_BALANCER;
    struct status_options o;
    struct admin_client c;

    args_parse(&cli_status_spec, argc, argv, &o.head, NULL);
    if (admin_client_find(&c, o.admin_socket, o.port, &w) == 0)
        status = show(&c, o.json, &w);
    if (words[0] != '\0')
        fprintf(stderr, "%s: %s\n", cli_status_spec.name, words);
    options_deinit(&o.head);
    return status;
}
