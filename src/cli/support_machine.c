/* What `qhcp support` says of the build, the machine and the processes. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#include "base/os/procfs.h"
#include "base/version.h"
#include "cli/build.h"
#include "cli/support.h"

#define SMALL 65536

void support_build(struct text *t)
{
    text_printf(t, "qhcp %s\n%s\nlibraries at build: %s\nGnuTLS now: %s\nmade with: %s\n",
                BASE_VERSION, BUILD_OPTIONS, BUILD_LIBRARIES, gnutls_check_version(NULL),
                __VERSION__);
}

/* The lines of a small file of the kernel's that begin with one of these words; NULL: all. */
static void add_lines(struct text *t, const char *path, const char *const *wanted)
{
    char *all = malloc(SMALL), *rest = all, *line;

    if (!all || !procfs_text("", path, all, SMALL)) {
        text_printf(t, "(%s cannot be read)\n", path);
        free(all);
        return;
    }
    while ((line = strsep(&rest, "\n")) && (*line != '\0' || rest)) {
        bool take = !wanted;

        for (size_t i = 0; wanted && wanted[i] && !take; i++)
            take = strncmp(line, wanted[i], strlen(wanted[i])) == 0;
        if (take)
            text_printf(t, "%s\n", line);
    }
    free(all);
}

static void add_settings(struct text *t)
{
    static const char *const names[] = {"net/core/rmem_max",
                                        "net/core/wmem_max",
                                        "net/core/rmem_default",
                                        "net/core/netdev_max_backlog",
                                        "net/core/somaxconn",
                                        "net/ipv4/ip_local_port_range",
                                        "net/ipv4/udp_mem",
                                        "net/ipv4/tcp_mem",
                                        "net/netfilter/nf_conntrack_max",
                                        "net/netfilter/nf_conntrack_count",
                                        "net/ipv4/conf/all/rp_filter",
                                        "fs/file-max",
                                        "kernel/core_pattern",
                                        "vm/overcommit_memory"};
    char path[80], value[200];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "proc/sys/%s", names[i]);
        if (procfs_text("/", path, value, sizeof value))
            text_printf(t, "%s: %s", names[i], value);
    }
}

void support_machine(struct text *t)
{
    static const char *const release[] = {"PRETTY_NAME=", NULL};
    static const char *const memory[] = {
        "MemTotal:", "MemAvailable:", "SwapTotal:", "SwapFree:", NULL};
    static const char *const udp[] = {"Udp:", "Udp6", NULL};
    struct utsname u;

    if (uname(&u) == 0) /* without the machine's name */
        text_printf(t, "%s %s %s %s\n", u.sysname, u.release, u.version, u.machine);
    add_lines(t, "/etc/os-release", release);
    text_printf(t, "processors: %ld of %ld\n", sysconf(_SC_NPROCESSORS_ONLN),
                sysconf(_SC_NPROCESSORS_CONF));
    text_add(t, "load: ");
    add_lines(t, "/proc/loadavg", NULL);
    text_add(t, "seconds up, seconds idle: ");
    add_lines(t, "/proc/uptime", NULL);
    add_lines(t, "/proc/meminfo", memory);
    add_lines(t, "/proc/net/snmp", udp);
    add_lines(t, "/proc/net/sockstat", NULL);
    text_add(t, "waiting for a CPU:\n");
    add_lines(t, "/proc/pressure/cpu", NULL);
    add_settings(t);
}

static void add_command_line(struct text *t, const char *pid)
{
    char path[300], words[4096];
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    f = fopen(path, "re");
    n = f ? fread(words, 1, sizeof words - 1, f) : 0;
    if (f)
        fclose(f);
    for (size_t i = 0; i + 1 < n; i++)
        if (words[i] == '\0')
            words[i] = ' ';
    words[n] = '\0';
    text_printf(t, "\nprocess %s: %s\n", pid, words);
}

static void add_process(struct text *t, const char *pid)
{
    static const char *const status[] = {
        "State:",    "Uid:",         "VmPeak:",     "VmRSS:",   "VmLck:",
        "Threads:",  "CapEff:",      "NoNewPrivs:", "Seccomp:", "Cpus_allowed_list:",
        "voluntary", "nonvoluntary", NULL};
    char path[300];

    add_command_line(t, pid);
    snprintf(path, sizeof path, "/proc/%s/status", pid);
    add_lines(t, path, status);
    snprintf(path, sizeof path, "/proc/%s/limits", pid);
    add_lines(t, path, NULL);
    snprintf(path, sizeof path, "/proc/%s/cgroup", pid);
    add_lines(t, path, NULL);
}

static int is_number(const struct dirent *d)
{
    return d->d_name[strspn(d->d_name, "0123456789")] == '\0';
}

void support_processes(struct text *t)
{
    struct dirent **all;
    char path[300], name[32], own[16];
    int n = scandir("/proc", &all, is_number, versionsort), found = 0;

    snprintf(own, sizeof own, "%d", getpid());
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "proc/%s/comm", all[i]->d_name);
        if (procfs_text("/", path, name, sizeof name) && strcmp(name, "qhcp\n") == 0 &&
            strcmp(all[i]->d_name, own) != 0) {
            add_process(t, all[i]->d_name);
            found++;
        }
        free(all[i]);
    }
    if (n >= 0)
        free(all);
    if (found == 0)
        text_add(t, "(no qhcp lb or qhcp server runs here)\n");
}
