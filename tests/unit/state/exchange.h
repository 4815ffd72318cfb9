/* Three machines in one place: a with the CA, b a server's, c a second load balancer's. */
#ifndef QHCP_TEST_STATE_EXCHANGE_H
#define QHCP_TEST_STATE_EXCHANGE_H

#include "place.h"

#include <jansson.h>

#include "auth/auth.h"
#include "state/keys.h"

/* The operations on ROOT/machine at `now`; files are ROOT's. */
int exchange_export(struct place *p, const char *machine, const char *names, const char *file,
                    int64_t now);
int exchange_import(struct place *p, const char *machine, const char *file, bool force,
                    int64_t now);
int exchange_request(struct place *p, const char *machine, const char *file, int64_t now);
int exchange_request_check(struct place *p, const char *machine, const char *file, int64_t now);
int exchange_accept(struct place *p, const char *machine, const char *request, const char *file,
                    int64_t now);
int exchange_rotate(struct place *p, const char *machine, int64_t grace, int64_t now);
/* Every server anew, into the directory `dir` (ROOT's). */
int exchange_export_all(struct place *p, const char *machine, const char *dir, bool force,
                        int64_t now);
int exchange_rotate_force(struct place *p, const char *machine, int64_t grace, int64_t now);
/* The same, which must succeed. */
#define MUST(call) exchange_must(p, call)
void exchange_must(const struct place *p, int error);

/* Does the server of `machine` accept a token that the key in `key_file` (ROOT's) signs for `aud`?
 * *ret_scopes may be NULL. */
int exchange_ask(struct place *p, const char *machine, const char *key_file, const char *aud,
                 int64_t now, unsigned *ret_scopes);

json_t *exchange_load(const struct place *p, const char *file);
void exchange_save(const struct place *p, const char *file, json_t *doc); /* takes doc over */

#endif
