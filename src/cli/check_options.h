/* The options of `qhcp check`. */
#ifndef QHCP_CLI_CHECK_OPTIONS_H
#define QHCP_CLI_CHECK_OPTIONS_H

#include "daemon/shared_options.h"

#define CHECK_OPTIONS(X)                                                                           \
    SHARED_TRUST(X, NULL)                                                                          \
    X(hostname, "hostname", TEXT, .arg = "HOST", .min = 1, .max = 255, .letter = 'H',              \
      .doc = "The server: a name or an address. HOST:PORT after the options means the same.")      \
    X(port, "port", PORT, .def = "4243", .letter = 'p',                                            \
      .doc = "The server's UDP port, with --hostname.")                                            \
    X(source_port, "source-port", PORT,                                                            \
      .doc = "Send from this UDP port, for a firewall that lets one port pass. By default the "    \
             "system chooses one.")                                                                \
    X(warning, "warning", ITEM, .arg = "RULE", .max = 16, .check = check_rule, .letter = 'w',      \
      .doc = "Exit with 1 if this is true, as in 'cpu_usage_percent>80'; see RULES in "            \
             "qhcp-check(1). Repeatable.")                                                         \
    X(critical, "critical", ITEM, .arg = "RULE", .max = 16, .check = check_rule, .letter = 'c',    \
      .doc = "Exit with 2 if this is true, as in 'certificate_days<7'; see RULES in "              \
             "qhcp-check(1). Repeatable.")                                                         \
    X(alive, "alive", SWITCH,                                                                      \
      .doc =                                                                                       \
          "Check only whether the server lives: degraded, draining and maintenance exit with 0.")  \
    X(weight_exit, "weight-exit", SWITCH,                                                          \
      .doc = "Exit as keepalived's misc_dynamic wants it: 1 down, or 2 and the weight, 0 to 100; " \
             "see KEEPALIVED in qhcp-check(1).")                                                   \
    X(timeout, "timeout", DURATION, .def = "5s", .min = NSEC_PER_MSEC,                             \
      .max = OPTIONS_INTERVAL_MAX, .letter = 't',                                                  \
      .doc = "How long to wait for a verdict. Without one the server counts as down.")             \
    X(log_level, "log-level", CHOICE, .arg = SHARED_LEVELS, .def = "error",                        \
      .doc = "The least important messages that go to standard error.")

struct check_options {
    struct options head;
    CHECK_OPTIONS(OPTIONS_MEMBER)
};

extern const struct options_table check_options_table;

#endif
