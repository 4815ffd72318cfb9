/* Configurations of other programs, as one of `qhcp lb`. */
#ifndef QHCP_CONVERT_CONVERT_H
#define QHCP_CONVERT_CONVERT_H

#include <stddef.h>

#include "base/text.h"

#define CONVERT_MAX (4u << 20) /* bytes of a file */

/* Text of a haproxy.cfg as YAML of `qhcp lb`, which --check-config takes; its name is for notes.
 * What has no counterpart is a comment in the YAML, and a line "NAME:LINE: words" in *ret_notes.
 * QHCP_E_PARSE, QHCP_E_FULL, QHCP_E_NOT_FOUND (no server is in it), QHCP_E_NOMEM: words of
 * words_cap bytes say what is wrong, and *ret_yaml is empty.  The caller frees both in any case. */
int convert_haproxy(const char *name, const char *text, size_t n, struct text *ret_yaml,
                    struct text *ret_notes, char *words, size_t words_cap);

#endif
