#include <qhcp/error.h>
#include <qhcp/types.h>

const char *qhcp_strerror(int64_t error)
{
    switch (error < 0 ? error : -error) {
#define QHCP_ERROR_CASE(name, value, words)                                                        \
    case value:                                                                                    \
        return words;
        QHCP_ERRORS(QHCP_ERROR_CASE)
#undef QHCP_ERROR_CASE
    case 0:
        return "no error";
    default:
        return "unknown error";
    }
}

const char *qhcp_state_name(enum qhcp_state state)
{
    static const char *const names[] = {"connecting", "up",          "degraded",
                                        "draining",   "maintenance", "down"};

    return (unsigned)state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

const char *qhcp_cause_name(enum qhcp_cause cause)
{
    static const char *const names[] = {
        "none",   "status",  "silence",   "unreachable", "no_handshake", "refused", "stopped",
        "closed", "metrics", "data_port", "held",        "operator",     "brake"};

    return (unsigned)cause < sizeof names / sizeof names[0] ? names[cause] : "unknown";
}

const char *qhcp_use_name(enum qhcp_use use)
{
    static const char *const names[] = {"healthy", "all", "none"};

    return (unsigned)use < sizeof names / sizeof names[0] ? names[use] : "unknown";
}
