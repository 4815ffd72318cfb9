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

    snprintf(dir, sizeof dir, "/proc/%d", pid);
    if (!procfs_text(dir, "comm", ret, PROCESS_NAME))
        memcpy(ret, "?", 2);
    ret[strcspn(ret, "\n")] = '\0';
    utf8_clean(slice_str(ret), ret, PROCESS_NAME);
}
