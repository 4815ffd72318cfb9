/* Every option of every subcommand, in one table.
 *
 * A row is all that a new option needs: the command line (args.c), the YAML configuration
 * (config.c, same names), --help and the manual pages (options_doc.c) are made from it.  Values
 * come in as text, with their origin; they are checked here, and nothing else in src/cli parses
 * one. */
#ifndef QHCP_CONF_OPTIONS_H
#define QHCP_CONF_OPTIONS_H

#include <stdbool.h>

#include "balance/algorithms.h"
#include "base/limits.h"
#include "base/time.h"
#include "conf/list.h"
#include "proxy/proxy.h"

enum options_command {
    OPTIONS_LB = 1 << 0,
    OPTIONS_SERVER = 1 << 1,
    OPTIONS_CHECK = 1 << 2,
    OPTIONS_CONTROL = 1 << 3,
};

enum options_kind {
    OPTIONS_DURATION, /* min and max in nanoseconds */
    OPTIONS_NUMBER,   /* min and max */
    OPTIONS_FILE,     /* a regular file that we may read */
    OPTIONS_TEXT,     /* min and max bytes */
    OPTIONS_LIST,     /* repeatable; comma-separated, or @FILE */
    OPTIONS_ITEM,     /* repeatable; each is one entry, commas and all */
    OPTIONS_CHOICE,   /* one of the words in arg, with | between */
    OPTIONS_SWITCH,   /* no value on the command line; true or false in the configuration */
};

#define OPTIONS_INTERVAL_MIN (LIMIT_INTERVAL_MIN_US * NSEC_PER_USEC)
#define OPTIONS_INTERVAL_MAX (LIMIT_INTERVAL_MAX_US * NSEC_PER_USEC)
#define OPTIONS_DAY (24 * 3600 * NSEC_PER_SEC)
#define OPTIONS_KEEP_ALIVE_MAX (9 * 3600 * NSEC_PER_SEC) /* the kernel's is 32767 s */
#define OPTIONS_BALANCE BALANCE_NAMES
#define OPTIONS_LEVELS "error|warning|info|debug"

/* X(id, name, kind, commands, argument, default or NULL, min, max, live, doc)
 * live: a change in the configuration file takes effect on SIGHUP.  A name may stand again for
 * another command. */
