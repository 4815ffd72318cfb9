/* Where a sink's requests go, and what proves who sends them.
 *
 *     URL | @FILE   https://HOST[:PORT][/PATH]; @FILE has the URL in it, for one that is a secret
 *     token-file=   a token, in a header
 *     header-file=  more headers, one a line
 *     ca-file=      whom to trust instead of the system's
 *     insecure=     certificates are NOT verified; and http:// to other machines is allowed
 *
 * Files with secrets must be private, are read again for each request (a token is renewed by a
 * rename), and nothing of them, nor the path of a URL, is ever in a name or in words. */
#ifndef QHCP_SINKS_SINK_URL_H
#define QHCP_SINKS_SINK_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "sinks/sink_args.h"

#define SINK_URL_SETTINGS " token-file header-file ca-file insecure"

struct curl_slist;

struct sink_url {
    const char *url, *url_file; /* one of the two */
    const char *token_file, *header_file, *ca_file;
    bool insecure;
};

/* From the first argument and the settings; what the sink is called (args->name) becomes a name
 * without secrets.  No file is looked at.  QHCP_E_PARSE with words. */
int sink_url_parse(struct sink_args *args, struct sink_url *ret, char *words, size_t words_cap);

/* The URL, free() it; and the headers, curl_slist_free_all() them (also after a failure: NULL).
 * token: the header's begin, "Authorization: Bearer ".  Errors of files, QHCP_E_PARSE, with words.
 */
int sink_url_open(const struct sink_url *e, const char *token, char **ret_url,
                  struct curl_slist **ret_headers, char *words, size_t words_cap);

/* Can all of it be read?  As sink_url_open, and nothing is kept. */
int sink_url_look(const struct sink_url *e, const char *token, char *words, size_t words_cap);

#endif
