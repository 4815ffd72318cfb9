/* The options of `qhcp lb`. */
#ifndef QHCP_DAEMON_LB_OPTIONS_H
#define QHCP_DAEMON_LB_OPTIONS_H

#include "admin/admin_address.h"
#include "balance/algorithms.h"
#include "daemon/shared_options.h"
#include "proxy/proxy.h"
#include "sinks/sinks.h"
#include "sources/sources.h"

#include <qhcp/lb.h>

#define LB_KEEP_ALIVE_MAX (9 * 3600 * NSEC_PER_SEC) /* the kernel's is 32767 s */

#define LB_OPTIONS(X)                                                                              \
    X(servers, "servers", LIST, .max = LIST_MAX, .check = listed_check, .live = lb_live_sources,   \
      .fields = listed_settings, .check_field = listed_check_setting, .adds = "tags",              \
      .doc = "The servers to watch, as host:port with commas between. @FILE reads one per line "   \
             "('#' begins a comment), @- reads standard input. An address may be followed by "     \
             "name=, tags=A|B, weight=0 to 1000, priority=0 to 15, service=tcp:PORT or "           \
             "tcp:ADDRESS:PORT, liveness=ask|listen, liveness-interval=, check-interval= and "     \
             "probe=off|tcp|tcp:PORT; see SERVERS in qhcp-lb(1).")                                 \
    X(sources, "source", ITEM, .key = "sources", .arg = "SOURCE", .max = SOURCES_MAX,              \
      .check = source_spec_check, .live = lb_live_sources,                                         \
      .doc = "More servers, from a source that is followed while this runs, as 'KIND ARGUMENTS': " \
             "file, file_sd, dns, srv, exec or list; see SOURCES in qhcp-lb(1). May be given "     \
             "several times; in the configuration file it is the list sources.")                   \
    X(sinks, "sink", ITEM, .key = "sinks", .arg = "SINK", .max = SINKS_MAX, .check = sink_check,   \
      .live = lb_live_sinks,                                                                       \
      .doc = "Who else is told what the servers are worth, as 'KIND ARGUMENTS': see SINKS in "     \
             "qhcp-lb(1). May be given several times.")                                            \
    X(port, "port", PORT, .def = "4242",                                                           \
      .doc = "The load balancer's own port. Its checks leave from this UDP port, and it forwards " \
             "connections to the same TCP port.")                                                  \
    X(max_fail_attempts, "max-fail-attempts", NUMBER, .def = "3", .min = 1, .max = 1000,           \
      .live = lb_live_watch,                                                                       \
      .doc = "How many checks in a row a server must miss before it is down. On a path that "      \
             "loses packets it must miss more.")                                                   \
    X(min_silence, "min-silence", DURATION, .min = NSEC_PER_MSEC, .max = 60 * NSEC_PER_SEC,        \
      .live = lb_live_watch,                                                                       \
      .doc = "The least silence that makes a server down. It is longer for a server that once "    \
             "stood still for longer and came back. By default it follows --liveness-interval: "   \
             "600ms at 1s, 54ms at 272ms and below, at most 1s; see SILENCE in qhcp-lb(1).")       \
    X(rise, "rise", NUMBER, .def = "2", .min = 1, .max = 1000, .live = lb_live_watch,              \
      .doc = "How many answers in a row make a server that was down up again.")                    \
    X(flap_hold, "flap-hold", DURATION, .def = "5s", .max = OPTIONS_DAY, .live = lb_live_watch,    \
      .doc = "Keep a server down for at least this long after its second failure within 10 "       \
             "minutes, and twice as long after each further one, up to 64 times. 0: do not.")      \
    X(slow_start, "slow-start", DURATION, .def = "10s", .max = OPTIONS_DAY, .live = lb_live_watch, \
      .doc = "The time in which a server that was down gets its whole weight back. 0: at once.")   \
    X(panic_threshold, "panic-threshold", NUMBER, .arg = "PERCENT", .def = "50", .max = 100,       \
      .live = lb_live_watch,                                                                       \
      .doc = "There is a panic while less than this percentage of the servers is healthy; see "    \
             "PANIC in qhcp-lb(1). 0: never.")                                                     \
    X(panic_mode, "panic-mode", CHOICE, .arg = "all|none", .def = "all", .live = lb_live_watch,    \
      .doc = "Which servers get traffic in a panic. all: every server, except those that left on " \
             "purpose or were never verified. none: no server (fail closed).")                     \
    X(brake, "brake", TEXT, .arg = "PERCENT%[/DURATION]", .min = 1, .max = 40,                     \
      .check = lb_options_check_brake, .live = lb_live_watch,                                      \
      .doc =                                                                                       \
          "At most this percentage of the servers, and at least one, may be called down for "      \
          "silence within DURATION (1m). Others that are silent keep their state, and are shown "  \
          "as held; see BRAKE in qhcp-lb(1). By default any number.")                              \
    X(check_interval, "check-interval", DURATION, .def = "10s", .min = OPTIONS_INTERVAL_MIN,       \
      .max = OPTIONS_INTERVAL_MAX, .live = lb_live_watch,                                          \
      .doc = "How often metrics are asked for.")                                                   \
    X(liveness_interval, "liveness-interval", DURATION, .min = OPTIONS_INTERVAL_MIN,               \
      .max = OPTIONS_INTERVAL_MAX, .live = lb_live_watch,                                          \
      .doc = "How often a server is checked. By default the smaller of --check-interval and 1s.")  \
    X(liveness, "liveness", CHOICE, .arg = "ask|listen", .def = "ask", .live = lb_live_watch,      \
      .doc = "How a server is checked every --liveness-interval. ask: the load balancer asks. "    \
             "listen: the server sends its status by itself, which takes half of the packets; "    \
             "the load balancer asks every --check-interval, and as soon as a status does not "    \
             "come. Servers of an older version are asked. See LIVENESS in qhcp-lb(1).")           \
    X(reconnect_interval, "reconnect-interval", DURATION, .def = "30s",                            \
      .min = OPTIONS_INTERVAL_MIN, .max = OPTIONS_DAY, .live = lb_live_watch,                      \
      .doc = "How often the load balancer tries to connect to a server that is down.")             \
    X(probe, "probe", ITEM, .arg = "PROBE", .max = 1, .check = check_probe,                        \
      .doc = "Also connect to the data ports of the servers: tcp (the service that each agent "    \
             "names) or tcp:PORT; see PROBES in qhcp-lb(1). A server whose port is dead is down, " \
             "whatever its agent says.")                                                           \
    X(balance, "balance", CHOICE, .arg = BALANCE_NAMES, .def = "least-connections",                \
      .live = lb_live_forward,                                                                     \
      .doc = "The algorithm that picks a server for a connection; see BALANCING in qhcp-lb(1).")   \
    X(allow_service, "allow-service", LIST, .max = 1000, .check = check_network,                   \
      .live = lb_live_forward,                                                                     \
      .doc = "Networks (192.0.2.0/24, 2001:db8::/32) in which a server may offer a service that "  \
             "is not at its own verified address. By default none.")                               \
    X(threads, "threads", NUMBER, .min = 1, .max = PROXY_THREADS,                                  \
      .doc = "How many threads forward. By default one for each CPU.")                             \
    X(max_connections, "max-connections", NUMBER, .def = "20000", .min = 1, .max = 10000000,       \
      .doc = "How many client connections there may be at once. More wait until one ends.")        \
    X(max_per_source, "max-per-source", NUMBER, .min = 1, .max = 10000000,                         \
      .doc = "How many client connections one address (IPv6: one /64) may have at once. More are " \
             "closed at once. By default half of all.")                                            \
    X(bind, "bind", LIST, .alias = "ip", .max = 2, .check = check_ip,                              \
      .doc =                                                                                       \
          "The addresses whose TCP port is forwarded: at most one IPv4 and one IPv6 address. By "  \
          "default every address of this machine. With --take-over they stay what they were.")     \
    X(hold, "hold", DURATION, .def = "5s", .max = OPTIONS_DAY,                                     \
      .doc = "How long a client waits after a start, while some servers are still connecting and " \
             "no other can take it. 0: it is closed at once.")                                     \
    X(take_over, "take-over", SWITCH,                                                              \
      .doc = "Replace the load balancer that has --port, with no connection refused: take over "   \
             "its listening sockets and what it knows of the servers. The old one exits when its " \
             "connections have ended. If there is none, start normally.")                          \
    X(send_proxy_v2, "send-proxy-v2", SWITCH,                                                      \
      .doc = "Tell servers the client's address by the PROXY protocol header, version 2. The "     \
             "servers must expect it.")                                                            \
    X(connect_timeout, "connect-timeout", DURATION, .def = "1s", .min = NSEC_PER_MSEC,             \
      .max = 60 * NSEC_PER_SEC,                                                                    \
      .doc = "How long a server may take to accept a connection before another one is tried.")     \
    X(idle_timeout, "idle-timeout", DURATION, .def = "5m", .min = NSEC_PER_MSEC,                   \
      .max = OPTIONS_DAY, .doc = "Reset a connection on which no data moved for this long.")       \
    X(half_close_timeout, "half-close-timeout", DURATION, .def = "30s", .min = NSEC_PER_MSEC,      \
      .max = OPTIONS_DAY,                                                                          \
      .doc = "Reset a connection that one side has ended, after this long without data.")          \
    X(client_keep_alive, "client-keep-alive", DURATION, .def = "0", .max = LB_KEEP_ALIVE_MAX,      \
      .doc = "TCP keep-alive to clients: after this long without data, ask whether the client is " \
             "still there. 0: never.")                                                             \
    X(server_keep_alive, "server-keep-alive", DURATION, .def = "0", .max = LB_KEEP_ALIVE_MAX,      \
      .doc = "TCP keep-alive to servers, in the same way.")                                        \
    X(on_down, "on-down", CHOICE, .arg = "keep|reset", .def = "keep", .live = change_read_at_use,  \
      .doc = "What happens to the connections of a server that goes down. keep: they go on as "    \
             "long as they can. reset: they are reset, so that clients try again.")                \
    X(log_connections, "log-connections", SWITCH,                                                  \
      .doc =                                                                                       \
          "Log each client connection when it ends: addresses, bytes, times, and how it ended.")   \
    X(max_drain, "max-drain", DURATION, .def = "60s", .min = NSEC_PER_MSEC, .max = OPTIONS_DAY,    \
      .live = lb_live_watch,                                                                       \
      .doc =                                                                                       \
          "How long connections may go on when their server, or the load balancer, stops, or "     \
          "when their server is removed from the list. The server's own deadline may be shorter.") \
    X(no_forward, "no-forward", SWITCH,                                                            \
      .doc = "Only watch servers, and do not forward: the TCP port stays closed.")                 \
    X(admin, "admin", ITEM, .arg = "PLACE", .max = ADMIN_ADDRESSES,                                \
      .check = lb_options_check_admin,                                                             \
      .doc = "Where the admin interface listens (HTTP): ADDRESS:PORT of this machine, unix:PATH, " \
             "or off. By default a socket in the state directory, and 127.0.0.1:4280. See ADMIN "  \
             "in qhcp-lb(1).")                                                                     \
    X(admin_cert, "admin-cert", FILE,                                                              \
      .doc = "The certificate (PEM) of the admin interface where it listens on an address that "   \
             "other machines reach. Needs --admin-key. By default the state directory's.")         \
    X(admin_key, "admin-key", FILE, .doc = "The private key (PEM) of --admin-cert.")               \
    X(metrics_servers, "metrics-servers", NUMBER, .def = "20000", .max = 1000000,                  \
      .doc = "With more servers than that, /metrics has no families of each server unless they "   \
             "are asked for by name[].")                                                           \
    X(metrics, "metrics", LIST, .max = LIMIT_METRICS - 2, .check = check_metric,                   \
      .live = lb_live_watch,                                                                       \
      .doc = "Names of metrics to ask for besides cpu_usage_percent and memory_usage_percent, "    \
             "with commas between; see METRICS in qhcp-server(1).")                                \
    SHARED_TRUST(X, lb_live_watch)                                                                 \
    X(status_format, "status-format", CHOICE, .arg = "human|json|events|json-events|none|auto",    \
      .def = "auto",                                                                               \
      .doc = "What standard output gets. human: a table. json: JSON lines. events, json-events: "  \
             "a line for each change alone, in words or as JSON. none: nothing. auto: none "       \
             "where standard output is the journal, which gets the changes as messages, else "     \
             "human.")                                                                             \
    X(status_interval, "status-interval", DURATION, .min = 100 * NSEC_PER_MSEC,                    \
      .max = OPTIONS_DAY, .live = lb_live_status,                                                  \
      .doc = "How often the status is printed. By default --check-interval, but at least 1s.")     \
    X(history, "history", TEXT, .arg = "off|PATH", .min = 1, .max = 1000,                          \
      .doc = "The file that keeps the history: every change with its evidence, and a sample of "   \
             "each server a minute, for qhcp history and qhcp why. By default history-PORT.db in " \
             "the state directory. off: none.")                                                    \
    X(history_days, "history-days", NUMBER, .arg = "DAYS", .def = "7", .min = 1, .max = 3650,      \
      .doc = "How long the history is kept.")                                                      \
    X(history_size, "history-size", NUMBER, .arg = "MB", .def = "512", .min = 1, .max = 1000000,   \
      .doc = "How large the history may become: beyond it the oldest part goes, however new. "     \
             "1,000 servers take 50 MB a day.")                                                    \
    SHARED_ID(X)                                                                                   \
    X(from_haproxy, "from-haproxy", FILE, .ends = OPTIONS_CONVERTS,                                \
      .doc = "Print a configuration file that watches the servers of this configuration of "       \
             "HAProxy, and exit. What cannot be carried over is in its comments and on standard "  \
             "error.")                                                                             \
    SHARED_DAEMON(X, lb_live_log)

