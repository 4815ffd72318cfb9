/* The cause of a verdict; the owner makes words of it. */
#ifndef QHCP_HEALTH_CAUSE_H
#define QHCP_HEALTH_CAUSE_H

enum health_cause {
    HEALTH_CAUSE_NONE = 0,
    HEALTH_CAUSE_STATUS,       /* the server said so */
    HEALTH_CAUSE_SILENCE,      /* misses checks unanswered, in span */
    HEALTH_CAUSE_UNREACHABLE,  /* ICMP, confirmed by an unanswered burst or refused dials */
    HEALTH_CAUSE_NO_HANDSHAKE, /* dials timed out */
    HEALTH_CAUSE_REFUSED,      /* certificate or token refused, or a protocol error */
    HEALTH_CAUSE_STOPPED,      /* TERMINATE came and the connection ended */
    HEALTH_CAUSE_CLOSED,       /* connection closed by the peer, redials failed */
    HEALTH_CAUSE_METRICS,      /* none: it is up, but without the required metrics */
    HEALTH_CAUSE_DATA_PORT,    /* it says that it serves, but its data port does not */
    HEALTH_CAUSE_HELD,         /* it serves again, but failed too often recently: until flap.until
                                */
    HEALTH_CAUSE_OPERATOR,     /* the owner's list has it; never of health */
    HEALTH_CAUSE_BRAKE,        /* it is silent, but too many others went down just now: held */
};

#endif
