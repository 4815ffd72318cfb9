/* The list of servers as a whole.  (One server of it is listed.h's.) */
#ifndef QHCP_SOURCES_SERVERS_H
#define QHCP_SOURCES_SERVERS_H

#include "base/address.h"

#include <qhcp/error.h>

/* Is every entry of the list well-formed (listed.h), and no address there twice?  QHCP_E_PARSE,
 * QHCP_E_EXISTS, QHCP_E_ARG (the list is empty), QHCP_E_NOMEM, with words that name the position,
 * from 1. */
int servers_check(char *const *list, size_t n, char *words, size_t words_cap);

/* The spelling that all of one server's have in common (address_key), of its address or its entry
 * in the list; "" for what is neither. */
void servers_key(const char *text, char ret[ADDRESS_KEY]);

#endif
