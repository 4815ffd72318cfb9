/* The load balancer's machine as data.  The two rows of a steady session stand first: the search is
 * linear, and they are nearly all that ever happens.
 *
 * Datagrams may overtake the stream and each other, so a push may come before ACK, and answers may
 * come in every state after it.  A CLOSED session reads nothing more. */
#include "session/tables.h"

#define ROW(state, event, action, next)                                                            \
    {                                                                                              \
        SESSION_LB_##state, SESSION_##event, SESSION_LB_##action, SESSION_LB_##next                \
    }

const struct session_row session_lb_table[] = {
    ROW(ACTIVE, ON_HEALTH_RESPONSE, TAKE_RESPONSE, ACTIVE),
    ROW(ACTIVE, DO_REQUEST, ASK, ACTIVE),

    ROW(IDLE, ON_UNKNOWN, IGNORE, IDLE),
    ROW(IDLE, DO_OPEN, GREET, GREETING),
    ROW(IDLE, DO_TERMINATE, ABANDON, TERMINATING),
    ROW(IDLE, ON_CLOSED, TAKE_CLOSE, CLOSED),

    ROW(GREETING, ON_UNKNOWN, IGNORE, GREETING),
    ROW(GREETING, ON_ACK, ESTABLISH, ACTIVE),
    ROW(GREETING, ON_HEALTH_RESPONSE, TAKE_EARLY, GREETING),
    ROW(GREETING, ON_ERROR, TAKE_ERROR, CLOSED),
    ROW(GREETING, DO_TERMINATE, ABANDON, TERMINATING),
    ROW(GREETING, AT_DEADLINE, TIME_OUT, CLOSED),
    ROW(GREETING, ON_CLOSED, TAKE_CLOSE, CLOSED),

    ROW(ACTIVE, ON_UNKNOWN, IGNORE, ACTIVE),
    ROW(ACTIVE, ON_CONFIG_ACK, TAKE_CONFIG, ACTIVE),
    ROW(ACTIVE, ON_ERROR, TAKE_ERROR, CLOSED),
    ROW(ACTIVE, ON_TERMINATE, TAKE_TERMINATE, LEAVING),
    ROW(ACTIVE, DO_CONFIG, CONFIGURE, ACTIVE),
    ROW(ACTIVE, DO_TERMINATE, TAKE_LEAVE, TERMINATING),
    ROW(ACTIVE, AT_DEADLINE, TIME_OUT, CLOSED),
    ROW(ACTIVE, ON_CLOSED, TAKE_CLOSE, CLOSED),

    ROW(LEAVING, ON_UNKNOWN, IGNORE, LEAVING),
    ROW(LEAVING, ON_HEALTH_RESPONSE, TAKE_RESPONSE, LEAVING),
    ROW(LEAVING, ON_CONFIG_ACK, TAKE_CONFIG, LEAVING),
    ROW(LEAVING, ON_ERROR, TAKE_ERROR, CLOSED),
    ROW(LEAVING, DO_REQUEST, ASK, LEAVING),
    ROW(LEAVING, DO_CONFIG, CONFIGURE, LEAVING),
    ROW(LEAVING, DO_TERMINATE, TAKE_LEAVE_BOTH, TERMINATING),
    ROW(LEAVING, DO_LEAVE, ACKNOWLEDGE, LEFT),
    ROW(LEAVING, AT_DEADLINE, TIME_OUT, CLOSED),
    ROW(LEAVING, ON_CLOSED, TAKE_END, CLOSED),

    ROW(LEFT, ON_UNKNOWN, IGNORE, LEFT),
    ROW(LEFT, ON_HEALTH_RESPONSE, TAKE_RESPONSE, LEFT),
    ROW(LEFT, ON_CONFIG_ACK, TAKE_CONFIG, LEFT),
    ROW(LEFT, ON_ERROR, TAKE_ERROR, CLOSED),
    ROW(LEFT, DO_REQUEST, ASK, LEFT),
    ROW(LEFT, DO_TERMINATE, ABANDON, TERMINATING),
    ROW(LEFT, ON_CLOSED, TAKE_END, CLOSED),

    /* ACK: it may come after a TERMINATE that did not wait for it. */
    ROW(TERMINATING, ON_UNKNOWN, IGNORE, TERMINATING),
    ROW(TERMINATING, ON_ACK, IGNORE, TERMINATING),
    ROW(TERMINATING, ON_HEALTH_RESPONSE, TAKE_RESPONSE, TERMINATING),
    ROW(TERMINATING, ON_CONFIG_ACK, TAKE_CONFIG, TERMINATING),
    ROW(TERMINATING, ON_ERROR, TAKE_ERROR, CLOSED),
    ROW(TERMINATING, ON_TERMINATE, CROSS, TERMINATING),
    ROW(TERMINATING, ON_TERMINATE_ACK, FINISH, CLOSED),
    ROW(TERMINATING, AT_DEADLINE, FINISH, CLOSED),
    ROW(TERMINATING, ON_CLOSED, TAKE_END, CLOSED),

    ROW(CLOSED, ON_UNKNOWN, IGNORE, CLOSED),
    ROW(CLOSED, ON_HELLO, IGNORE, CLOSED),
    ROW(CLOSED, ON_ACK, IGNORE, CLOSED),
    ROW(CLOSED, ON_HEALTH_REQUEST, IGNORE, CLOSED),
    ROW(CLOSED, ON_HEALTH_RESPONSE, IGNORE, CLOSED),
    ROW(CLOSED, ON_CONFIG_UPDATE, IGNORE, CLOSED),
    ROW(CLOSED, ON_CONFIG_ACK, IGNORE, CLOSED),
    ROW(CLOSED, ON_ERROR, IGNORE, CLOSED),
    ROW(CLOSED, ON_TERMINATE, IGNORE, CLOSED),
    ROW(CLOSED, ON_TERMINATE_ACK, IGNORE, CLOSED),
    ROW(CLOSED, ON_CLOSED, IGNORE, CLOSED),
};
const size_t session_lb_rows = sizeof session_lb_table / sizeof session_lb_table[0];

