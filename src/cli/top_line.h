/* A line that somebody types: UTF-8, bounded. */
#ifndef QHCP_CLI_TOP_LINE_H
#define QHCP_CLI_TOP_LINE_H

#include <stddef.h>
#include <stdint.h>

#define TOP_LINE 200 /* bytes, and a NUL: as much as the admin interface takes as a reason */

struct top_line {
    char text[TOP_LINE];
    size_t n;
};

void top_line_clear(struct top_line *l);
/* A character; what does not show or does not fit is left out. */
void top_line_add(struct top_line *l, uint32_t c);
/* The last character goes. */
void top_line_back(struct top_line *l);

#endif
