/* Machines brought into any state, and frames of any kind, for the tests of src/session. */
#ifndef KIT_H
#define KIT_H

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>

#include <qhcp/error.h>

#include "session/tables.h"
#include "wire/registry.h"

#define T0 (1000 * NSEC_PER_SEC) /* when every test begins */
#define ALL_SCOPES (SESSION_SCOPE_HEALTH | SESSION_SCOPE_CONFIG | SESSION_SCOPE_TERMINATE)
#define ROOM (LIMIT_FRAME_PAYLOAD + 16)

struct frame {
    uint8_t p[ROOM];
    size_t n;
    enum session_channel channel;
    uint64_t seq;
};

/* A valid message of that type; type 0: one nobody knows. */
struct wire_message kit_message(uint64_t type);
struct frame kit_frame(const struct wire_message *m);
struct frame kit_unknown(void);

struct kit_lb {
    struct session_lb s;
    struct session_lb_report r;
    struct session_lb_config config;
    struct wire_config_update update;
};

/* A load balancer's machine in that state; with an unanswered CONFIG_UPDATE of id 1 where asked
 * for (from ACTIVE on), and nothing left to pull but the ERROR of CLOSED. */
void kit_lb(struct kit_lb *k, enum session_lb_state state, bool configuring);
int kit_lb_give(struct kit_lb *k, qhcp_nsec now, enum session_channel channel,
                const struct wire_message *m);
/* The next frame; n is 0 when there is none. */
struct frame kit_lb_pull(struct kit_lb *k);
void kit_lb_expect_error(struct kit_lb *k, int error, const char *words, uint64_t refers);

struct kit_server {
    struct session_server s;
    struct session_server_report r;
    struct session_server_self self;
};

void kit_server(struct kit_server *k, enum session_server_state state, unsigned scopes);
int kit_server_give(struct kit_server *k, qhcp_nsec now, enum session_channel channel,
                    const struct wire_message *m);
struct frame kit_server_pull(struct kit_server *k, qhcp_nsec now);
struct frame kit_server_answer(struct kit_server *k, uint64_t seq);
void kit_server_expect_error(struct kit_server *k, int error, const char *words, uint64_t refers);

void kit_expect_text(struct slice s, const char *text);

#endif
