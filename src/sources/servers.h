/* The list of servers as a whole.  (One server of it is listed.h's.) */
#ifndef QHCP_SOURCES_SERVERS_H
#define QHCP_SOURCES_SERVERS_H

#include "base/address.h"
#include "conf/list.h"

#include <qhcp/error.h>

/* Is no address and no name in the list twice?  (Its entries are well-formed: listed.h.)  option:
 * whose value the list is.  0, or the first fault: QHCP_E_EXISTS, QHCP_E_NOMEM. */
int servers_check(const struct list *list, const char *option, struct faults *f);

/* The spelling that all of one server's have in common (address_key), of its address or its entry
 * in the list; "" for what is neither. */
void servers_key(const char *text, char ret[ADDRESS_KEY]);

#endif
