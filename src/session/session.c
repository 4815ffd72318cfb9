/* What both machines share: the search for a row, the names of events, words made safe to send. */
#include "session/session.h"

#include "base/utf8.h"
#include "session/tables.h"

const struct session_row *session_find(const struct session_row *table, size_t n, unsigned state,
                                       unsigned event)
{
    for (const struct session_row *row = table; row < table + n; row++)
        if (row->event == event && row->state == state)
            return row;
    return NULL;
}

enum session_event session_frame_event(uint64_t type)
{
    return type <= WIRE_TERMINATE_ACK ? (enum session_event)type : SESSION_ON_UNKNOWN;
}

const char *session_event_name(unsigned event)
{
    static const char *const names[SESSION_EVENTS] = {
        [SESSION_ON_UNKNOWN] = "unknown frame",
        [SESSION_ON_HELLO] = "HELLO",
        [SESSION_ON_ACK] = "ACK",
        [SESSION_ON_HEALTH_REQUEST] = "HEALTH_REQUEST",
        [SESSION_ON_HEALTH_RESPONSE] = "HEALTH_RESPONSE",
        [SESSION_ON_CONFIG_UPDATE] = "CONFIG_UPDATE",
        [SESSION_ON_CONFIG_ACK] = "CONFIG_ACK",
        [SESSION_ON_ERROR] = "ERROR",
        [SESSION_ON_TERMINATE] = "TERMINATE",
        [SESSION_ON_TERMINATE_ACK] = "TERMINATE_ACK",
        [SESSION_ON_CLOSED] = "peer closed",
        [SESSION_DO_OPEN] = "handshake done",
        [SESSION_DO_REQUEST] = "check is due",
        [SESSION_DO_CONFIG] = "configure",
        [SESSION_DO_TERMINATE] = "stop",
        [SESSION_DO_LEAVE] = "last connection ended, or time is up",
        [SESSION_DO_ACCEPT] = "token is good",
        [SESSION_DO_REFUSE] = "refuse",
        [SESSION_DO_ANSWER] = "answer, push or beat",
        [SESSION_AT_DEADLINE] = "timeout",
        [SESSION_AT_EXPIRY] = "token expired",
    };

    return event < SESSION_EVENTS ? names[event] : "?";
}

void session_text(char *dst, size_t cap, const char *words, const char *fallback)
{
    utf8_clean(slice_str(words && *words ? words : fallback), dst, cap);
}
