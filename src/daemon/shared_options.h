/* Options that more than one command has, with the same meaning: the rows of conf/options.h, once.
 */
#ifndef QHCP_DAEMON_SHARED_OPTIONS_H
#define QHCP_DAEMON_SHARED_OPTIONS_H

#include "conf/change.h"

#define SHARED_LEVELS "error|warning|info|debug" /* enum qhcp_log_level */

/* What a load balancer trusts, and its own identity: lb, check. */
#define SHARED_TRUST(X, live_files)                                                                \
    X(cert_file, "cert-file", FILE, .live = live_files,                                            \
      .doc = "The certificate (PEM) to trust: of a CA, or of the server itself. By default the "   \
             "state directory's CA.")                                                              \
    X(client_cert, "client-cert", FILE, .live = live_files,                                        \
      .doc = "A client certificate (PEM), for servers that require one. Needs --client-key.")      \
    X(client_key, "client-key", FILE, .live = live_files,                                          \
      .doc = "The private key (PEM) of --client-cert. Other users must not be able to read it.")   \
    X(token_file, "token-file", FILE, .live = live_files,                                          \
      .doc = "A token of an outside issuer, to send instead of one made here. Other users must "   \
             "not be able to read it.")                                                            \
    X(insecure, "insecure", SWITCH,                                                                \
      .doc = "Do not verify the certificates of servers. Anyone on the path can then pose as "     \
             "one. For experiments only.")

/* lb, server. */
#define SHARED_ID(X)                                                                               \
    X(id, "id", TEXT, .min = 1, .max = LIMIT_ID,                                                   \
      .doc = "The name that the other side shows for this one. By default the host's name (a "     \
             "server adds its port).")

/* server, control. */
#define SHARED_CONTROL(X)                                                                          \
    X(control, "control", TEXT, .arg = "PATH", .min = 1, .max = 107,                               \
      .doc = "The socket by which qhcp control reaches the server. By default control-PORT.sock "  \
             "in the state directory.")

/* What every process that runs until it is stopped has, last in its list. */
#define SHARED_DAEMON(X, live_log)                                                                 \
    X(config, "config", CONFIG,                                                                    \
      .doc = "Read options from this YAML file. Its keys are the names of the options; options "   \
             "on the command line win. SIGHUP reads it again.")                                    \
    X(check_config, "check-config", SWITCH, .ends = OPTIONS_CHECKS,                                \
      .doc = "Check the options, the configuration file and the files that they name, and exit: "  \
             "0 if there is no error, else 1.")                                                    \
    X(print_config, "print-config", SWITCH, .ends = OPTIONS_PRINTS,                                \
      .doc = "Print all options as a configuration file, with where each value comes from, and "   \
             "exit.")                                                                              \
    X(log_level, "log-level", CHOICE, .arg = SHARED_LEVELS, .def = "info", .live = live_log,       \
      .doc = "The least important messages that are logged. SIGUSR1 has more logged, SIGUSR2 "     \
             "less.")                                                                              \
    X(log_format, "log-format", CHOICE, .arg = "auto|human|json|logfmt", .def = "auto",            \
      .live = live_log,                                                                            \
      .doc = "The form of messages. human: lines for people. json: an object a line. logfmt: "     \
             "key=value. auto: messages with fields where standard error is the journal, else "    \
             "human.")

#endif
