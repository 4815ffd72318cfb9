/* The page: files of src/admin/page and what Debian has of dygraphs, in the binary's own memory
 * (tools/embed.py makes them). */
#ifndef QHCP_ADMIN_ADMIN_PAGE_H
#define QHCP_ADMIN_ADMIN_PAGE_H

#include <stddef.h>

struct admin_request;

struct admin_page_file {
    const char *name, *type, *etag; /* name NULL: the end */
    const unsigned char *at;
    size_t n;
};

extern const struct admin_page_file admin_page_files[];

/* GET / */
void admin_page_root(struct admin_request *q);
/* GET /page/NAME */
void admin_page_part(struct admin_request *q);

#endif