#define OPTIONS(X)                                                                                 \
    X(SERVERS, "servers", LIST, OPTIONS_LB, "LIST", NULL, 1, LIST_MAX, true,                       \
      "The servers to watch, as host:port with commas between. @FILE reads one per line "          \
      "('#' begins a comment), @- reads standard input. An address may be followed by "            \
      "weight=1 to 1000, priority=0 to 15 and service=tcp:PORT or tcp:ADDRESS:PORT; see "          \
      "BALANCING in qhcp-lb(1).")                                                                  \
    X(PORT, "port", NUMBER, OPTIONS_LB, "PORT", "4242", 1, 65535, false,                           \
      "The load balancer's own port. Its checks leave from this UDP port, and it forwards "        \
      "connections to the same TCP port.")                                                         \
    X(MAX_FAIL, "max-fail-attempts", NUMBER, OPTIONS_LB, "COUNT", "3", 1, 1000, true,              \
      "How many checks in a row a server must miss before it is down. On a path that loses "       \
      "packets it must miss more.")                                                                \
    X(MIN_SILENCE, "min-silence", DURATION, OPTIONS_LB, "DURATION", NULL, NSEC_PER_MSEC,           \
      60 * NSEC_PER_SEC, true,                                                                     \
      "The least silence that makes a server down. It is longer for a server that once "           \
      "stood still for longer and came back. By default it follows --liveness-interval: "          \
      "600ms at 1s, 54ms at 272ms and below, at most 1s; see SILENCE in qhcp-lb(1).")              \
    X(RISE, "rise", NUMBER, OPTIONS_LB, "COUNT", "2", 1, 1000, true,                               \
      "How many answers in a row make a server that was down up again.")                           \
    X(FLAP_HOLD, "flap-hold", DURATION, OPTIONS_LB, "DURATION", "5s", 0, OPTIONS_DAY, true,        \
      "Keep a server down for at least this long after its second failure within 10 "              \
      "minutes, and twice as long after each further one, up to 64 times. 0: do not.")             \
    X(SLOW_START, "slow-start", DURATION, OPTIONS_LB, "DURATION", "10s", 0, OPTIONS_DAY, true,     \
      "The time in which a server that was down gets its whole weight back. 0: at once.")          \
    X(PANIC, "panic-threshold", NUMBER, OPTIONS_LB, "PERCENT", "50", 0, 100, true,                 \
      "There is a panic while less than this percentage of the servers is healthy; see "           \
      "PANIC in qhcp-lb(1). 0: never.")                                                            \
    X(PANIC_MODE, "panic-mode", CHOICE, OPTIONS_LB, "all|none", "all", 0, 0, true,                 \
      "Which servers get traffic in a panic. all: every server, except those that left on "        \
      "purpose or were never verified. none: no server (fail closed).")                            \
    X(CHECK_INTERVAL, "check-interval", DURATION, OPTIONS_LB, "DURATION", "10s",                   \
      OPTIONS_INTERVAL_MIN, OPTIONS_INTERVAL_MAX, true, "How often metrics are asked for.")        \
    X(LIVENESS_INTERVAL, "liveness-interval", DURATION, OPTIONS_LB, "DURATION", NULL,              \
      OPTIONS_INTERVAL_MIN, OPTIONS_INTERVAL_MAX, true,                                            \
      "How often a server is checked. By default the smaller of --check-interval and 1s.")         \
    X(RECONNECT_INTERVAL, "reconnect-interval", DURATION, OPTIONS_LB, "DURATION", "30s",           \
      OPTIONS_INTERVAL_MIN, OPTIONS_DAY, true,                                                     \
      "How often the load balancer tries to connect to a server that is down.")                    \
    X(PROBE, "probe", ITEM, OPTIONS_LB, "PROBE", NULL, 0, 1, false,                                \
      "Also connect to the data ports of the servers: tcp (the service that each agent "           \
      "names) or tcp:PORT; see PROBES in qhcp-lb(1). A server whose port is dead is down, "        \
      "whatever its agent says.")                                                                  \
    X(BALANCE, "balance", CHOICE, OPTIONS_LB, OPTIONS_BALANCE, "least-connections", 0, 0, true,    \
      "The algorithm that picks a server for a connection; see BALANCING in qhcp-lb(1).")          \
    X(ALLOW_SERVICE, "allow-service", LIST, OPTIONS_LB, "LIST", NULL, 0, 1000, true,               \
      "Networks (192.0.2.0/24, 2001:db8::/32) in which a server may offer a service that "         \
      "is not at its own verified address. By default none.")                                      \
    X(THREADS, "threads", NUMBER, OPTIONS_LB, "COUNT", NULL, 1, PROXY_THREADS, false,              \
      "How many threads forward. By default one for each CPU.")                                    \
    X(MAX_CONNECTIONS, "max-connections", NUMBER, OPTIONS_LB, "COUNT", "20000", 1, 10000000,       \
      false, "How many client connections there may be at once. More wait until one ends.")        \
    X(MAX_PER_SOURCE, "max-per-source", NUMBER, OPTIONS_LB, "COUNT", NULL, 1, 10000000, false,     \
      "How many client connections one address (IPv6: one /64) may have at once. More are "        \
      "closed at once. By default half of all.")                                                   \
    X(BIND, "bind", LIST, OPTIONS_LB, "LIST", NULL, 0, 2, false,                                   \
      "The addresses whose TCP port is forwarded: at most one IPv4 and one IPv6 address. "         \
      "By default every address of this machine. With --take-over they stay what they were.")      \
    X(HOLD, "hold", DURATION, OPTIONS_LB, "DURATION", "5s", 0, OPTIONS_DAY, false,                 \
      "How long a client waits after a start, while some servers are still connecting and "        \
      "no other can take it. 0: it is closed at once.")                                            \
    X(TAKE_OVER, "take-over", SWITCH, OPTIONS_LB, NULL, NULL, 0, 0, false,                         \
      "Replace the load balancer that has --port, with no connection refused: take over "          \
      "its listening sockets and what it knows of the servers. The old one exits when its "        \
      "connections have ended. If there is none, start normally.")                                 \
    X(SEND_PROXY_V2, "send-proxy-v2", SWITCH, OPTIONS_LB, NULL, NULL, 0, 0, false,                 \
      "Tell servers the client's address by the PROXY protocol header, version 2. The "            \
      "servers must expect it.")                                                                   \
    X(CONNECT_TIMEOUT, "connect-timeout", DURATION, OPTIONS_LB, "DURATION", "1s", NSEC_PER_MSEC,   \
      60 * NSEC_PER_SEC, false,                                                                    \
      "How long a server may take to accept a connection before another one is tried.")            \
    X(IDLE_TIMEOUT, "idle-timeout", DURATION, OPTIONS_LB, "DURATION", "5m", NSEC_PER_MSEC,         \
      OPTIONS_DAY, false, "Reset a connection on which no data moved for this long.")              \
    X(HALF_CLOSE_TIMEOUT, "half-close-timeout", DURATION, OPTIONS_LB, "DURATION", "30s",           \
      NSEC_PER_MSEC, OPTIONS_DAY, false,                                                           \
      "Reset a connection that one side has ended, after this long without data.")                 \
    X(CLIENT_KEEP_ALIVE, "client-keep-alive", DURATION, OPTIONS_LB, "DURATION", "0", 0,            \
      OPTIONS_KEEP_ALIVE_MAX, false,                                                               \
      "TCP keep-alive to clients: after this long without data, ask whether the client is "        \
      "still there. 0: never.")                                                                    \
    X(SERVER_KEEP_ALIVE, "server-keep-alive", DURATION, OPTIONS_LB, "DURATION", "0", 0,            \
      OPTIONS_KEEP_ALIVE_MAX, false, "TCP keep-alive to servers, in the same way.")                \
    X(ON_DOWN, "on-down", CHOICE, OPTIONS_LB, "keep|reset", "keep", 0, 0, true,                    \
      "What happens to the connections of a server that goes down. keep: they go on as "           \
      "long as they can. reset: they are reset, so that clients try again.")                       \
    X(LOG_CONNECTIONS, "log-connections", SWITCH, OPTIONS_LB, NULL, NULL, 0, 0, false,             \
      "Log each client connection when it ends: addresses, bytes, times, and how it ended.")       \
    X(MAX_DRAIN, "max-drain", DURATION, OPTIONS_LB, "DURATION", "60s", NSEC_PER_MSEC, OPTIONS_DAY, \
      true,                                                                                        \
      "How long connections may go on when their server, or the load balancer, stops, or "         \
      "when their server is removed from the list. The server's own deadline may be "              \
      "shorter.")                                                                                  \
    X(NO_FORWARD, "no-forward", SWITCH, OPTIONS_LB, NULL, NULL, 0, 0, false,                       \
      "Only watch servers, and do not forward: the TCP port stays closed.")                        \
    X(METRICS, "metrics", LIST, OPTIONS_LB, "LIST", NULL, 0, LIMIT_METRICS - 2, true,              \
      "Names of metrics to ask for besides cpu_usage_percent and memory_usage_percent, "           \
      "with commas between; see METRICS in qhcp-server(1).")                                       \
    X(CERT, "cert-file", FILE, OPTIONS_LB | OPTIONS_CHECK, "FILE", NULL, 0, 0, true,               \
      "The certificate (PEM) to trust: of a CA, or of the server itself. By default the "          \
      "state directory's CA.")                                                                     \
    X(CLIENT_CERT, "client-cert", FILE, OPTIONS_LB | OPTIONS_CHECK, "FILE", NULL, 0, 0, true,      \
      "A client certificate (PEM), for servers that require one. Needs --client-key.")             \
    X(CLIENT_KEY, "client-key", FILE, OPTIONS_LB | OPTIONS_CHECK, "FILE", NULL, 0, 0, true,        \
      "The private key (PEM) of --client-cert. Other users must not be able to read it.")          \
    X(TOKEN, "token-file", FILE, OPTIONS_LB | OPTIONS_CHECK, "FILE", NULL, 0, 0, true,             \
      "A token of an outside issuer, to send instead of one made here. Other users must "          \
      "not be able to read it.")                                                                   \
    X(INSECURE, "insecure", SWITCH, OPTIONS_LB | OPTIONS_CHECK, NULL, NULL, 0, 0, false,           \
      "Do not verify the certificates of servers. Anyone on the path can then pose as one. "       \
      "For experiments only.")                                                                     \
    X(STATUS_FORMAT, "status-format", CHOICE, OPTIONS_LB,                                          \
      "human|json|events|json-events|none|auto", "auto", 0, 0, false,                              \
      "What standard output gets. human: a table. json: JSON lines. events, json-events: a line "  \
      "for each change alone, in words or as JSON. none: nothing. auto: events where standard "    \
      "output is the journal, else human.")                                                        \
    X(STATUS_INTERVAL, "status-interval", DURATION, OPTIONS_LB, "DURATION", NULL,                  \
      100 * NSEC_PER_MSEC, OPTIONS_DAY, true,                                                      \
      "How often the status is printed. By default --check-interval, but at least 1s.")            \
    X(IP, "ip", TEXT, OPTIONS_SERVER, "IP", "0.0.0.0", 1, 64, false,                               \
      "The IPv4 or IPv6 address to listen on. 0.0.0.0 is all of IPv4, :: all of IPv6.")            \
    X(SERVER_PORT, "port", NUMBER, OPTIONS_SERVER, "PORT", "4243", 1, 65535, false,                \
      "The UDP port to listen on.")                                                                \
    X(KEY, "key-file", FILE, OPTIONS_SERVER, "FILE", NULL, 0, 0, false,                            \
      "The private key (PEM) of --cert-file. Other users must not be able to read it. By "         \
      "default the state directory's.")                                                            \
    X(SERVER_CERT, "cert-file", FILE, OPTIONS_SERVER, "FILE", NULL, 0, 0, false,                   \
      "The server's certificate (PEM), followed by its chain: at most 8 certificates and "         \
      "16,384 bytes, since load balancers read no more. By default the state directory's.")        \
    X(KEYS, "keys-file", FILE, OPTIONS_SERVER, "FILE", NULL, 0, 0, false,                          \
      "The public keys (a JWK Set) of the load balancers whose tokens are accepted. By "           \
      "default the state directory's.")                                                            \
    X(CLIENT_CA, "client-ca", FILE, OPTIONS_SERVER, "FILE", NULL, 0, 0, false,                     \
      "Also require a client certificate of this CA (PEM).")                                       \
    X(OWN_METRICS, "metrics", LIST, OPTIONS_SERVER, "LIST", NULL, 0, 32, false,                    \
      "Names of the application's own metrics, with commas between. They are 0 until qhcp "        \
      "control report sets them.")                                                                 \
    X(SERVICE, "service", LIST, OPTIONS_SERVER, "LIST", NULL, 0, LIMIT_SERVICES, false,            \
      "The services that this server offers, as tcp:PORT or tcp:HOST:PORT. Repeatable, or "        \
      "with commas between.")                                                                      \
    X(APP_CHECK, "check", ITEM, OPTIONS_SERVER, "CHECK", NULL, 0, LIMIT_CHECKS, false,             \
      "Check the application: tcp:[HOST:]PORT, http://HOST[:PORT][/PATH], or exec:/PATH "          \
      "with its arguments; see CHECKS in qhcp-server(1). Repeatable.")                             \
    X(WATCH_PID, "watch-pid", ITEM, OPTIONS_SERVER, "PID", NULL, 0, LIMIT_CHECKS, false,           \
      "Watch this process: when it ends, the server is not serving. Repeatable.")                  \
    X(WATCH_UNIT, "watch-unit", ITEM, OPTIONS_SERVER, "UNIT", NULL, 0, LIMIT_CHECKS, false,        \
      "Watch the main process of this systemd service, and its successors. Repeatable.")           \
    X(DEGRADED, "degraded", ITEM, OPTIONS_SERVER, "RULE", NULL, 0, LIMIT_THRESHOLDS, false,        \
      "Report degraded while a metric is beyond a threshold, as in 'cpu_usage_percent>90 "         \
      "for 5s'; see THRESHOLDS in qhcp-server(1). Repeatable.")                                    \
    X(CONTROL, "control", TEXT, OPTIONS_SERVER | OPTIONS_CONTROL, "PATH", NULL, 1, 107, false,     \
      "The socket by which qhcp control reaches the server. By default control-PORT.sock "         \
      "in the state directory.")                                                                   \
    X(CONTROL_PORT, "port", NUMBER, OPTIONS_CONTROL, "PORT", "4243", 1, 65535, false,              \
      "The server's UDP port, which is in the default name of the socket.")                        \
    X(REASON, "reason", TEXT, OPTIONS_CONTROL, "WORDS", NULL, 1, 200, false,                       \
      "A reason that load balancers show with the state.")                                         \
    X(METRIC, "metric", ITEM, OPTIONS_CONTROL, "NAME=VALUE", NULL, 1, 16, false,                   \
      "A value of the application's own, for report. Repeatable.")                                 \
    X(DRAIN_TIMEOUT, "drain-timeout", DURATION, OPTIONS_SERVER, "DURATION", "30s", NSEC_PER_MSEC,  \
      OPTIONS_DAY, true, "How long a server that is told to stop waits for its load balancers.")   \
    X(ID, "id", TEXT, OPTIONS_LB | OPTIONS_SERVER, "TEXT", NULL, 1, LIMIT_ID, false,               \
      "The name that the other side shows for this one. By default the host's name (a "            \
      "server adds its port).")                                                                    \
    X(HOSTNAME, "hostname", TEXT, OPTIONS_CHECK, "HOST", NULL, 1, 255, false,                      \
      "The server: a name or an address. HOST:PORT after the options means the same.")             \
    X(HOST_PORT, "port", NUMBER, OPTIONS_CHECK, "PORT", "4243", 1, 65535, false,                   \
      "The server's UDP port, with --hostname.")                                                   \
    X(SOURCE_PORT, "source-port", NUMBER, OPTIONS_CHECK, "PORT", NULL, 1, 65535, false,            \
      "Send from this UDP port, for a firewall that lets one port pass. By default the "           \
      "system chooses one.")                                                                       \
    X(WARNING, "warning", ITEM, OPTIONS_CHECK, "RULE", NULL, 0, 16, false,                         \
      "Exit with 1 if this is true, as in 'cpu_usage_percent>80'; see RULES in "                   \
      "qhcp-check(1). Repeatable.")                                                                \
    X(CRITICAL, "critical", ITEM, OPTIONS_CHECK, "RULE", NULL, 0, 16, false,                       \
      "Exit with 2 if this is true, as in 'certificate_days<7'; see RULES in "                     \
      "qhcp-check(1). Repeatable.")                                                                \
    X(ALIVE, "alive", SWITCH, OPTIONS_CHECK, NULL, NULL, 0, 0, false,                              \
      "Check only whether the server lives: degraded, draining and maintenance exit with 0.")      \
    X(TIMEOUT, "timeout", DURATION, OPTIONS_CHECK, "DURATION", "5s", NSEC_PER_MSEC,                \
      OPTIONS_INTERVAL_MAX, false,                                                                 \
      "How long to wait for a verdict. Without one the server counts as down.")                    \
    X(CONFIG, "config", FILE, OPTIONS_LB | OPTIONS_SERVER, "FILE", NULL, 0, 0, false,              \
      "Read options from this YAML file. Its keys are the names of the options; options on "       \
      "the command line win. SIGHUP reads it again.")                                              \
    X(LOG_LEVEL, "log-level", CHOICE, OPTIONS_LB | OPTIONS_SERVER, OPTIONS_LEVELS, "info", 0, 0,   \
      true, "The least important messages that go to standard error.")                             \
    X(CHECK_LOG_LEVEL, "log-level", CHOICE, OPTIONS_CHECK, OPTIONS_LEVELS, "error", 0, 0, true,    \
      "The least important messages that go to standard error.")

