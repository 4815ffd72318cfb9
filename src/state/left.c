#include "state/left.h"

#include <stddef.h>

#include "base/os/file.h"
#include "state/state.h"

#include <qhcp/error.h>

int left_write(const char *path, const char *text, char *words, size_t words_cap)
{
    return file_replace(path, slice_str(text), 0600, false, &(struct words){words, words_cap});
}

char *left_read(const char *path, size_t max, char *words, size_t words_cap)
{
    char *text;
    int r = state_read_file(path, true, max, &text, NULL, words, words_cap);

    if ((r == 0 || r == QHCP_E_NOT_FOUND) && words_cap > 0)
        words[0] = '\0';
    return r == 0 ? text : NULL;
}
