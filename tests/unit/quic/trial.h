/* One handshake between a server with one certificate and a client that trusts something. */
#ifndef TEST_QUIC_TRIAL_H
#define TEST_QUIC_TRIAL_H

#include "world.h"

struct trial {
    struct world world;
    struct node server, client;
};

/* Two CAs of the same name, for a group of tests. */
extern struct cert trial_ca, trial_other_ca;
int trial_setup(void **state);
int trial_teardown(void **state);

struct quic_tls_config trial_trusting(const char *pem);
struct quic_tls_config trial_showing(const struct cert *c);

void trial_init(struct trial *t, const struct quic_tls_config *server,
                const struct quic_tls_config *client);
/* Dials this name, with the client's newest ticket where there is one. */
void trial_dial(struct trial *t, const char *name);
/* The client refused the certificate with these words, and the server heard of it. */
void trial_refused(struct trial *t, const char *words);
void trial_accepted(struct trial *t);

#endif
