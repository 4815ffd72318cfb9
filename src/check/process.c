#include "check/process.h"

#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/os/procfs.h"
#include "base/utf8.h"

int process_open(int pid)
{
    return pidfd_open(pid, 0); /* close-on-exec by itself */
}

void process_name(int pid, char ret[PROCESS_NAME])
{
    char dir[40];
    int fd;

    snprintf(dir, sizeof dir, "/proc/%d", pid);
    fd = procfs_open(dir, "comm");
    if (!procfs_text(fd, ret, PROCESS_NAME))
        memcpy(ret, "?", 2);
    procfs_close(&fd);
    ret[strcspn(ret, "\n")] = '\0';
    utf8_clean(slice_str(ret), ret, PROCESS_NAME);
}
