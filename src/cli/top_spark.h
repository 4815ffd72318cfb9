/* The last minute of one figure, a value a second, as a line of eight heights. */
#ifndef QHCP_CLI_TOP_SPARK_H
#define QHCP_CLI_TOP_SPARK_H

#include <stddef.h>
#include <stdint.h>

#define TOP_SPARK 60

struct text;

struct top_spark {
    int64_t second;            /* of the newest value; 0: there is none yet */
    int32_t values[TOP_SPARK]; /* at second % TOP_SPARK; -1: none */
};

/* second: from 1 on, and never back. */
void top_spark_add(struct top_spark *s, int64_t second, int64_t value);

/* The newest `width` seconds before and at `second`, newest last, a character each: of ASCII, or
 * blocks.  most: the value of the full height; 0: twice the average of what is shown.  A second
 * without a value is a blank. */
void top_spark_text(const struct top_spark *s, int64_t second, size_t width, int64_t most,
                    int blocks, struct text *t);

#endif
