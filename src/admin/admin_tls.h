/* The certificate of the admin interface, for addresses that others reach.  Inside src/admin alone.
 */
#ifndef QHCP_ADMIN_ADMIN_TLS_H
#define QHCP_ADMIN_ADMIN_TLS_H

#include <stddef.h>
#include <stdint.h>

struct admin;

struct admin_pair {
    char *cert, *key; /* PEM */
};

/* The files of the options, or the state directory's.  *ret_stamp is another number when they may
 * have changed.  QHCP_E_* with words.  admin_tls_free it. */
int admin_tls_load(const struct admin *a, struct admin_pair *ret, uint64_t *ret_stamp, char *words,
                   size_t words_cap);
uint64_t admin_tls_stamp(const struct admin *a);
void admin_tls_free(struct admin_pair *pair);

#endif
