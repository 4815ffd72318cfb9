/* What a test of words includes first. */
#ifndef QHCP_TESTS_WORDS_H
#define QHCP_TESTS_WORDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* words mention part. */
#define assert_says(words, part)                                                                   \
    do {                                                                                           \
        if (!strstr((words), (part)))                                                              \
            fail_msg("\"%s\" does not say \"%s\"", (words), (part));                               \
    } while (0)

#endif