struct lb_options {
    struct options head;
    LB_OPTIONS(OPTIONS_MEMBER)
};

extern const struct options_table lb_options_table;

/* "20%", "20%/1m".  QHCP_E_PARSE, QHCP_E_ARG. */
int lb_options_check_brake(const char *text, char *words, size_t words_cap);

/* What a running process does when options change (conf/options.h): lb_live.c. */
int lb_live_sources(void *ctx, const struct options *before, char *words, size_t words_cap);
int lb_live_sinks(void *ctx, const struct options *before, char *words, size_t words_cap);
int lb_live_watch(void *ctx, const struct options *before, char *words, size_t words_cap);
int lb_live_forward(void *ctx, const struct options *before, char *words, size_t words_cap);
int lb_live_status(void *ctx, const struct options *before, char *words, size_t words_cap);
int lb_live_log(void *ctx, const struct options *before, char *words, size_t words_cap);

int lb_options_check_admin(const char *text, char *words, size_t words_cap);

/* --from-haproxy; returns the exit status. */
int lb_options_convert(const struct options *o);

/* For --check-config. */
void lb_options_look(const struct options *o, struct faults *f);

/* Values that follow from other options if the user gives none. */
qhcp_nsec lb_options_liveness(const struct lb_options *o);
qhcp_nsec lb_options_status_interval(const struct lb_options *o);

/* Their part of the core's configuration; the caller adds callbacks. *o must outlive its use. */
struct qhcp_lb_config lb_options_config(const struct lb_options *o);

/* Their part of the forwarder's configuration; the caller adds callbacks.  The log says where this
 * machine allows fewer connections than --max-connections. */
struct proxy_config lb_options_proxy(const struct lb_options *o);

/* The addresses of --bind, one of each family at most; AF_UNSPEC if there is none. QHCP_E_PARSE,
 * QHCP_E_EXISTS, with words that name the option. */
int lb_options_bind(const struct lb_options *o, union qhcp_addr ret[2], char *words,
                    size_t words_cap);

#endif
