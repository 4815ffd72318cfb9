#include "proxy/proxy.h"

const char *proxy_failure_name(enum proxy_failure f)
{
    static const char *const names[] = {
        [PROXY_REFUSED] = "refused",         [PROXY_TIMED_OUT] = "timed_out",
        [PROXY_UNREACHABLE] = "unreachable", [PROXY_RESET] = "reset",
        [PROXY_NO_ANSWER] = "no_answer",     [PROXY_NO_PORT] = "no_source_port"};

    return names[f];
}

struct end {
    const char *name, *words;
};

static const struct end ends[] = {
    [PROXY_BY_CLIENT] = {"by_client", "closed by the client"},
    [PROXY_BY_SERVER] = {"by_server", "closed by the server"},
    [PROXY_CLIENT_RESET] = {"client_reset", "reset by the client"},
    [PROXY_SERVER_RESET] = {"server_reset", "reset by the server"},
    [PROXY_CLIENT_LOST] = {"client_lost", "the client no longer answers"},
    [PROXY_SERVER_LOST] = {"server_lost", "the server no longer answers"},
    [PROXY_IDLE] = {"idle", "cut: idle for --idle-timeout"},
    [PROXY_HALF_CLOSED] = {"half_closed", "cut: half-closed and idle for --half-close-timeout"},
    [PROXY_DRAINED] = {"drained", "cut: the drain of its server is over"},
    [PROXY_DOWN] = {"server_down", "cut: its server is down"},
    [PROXY_STOPPED] = {"stopped", "cut: the load balancer stops"},
    [PROXY_OURS] = {"resources", "cut: this machine lacks descriptors or memory"},
    [PROXY_NOBODY] = {"no_server", "no server could take it"},
};

const char *proxy_end_name(enum proxy_end e)
{
    return ends[e].name;
}

const char *proxy_end_words(enum proxy_end e)
{
    return ends[e].words;
}
