/* One server of --servers: its address, and what the operator says of it, as words of KEY=VALUE
 * behind the address: "10.0.0.1:4243 weight=2 priority=1 service=tcp:8080". */
#ifndef QHCP_SOURCES_LISTED_H
#define QHCP_SOURCES_LISTED_H

#include "base/address.h"

#include <qhcp/error.h>

struct listed {
    char address[ADDRESS_KEY]; /* as written */
    unsigned weight;           /* 1 to FLEET_WEIGHT_MAX; 1 where nothing is said */
    unsigned priority;         /* 0 to FLEET_TIERS - 1 */
    uint16_t port;             /* of its service; 0: what the server offers */
    union qhcp_addr service;   /* where that is; AF_UNSPEC: at the server's verified address */
};

/* QHCP_E_PARSE, QHCP_E_ARG or QHCP_E_EXISTS (a setting is there twice), with words that quote what
 * is wrong.  Whether the address is one is address_parse's to say. */
int listed_parse(const char *text, struct listed *ret, char *words, size_t words_cap);

/* "tcp:PORT", "tcp:ADDRESS:PORT": *ret is AF_UNSPEC for the first.  QHCP_E_PARSE. */
int listed_service(const char *text, union qhcp_addr *ret, uint16_t *ret_port, char *words,
                   size_t words_cap);

#endif
