"""Processes that a test starts: their lines as they come, each waited for with a deadline; ended by
their own pid, and by the kernel should the test itself be killed."""

import ctypes
import os
import re
import select
import selectors
import signal
import subprocess
import time
from contextlib import nullcontext

from lib.net import die_with_parent

_libc = ctypes.CDLL(None, use_errno=True)
IN_MODIFY = 2
# The least time, in seconds, for what is waited for.  A test that judges how soon it comes measures that
# (Case.assert_soon): a deadline of its own would judge the machine.
PATIENCE = 30


class Gone(AssertionError):
    """What was waited for cannot come any more, or did not come in time."""


class Process:
    """A child whose standard output is read line by line; standard error goes to a file."""

    def __init__(self, command, *, name, log, env=None, namespace=None, stdin=subprocess.DEVNULL, fds=()):
        self.name, self.log = name, log
        self.lines, self._rest, self._eof = [], b"", False
        with namespace or nullcontext(), open(log, "ab") as errors:
            self.popen = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE,
                                          stderr=errors, env=env, bufsize=0, pass_fds=fds,
                                          preexec_fn=lambda: die_with_parent(signal.SIGKILL))
        os.set_blocking(self.popen.stdout.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.popen.stdout, selectors.EVENT_READ)

    @property
    def pid(self):
        return self.popen.pid

    def _pull(self, wait):
        """Reads what is there, after waiting up to `wait` seconds for something."""
        if self._eof or not self._selector.select(max(wait, 0)):
            return
        data = self.popen.stdout.read(65536)
        if data is None:
            return
        self._eof = data == b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += [line.decode("utf-8", "replace") for line in lines]

    def wait_line(self, wanted, within, since=0):
        """(index, line) of the first line from index `since` on for which wanted(line) is true."""
        within = max(within, PATIENCE)
        deadline, index = time.monotonic() + within, since
        while True:
            while index < len(self.lines):
                if wanted(self.lines[index]):
                    return index, self.lines[index]
                index += 1
            left = deadline - time.monotonic()
            if self._eof or left <= 0:
                why = "its output ended" if self._eof else f"{within} s passed"
                raise Gone(f"{self.name}: {why} before the line that was waited for\n{self.story()}")
            self._pull(left)

    def errors(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def story(self):
        """The end of both its outputs, for a failure's message."""
        said, logged = self.lines[-15:], self.errors().split("\n")[-25:]
        return "\n".join([f"--- {self.name}, standard output:", *said,
                          f"--- {self.name}, standard error:", *logged])

    def send(self, number):
        self.popen.send_signal(number)

    def wait(self, within):
        """Its exit status (negative: the signal); reads on meanwhile, so that it cannot block."""
        within = max(within, PATIENCE)
        deadline = time.monotonic() + within
        while not self._eof:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Gone(f"{self.name} did not end within {within} s\n{self.story()}")
            self._pull(left)
        try:
            return self.popen.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            raise Gone(f"{self.name} did not end within {within} s\n{self.story()}") from None

    def stop(self, number=signal.SIGTERM, within=10):
        if self.popen.poll() is None:
            self.send(number)
        return self.wait(within)

    def kill(self):
        """SIGKILL, by pid; harmless when it has ended."""
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()

    def close(self):
        self.kill()
        self._selector.close()
        self.popen.stdout.close()


def wait_log(process, pattern, within, start=0):
    """The match of the first line in a process's standard error, from character `start` on, once it
    is there: the kernel tells of each write."""
    within = max(within, PATIENCE)
    deadline = time.monotonic() + within
    fd = _libc.inotify_init1(os.O_CLOEXEC)
    try:
        _libc.inotify_add_watch(fd, os.fsencode(process.log), IN_MODIFY)
        while True:
            ended = process.popen.poll() is not None  # before the last look at what it has logged
            found = re.search(pattern, process.errors()[start:])
            left = deadline - time.monotonic()
            if found:
                return found
            if left <= 0 or ended:
                why = f"{within} s passed" if left <= 0 else f"it ended ({process.popen.returncode})"
                raise Gone(f"{process.name}: {why} before it logged {pattern!r}\n{process.story()}")
            if select.select([fd], [], [], min(left, 0.5))[0]:
                os.read(fd, 65536)
    finally:
        os.close(fd)
