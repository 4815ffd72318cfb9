/* A small DNS server on a test's loop: it answers, or does not, as the test says. */
#ifndef QHCP_TESTS_NAMESERVER_H
#define QHCP_TESTS_NAMESERVER_H

#include "loop/loop.h"

enum nameserver_mood {
    NAMESERVER_ANSWERS,
    NAMESERVER_NXDOMAIN,
    NAMESERVER_SERVFAIL,
    NAMESERVER_SILENT,
    NAMESERVER_CIRCLE, /* of aliases */
    NAMESERVER_HALF,   /* A is answered, AAAA fails */
    NAMESERVER_NODATA, /* the name is there, and has nothing */
};

struct nameserver_service {
    const char *target;
    unsigned port, weight, priority;
};

struct nameserver {
    enum nameserver_mood mood;
    unsigned ttl;
    unsigned v4, v6; /* addresses: 10.0.X.Y and fd00::X:Y, from 1 on; they turn */
    struct nameserver_service services[4];
    unsigned n_services;
    unsigned asked, asked_tcp, turned;
    int udp, tcp, peer;
    char address[32]; /* "127.0.0.1:PORT" */
    struct loop *loop;
    struct loop_watch watch_udp, watch_tcp, watch_peer;
};

void nameserver_begin(struct nameserver *ret, struct loop *loop);
void nameserver_end(struct nameserver *n);

#endif