enum options_id {
#define OPTIONS_ID(id, ...) OPTION_##id,
    OPTIONS(OPTIONS_ID)
#undef OPTIONS_ID
        OPTIONS_COUNT,
};

struct options_row {
    enum options_id id;
    const char *name;
    enum options_kind kind;
    unsigned commands;
    const char *arg, *def;
    uint64_t min, max;
    bool live;
    const char *doc;
};

struct options_value {
    bool set;         /* by the user, not by default */
    uint64_t number;  /* DURATION (ns), NUMBER, CHOICE (index of the word), SWITCH */
    char *text;       /* FILE, TEXT; NULL: none */
    struct list list; /* LIST, ITEM */
};

struct options {
    enum options_command command;
    bool no_files; /* no file is looked at: for fuzzing */
    struct options_value at[OPTIONS_COUNT];
};

/* The rows, OPTIONS_COUNT of them, in the order of their ids. */
const struct options_row *options_rows(void);

/* The option's letter as well, as plugins of monitoring systems have them ("-t" for --timeout); 0:
 * none. */
char options_letter(enum options_id id);

/* "a|b|c" as "a, b or c". */
#define OPTIONS_CHOICES 200
void options_choices(const char *choices, char ret[OPTIONS_CHOICES]);

/* Does a value of this row grow when it is given again? */
bool options_repeatable(const struct options_row *row);

