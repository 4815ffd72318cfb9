/* One server of --servers: its address, and what the operator says of it, as words of KEY=VALUE
 * behind the address: "10.0.0.1:4243 name=web1 weight=2 service=tcp:8080".
 *
 * A name is 1 to LISTED_NAME of A-Z a-z 0-9 . _ -, of which the first is a letter or a digit: it
 * fits into URLs and into the configuration of proxies, and it is never an address, which has a
 * colon.  A tag may also have : = and /. */
#ifndef QHCP_SOURCES_LISTED_H
#define QHCP_SOURCES_LISTED_H

#include <stdbool.h>

#include "base/address.h"
#include "base/time.h"

#include <qhcp/error.h>

#define LISTED_NAME 64  /* bytes of a name, or of one tag */
#define LISTED_TAGS 255 /* bytes of all tags of a server */

enum listed_probe { LISTED_AS_ALL, LISTED_PROBE, LISTED_NO_PROBE };

struct listed {
    char address[ADDRESS_KEY];  /* as written */
    char name[LISTED_NAME + 1]; /* "": it has none but its address */
    char tags[LISTED_TAGS + 1]; /* with | between; "": none */
    unsigned weight;            /* 0 (no new connections) to FLEET_WEIGHT_MAX; by default 1 */
    unsigned priority;          /* 0 to FLEET_TIERS - 1 */
    uint16_t port;              /* of its service; 0: what the server offers */
    qhcp_nsec liveness, check;  /* intervals of its own; 0: those of all */
    bool ask, listen;           /* it is asked, or listened to; neither: as all are */
    enum listed_probe probe;    /* whether its data port is probed, */
    uint16_t probe_port;        /* and which one; 0: that of its service */
    union qhcp_addr service;    /* where that is; AF_UNSPEC: at the server's verified address */
};

/* QHCP_E_PARSE, QHCP_E_ARG or QHCP_E_EXISTS (a setting is there twice), with words that quote what
 * is wrong.  Whether the address is one is address_parse's to say. */
int listed_parse(const char *text, struct listed *ret, char *words, size_t words_cap);

/* The same, and the address is one. */
int listed_check(const char *text, char *words, size_t words_cap);

/* The settings by name, "name", "weight" ..., NULL at the end. */
extern const char *const listed_settings[];

/* Is this a value of that setting?  (What `listed_settings` does not have: QHCP_E_PARSE.) */
int listed_check_setting(const char *setting, const char *value, char *words, size_t words_cap);

/* "tcp:PORT", "tcp:ADDRESS:PORT": *ret is AF_UNSPEC for the first.  QHCP_E_PARSE. */
int listed_service(const char *text, union qhcp_addr *ret, uint16_t *ret_port, char *words,
                   size_t words_cap);

#endif
