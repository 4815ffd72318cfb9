#include "check/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/utf8.h"

int process_open(int pid)
{
    return pidfd_open(pid, 0); /* close-on-exec by itself */
}

void process_name(int pid, char ret[PROCESS_NAME])
{
    char path[40];
    ssize_t n = -1;

    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, ret, PROCESS_NAME - 1);
        close(fd);
    }
    if (n <= 0) {
        memcpy(ret, "?", 2);
        return;
    }
    ret[n] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
    utf8_clean(slice_str(ret), ret, PROCESS_NAME);
}
