/* The two state machines as data: what the code runs, what docs/protocol.md prints and draws, and
 * what the tests walk.  Names are the specification's. */
#ifndef QHCP_SESSION_TABLES_H
#define QHCP_SESSION_TABLES_H

#include "session/lb.h"
#include "session/server.h"

enum session_lb_action {
    SESSION_LB_IGNORE = 0,
    SESSION_LB_GREET,         /* HELLO becomes due */
    SESSION_LB_ESTABLISH,     /* take ACK */
    SESSION_LB_TAKE_RESPONSE, /* match the answer, keep the newest status */
    SESSION_LB_TAKE_EARLY,    /* a push that overtook ACK: not news */
    SESSION_LB_TAKE_CONFIG,   /* take CONFIG_ACK */
    SESSION_LB_TAKE_ERROR,
    SESSION_LB_TAKE_TERMINATE,  /* say that the server leaves */
    SESSION_LB_CROSS,           /* both sides leave: TERMINATE_ACK becomes due at once */
    SESSION_LB_FINISH,          /* nothing is left to do: close the connection */
    SESSION_LB_ASK,             /* HEALTH_REQUEST becomes due */
    SESSION_LB_CONFIGURE,       /* CONFIG_UPDATE becomes due */
    SESSION_LB_TAKE_LEAVE,      /* TERMINATE becomes due */
    SESSION_LB_TAKE_LEAVE_BOTH, /* TERMINATE, and the TERMINATE_ACK that is owed, become due */
    SESSION_LB_ABANDON,         /* send nothing, finish at the next expiry */
    SESSION_LB_ACKNOWLEDGE,     /* TERMINATE_ACK becomes due */
    SESSION_LB_TIME_OUT,        /* ERROR becomes due */
    SESSION_LB_TAKE_CLOSE,      /* nothing becomes due any more */
    SESSION_LB_TAKE_END,        /* the same: with NO_ERROR the session has ended in order */
    SESSION_LB_ACTIONS,
};

enum session_server_action {
    SESSION_SERVER_IGNORE = 0,
    SESSION_SERVER_TAKE_HELLO,   /* ask the caller to verify the token */
    SESSION_SERVER_ESTABLISH,    /* ACK becomes due */
    SESSION_SERVER_TAKE_REQUEST, /* ask the caller to answer */
    SESSION_SERVER_GIVE_ANSWER,  /* HEALTH_RESPONSE is encoded */
    SESSION_SERVER_TAKE_CONFIG,  /* ask the caller to judge the token */
    SESSION_SERVER_CONFIGURE,    /* apply all or nothing; CONFIG_ACK becomes due */
    SESSION_SERVER_TAKE_ERROR,
    SESSION_SERVER_TAKE_TERMINATE, /* TERMINATE_ACK becomes due */
    SESSION_SERVER_FINISH,         /* nothing is left to do: close the connection */
    SESSION_SERVER_TAKE_LEAVE,     /* TERMINATE becomes due */
    SESSION_SERVER_TURN_AWAY,      /* ERROR becomes due, with the caller's code and words */
    SESSION_SERVER_TIME_OUT,       /* ERROR becomes due */
    SESSION_SERVER_EXPIRE_TOKEN,   /* ERROR becomes due */
    SESSION_SERVER_TAKE_CLOSE,     /* nothing becomes due any more */
    SESSION_SERVER_TAKE_END,       /* the same: with NO_ERROR it counts as TERMINATE_ACK */
    SESSION_SERVER_ACTIONS,
};

extern const struct session_row session_lb_table[];
extern const size_t session_lb_rows;
extern const struct session_row session_server_table[];
extern const size_t session_server_rows;

/* Names for documents and ERROR's words; "?" for a number that has none. */
const char *session_event_name(unsigned event);
const char *session_lb_state_name(unsigned state);
const char *session_lb_action_name(unsigned action);
const char *session_server_state_name(unsigned state);
const char *session_server_action_name(unsigned action);

#endif
