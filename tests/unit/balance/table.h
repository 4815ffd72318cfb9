/* A fleet of the test's own, and an algorithm over it. */
#ifndef QHCP_TESTS_TABLE_H
#define QHCP_TESTS_TABLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "balance/balance.h"

struct table {
    struct load *loads; /* n + 1: the last counts all */
    struct fleet_server *servers;
    struct fleet fleet;
    const struct balance_algorithm *algorithm;
    struct balance *balance;
    struct balance_worker *worker;
    struct balance_request request;
};

/* n servers that are up, weight 1; key and slot follow their index. */
void table_init(struct table *t, size_t n);
void table_deinit(struct table *t);
/* Makes plan, table and worker anew from what the servers are now; the worker goes on from the one
 * before. */
void table_use(struct table *t, const char *algorithm);
uint32_t table_pick(struct table *t);
/* How often each is picked in n picks: counts has room for every server. */
void table_count(struct table *t, size_t n, unsigned *counts);

#endif
