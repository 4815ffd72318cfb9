#include "base/os/procfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4096 };

int procfs_open(const char *dir, const char *name)
{
    char path[PATH];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);

    /* O_NONBLOCK: whatever the tree holds (a FIFO, by mistake), the reader does not wait for it. */
    return n > 0 && n < PATH ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
}

/* From its start, as a string.  The kernel may hand a long file out in pieces. */
static bool read_text(int fd, char *buf, size_t cap)
{
    size_t used = 0;
    ssize_t n = 1;

    while (fd >= 0 && n > 0 && used < cap - 1) {
        n = pread(fd, buf + used, cap - 1 - used, (off_t)used);
        if (n > 0)
            used += (size_t)n;
    }
    buf[used] = '\0';
    return used > 0 && n >= 0;
}

bool procfs_text(const char *dir, const char *name, char *buf, size_t cap)
{
    int fd = procfs_open(dir, name);
    bool read = read_text(fd, buf, cap);

    if (fd >= 0)
        close(fd);
    return read;
}

/* Another file may have its name by now. */
static bool is_there(const struct procfs_held *h)
{
    struct stat st;

    return h->number > 0 && fstat(h->number - 1, &st) == 0 && st.st_nlink > 0;
}

bool procfs_text_held(struct procfs_held *h, const char *dir, const char *name, char *buf,
                      size_t cap)
{
    if (is_there(h) && read_text(h->number - 1, buf, cap))
        return true;
    procfs_let_go(h);
    h->number = procfs_open(dir, name) + 1;
    return read_text(h->number - 1, buf, cap);
}

void procfs_let_go(struct procfs_held *h)
{
    if (h->number > 0)
        close(h->number - 1);
    h->number = 0;
}

bool procfs_digits(const char **p, uint64_t *ret)
{
    const char *s = *p;
    uint64_t v = 0;

    if (*s < '0' || *s > '9')
        return false;
    for (; *s >= '0' && *s <= '9'; s++) {
        uint64_t digit = (uint64_t)(*s - '0');

        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *p = s;
    *ret = v;
    return true;
}

bool procfs_number_of(const char *text, uint64_t *ret)
{
    uint64_t v;

    if (!procfs_digits(&text, &v) || (text[0] != '\0' && (text[0] != '\n' || text[1] != '\0')))
        return false;
    *ret = v;
    return true;
}

bool procfs_number(const char *dir, const char *name, uint64_t *ret)
{
    char text[32];

    return procfs_text(dir, name, text, sizeof text) && procfs_number_of(text, ret);
}

bool procfs_field(const char *text, const char *name, uint64_t *ret)
{
    size_t n = strlen(name);

    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, name, n) == 0 && (line[n] == ' ' || line[n] == ':')) {
            const char *p = line + n + 1;

            p += strspn(p, " \t");
            return procfs_digits(&p, ret);
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return false;
}
