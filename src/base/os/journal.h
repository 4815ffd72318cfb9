/* The way to the journal whose reader our standard error has (systemd-journald.service(8)).
 *
 * journald listens at two sockets in one directory: at `stdout` for lines, which is what standard
 * error of a service is connected to, and at `socket` for messages with fields.  sd_journal_send(3)
 * is not used, since it waits for a journal that does not read. */
#ifndef QHCP_BASE_OS_JOURNAL_H
#define QHCP_BASE_OS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

/* JOURNAL_STREAM (systemd.exec(5)) names what this descriptor is. */
bool journal_reads(int fd);

/* A socket to which messages can be sent, from the descriptor that journal_reads; -1: there is
 * none. */
int journal_open(int fd);

/* One message.  False: it was not taken at once. */
bool journal_send(int journal, const char *p, size_t n);

#endif