const char *session_lb_state_name(unsigned state)
{
    static const char *const names[SESSION_LB_STATES] = {
        [SESSION_LB_IDLE] = "IDLE",     [SESSION_LB_GREETING] = "GREETING",
        [SESSION_LB_ACTIVE] = "ACTIVE", [SESSION_LB_LEAVING] = "LEAVING",
        [SESSION_LB_LEFT] = "LEFT",     [SESSION_LB_TERMINATING] = "TERMINATING",
        [SESSION_LB_CLOSED] = "CLOSED",
    };

    return state < SESSION_LB_STATES ? names[state] : "?";
}

const char *session_lb_action_name(unsigned action)
{
    static const char *const names[SESSION_LB_ACTIONS] = {
        [SESSION_LB_IGNORE] = "ignore",
        [SESSION_LB_GREET] = "send HELLO",
        [SESSION_LB_ESTABLISH] = "take ACK",
        [SESSION_LB_TAKE_RESPONSE] = "take the answer or push",
        [SESSION_LB_TAKE_EARLY] = "ignore: it overtook ACK",
        [SESSION_LB_TAKE_CONFIG] = "take CONFIG_ACK",
        [SESSION_LB_TAKE_ERROR] = "report ERROR",
        [SESSION_LB_TAKE_TERMINATE] = "end traffic to the server",
        [SESSION_LB_CROSS] = "send TERMINATE_ACK",
        [SESSION_LB_FINISH] = "close the connection",
        [SESSION_LB_ASK] = "send HEALTH_REQUEST",
        [SESSION_LB_CONFIGURE] = "send CONFIG_UPDATE",
        [SESSION_LB_TAKE_LEAVE] = "send TERMINATE",
        [SESSION_LB_TAKE_LEAVE_BOTH] = "send TERMINATE and TERMINATE_ACK",
        [SESSION_LB_ABANDON] = "close the connection, send nothing",
        [SESSION_LB_ACKNOWLEDGE] = "send TERMINATE_ACK",
        [SESSION_LB_TIME_OUT] = "send ERROR",
        [SESSION_LB_TAKE_CLOSE] = "report the code",
        [SESSION_LB_TAKE_END] = "ended in order, with NO_ERROR; else report the code",
    };

    return action < SESSION_LB_ACTIONS ? names[action] : "?";
}