/* The row of this name for this command, or NULL. */
const struct options_row *options_find(enum options_command command, const char *name);

/* All defaults. */
void options_init(struct options *o, enum options_command command);
void options_deinit(struct options *o);

/* Sets one option from text.  `files`: may a list be "@FILE", or "@-".  On failure words say what
 * is wrong with the value, without naming the option. QHCP_E_EXISTS: it is set already (but a list
 * grows). */
int options_set(struct options *o, const struct options_row *row, const char *text,
                enum list_source files, char *words, size_t words_cap);

/* Appends old's list to o's. QHCP_E_NOMEM. */
int options_copy_list(struct options *o, const struct options *old, enum options_id id);

/* Takes over from `from` (same command) what o does not have set itself; `from` is left empty. */
void options_merge(struct options *o, struct options *from);

/* What no option can know alone: pairs that go together, lists that are wanted, addresses. */
int options_check(const struct options *o, char *words, size_t words_cap);

/* Do two values differ? */
bool options_differ(const struct options *a, const struct options *b, enum options_id id);

/* The value, its default where it is not set. */
uint64_t options_number(const struct options *o, enum options_id id);
const char *options_text(const struct options *o, enum options_id id); /* NULL: none */

/* What is derived where the user says nothing. */
qhcp_nsec options_liveness(const struct options *o);
qhcp_nsec options_status_interval(const struct options *o);

#endif
