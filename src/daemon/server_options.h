/* The options of `qhcp server`. */
#ifndef QHCP_DAEMON_SERVER_OPTIONS_H
#define QHCP_DAEMON_SERVER_OPTIONS_H

#include "check/spec.h"
#include "daemon/shared_options.h"

#define SERVER_OPTIONS(X)                                                                          \
    X(ip, "ip", TEXT, .alias = "bind", .arg = "IP", .def = "0.0.0.0", .min = 1, .max = 64,         \
      .check = check_ip,                                                                           \
      .doc = "The IPv4 or IPv6 address to listen on. 0.0.0.0 is all of IPv4, :: all of IPv6.")     \
    X(port, "port", PORT, .def = "4243", .doc = "The UDP port to listen on.")                      \
    X(key_file, "key-file", FILE,                                                                  \
      .doc = "The private key (PEM) of --cert-file. Other users must not be able to read it. By "  \
             "default the state directory's.")                                                     \
    X(cert_file, "cert-file", FILE,                                                                \
      .doc = "The server's certificate (PEM), followed by its chain: at most 8 certificates and "  \
             "16,384 bytes, since load balancers read no more. By default the state directory's.") \
    X(keys_file, "keys-file", FILE,                                                                \
      .doc = "The public keys (a JWK Set) of the load balancers whose tokens are accepted. By "    \
             "default the state directory's.")                                                     \
    X(client_ca, "client-ca", FILE, .doc = "Also require a client certificate of this CA (PEM).")  \
    X(metrics, "metrics", LIST, .max = 32,                                                         \
      .doc = "Names of the application's own metrics, with commas between. They are 0 until qhcp " \
             "control report sets them.")                                                          \
    X(service, "service", LIST, .max = LIMIT_SERVICES, .check = check_service,                     \
      .doc = "The services that this server offers, as tcp:PORT or tcp:HOST:PORT. Repeatable, or " \
             "with commas between.")                                                               \
    X(check, "check", ITEM, .arg = "CHECK", .max = LIMIT_CHECKS, .check = check_application,       \
      .doc = "Check the application: tcp:[HOST:]PORT, http://HOST[:PORT][/PATH], or exec:/PATH "   \
             "with its arguments; see CHECKS in qhcp-server(1). Repeatable.")                      \
    X(watch_pid, "watch-pid", ITEM, .arg = "PID", .max = LIMIT_CHECKS, .check = check_pid,         \
      .doc = "Watch this process: when it ends, the server is not serving. Repeatable.")           \
    X(watch_unit, "watch-unit", ITEM, .arg = "UNIT", .max = LIMIT_CHECKS, .check = check_unit,     \
      .doc = "Watch the main process of this systemd service, and its successors. Repeatable.")    \
    X(degraded, "degraded", ITEM, .arg = "RULE", .max = LIMIT_THRESHOLDS,                          \
      .check = check_threshold,                                                                    \
      .doc = "Report degraded while a metric is beyond a threshold, as in 'cpu_usage_percent>90 "  \
             "for 5s'; see THRESHOLDS in qhcp-server(1). Repeatable.")                             \
    X(http_listen, "http-listen", LIST, .arg = "[ADDRESS:]PORT", .max = 4, .check = check_listen,  \
      .doc = "Answer over HTTP/2 and HTTP/1.1 there (by default on 127.0.0.1): gRPC health "       \
             "checks, ORCA load reports, the status at /, and /metrics. On an address that "       \
             "others reach, over TLS with the server's certificate. Repeatable, or with commas "   \
             "between.")                                                                           \
    X(metrics_listen, "metrics-listen", LIST, .arg = "[ADDRESS:]PORT", .max = 4,                   \
      .check = check_listen,                                                                       \
      .doc = "The same without gRPC: the status at /, and /metrics. Repeatable, or with commas "   \
             "between.")                                                                           \
    X(http_insecure, "http-insecure", SWITCH,                                                      \
      .doc = "Do without TLS on every address of --http-listen and --metrics-listen. Anyone on "   \
             "the path can then read and change what they say.")                                   \
    X(haproxy_agent, "haproxy-agent", TEXT, .arg = "[ADDRESS:]PORT", .min = 1, .max = 80,          \
      .check = check_listen,                                                                       \
      .doc = "Answer the agent-check of HAProxy there (by default on 127.0.0.1), for this server " \
             "alone: a line with state, reason, and a percentage of the weight by load; see "      \
             "qhcp-lb(1), SINKS.")                                                                 \
    SHARED_CONTROL(X)                                                                              \
    X(drain_timeout, "drain-timeout", DURATION, .def = "30s", .min = NSEC_PER_MSEC,                \
      .max = OPTIONS_DAY, .live = change_read_at_use,                                              \
      .doc = "How long a server that is told to stop waits for its load balancers.")               \
    SHARED_ID(X)                                                                                   \
    SHARED_DAEMON(X, server_live_log)

struct server_options {
    struct options head;
    SERVER_OPTIONS(OPTIONS_MEMBER)
};

extern const struct options_table server_options_table;

/* What a running process does when options change (conf/options.h): server.c. */
int server_live_log(void *ctx, const struct options *before, char *words, size_t words_cap);

/* For --check-config. */
void server_options_look(const struct options *o, struct faults *f);

/* An option whose entries are checks of the application, and how to read one of them. */
struct server_checks {
    const char *option;
    const struct list *list;
    int (*parse)(const char *text, struct spec *ret, char *words, size_t words_cap);
};

#define SERVER_CHECK_OPTIONS 3
void server_options_checks(const struct server_options *o,
                           struct server_checks ret[SERVER_CHECK_OPTIONS]);

#endif
