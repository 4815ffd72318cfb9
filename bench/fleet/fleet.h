/* One process that stands for many servers.
 *
 * Every server is the product's own core (qhcp/server.h) with an address, an identity, a status and
 * metrics of its own; they have one UDP socket together, and the address that a datagram was sent
 * to says whose it is.  What is the same for all of them is there once: the state directory, the
 * token keys, and one certificate for every CERT_SERVERS addresses.
 *
 *   main.c     options, standard input, the socket
 *   command.c  a line of the user's
 *   act.c      what it does to the servers
 *   fleet.c    packets to the cores and from them, deadlines
 *   member.c   one server: start, end, silence, delay
 *   certs.c    certificates of the private CA
 *   tell.c     what is printed */
#ifndef QHCP_BENCH_FLEET_H
#define QHCP_BENCH_FLEET_H

#include <stdint.h>
#include <stdio.h>

#include "base/wheel.h"
#include "command.h"
#include "loop/loop.h"

#include <qhcp/server.h>

#define FLEET_FIRST 0x7f010000u /* 127.1.0.0: the first server is 127.1.0.1 */
#define FLEET_MAX 65534
#define FLEET_DELAYED 256 /* packets that one slow server holds */
#define FLEET_PATH 128
#define CERT_SERVERS 16 /* so a certificate is as large as that of a host with some addresses */

/* A packet that a slow server has not seen yet. */
struct delayed {
    struct delayed *next;
    qhcp_nsec due;
    struct qhcp_packet packet;
    uint8_t data[];
};

struct member {
    struct wheel_timer timer; /* first: a node is its member */
    struct qhcp_server *core; /* NULL: it has ended */
    struct member *next;      /* of those that may have something to send */
    bool queued;              /* it is one of them */
    bool silent, stopping;
    qhcp_nsec slow;
    struct delayed *first, **last;
    unsigned n_delayed;
};

struct fleet {
    unsigned n;
    uint16_t port;
    struct loop *loop;
    struct loop_part part;
    struct loop_watch input, control;
    struct member *members; /* n servers, then the holders: one a certificate, then the root */
    unsigned n_holders;
    struct member *busy, **last_busy;
    struct wheel wheel;
    char dir[104]; /* of the certificates' files; "": none yet */
    /* Since the last `stats`. */
    struct counts {
        qhcp_nsec at, cpu;
        uint64_t in, out, answers, dropped, begun; /* sessions */
    } counts;
    size_t rss; /* before there were servers */
};

/* fleet.c */
int fleet_start(struct fleet *f, char *words, size_t words_cap);
void fleet_deinit(struct fleet *f);
void fleet_receive(void *ctx, qhcp_nsec now, const struct qhcp_packet *packets, size_t n);
size_t fleet_send(void *ctx, qhcp_nsec now, struct qhcp_packet *packets, size_t n);
void fleet_dropped(void *ctx, qhcp_nsec now, uint64_t n);
/* It may have something to send, and another deadline. */
void fleet_busy(struct fleet *f, struct member *m);

/* member.c */
/* A holder's address is nobody's: it answers nothing, and keeps what servers share. */
int member_start(struct fleet *f, struct member *m, qhcp_nsec now, char *words, size_t words_cap);
void member_end(struct fleet *f, struct member *m);
/* n packets for it. */
void member_receive(struct fleet *f, struct member *m, qhcp_nsec now,
                    const struct qhcp_packet *packets, size_t n);
void member_expire(struct fleet *f, struct member *m, qhcp_nsec now);
qhcp_nsec member_deadline(const struct member *m);
unsigned member_number(const struct fleet *f, const struct member *m); /* from 1 */
void member_address(unsigned number, char ret[16]);

/* certs.c */
/* One key, and a certificate for every CERT_SERVERS servers, as files in f->dir, of the CA in the
 * state directory. */
int certs_make(struct fleet *f, char *words, size_t words_cap);
void certs_path(const struct fleet *f, unsigned holder, char ret[FLEET_PATH]);
void certs_key_path(const struct fleet *f, char ret[FLEET_PATH]);
void certs_remove(struct fleet *f);

/* act.c */
void act_on(struct fleet *f, const struct command *c, qhcp_nsec now);

/* tell.c */
int tell_list_file(const struct fleet *f, const char *path);
void tell_list(const struct fleet *f, const struct command_which *which);
void tell_stats(struct fleet *f);
size_t tell_rss(void); /* bytes */
qhcp_nsec tell_cpu(void);

#endif
