"""A program on a terminal: a pty, and what a person would see on it (pyte emulates the terminal)."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from lib.net import die_with_parent

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-pyte, whichever python runs the tests
import pyte  # pylint: disable=wrong-import-position


class Terminal:
    def __init__(self, command, *, env, columns=80, lines=24):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""  # all that was written
        self.master, self.slave = pty.openpty()  # ours stays open: it shows the modes after the end
        self._size(columns, lines)
        self.before = termios.tcgetattr(self.slave)

        def settle():
            die_with_parent(signal.SIGKILL)
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.popen = subprocess.Popen(command, stdin=self.slave, stdout=self.slave, stderr=self.slave, env=env,
                                      start_new_session=True, preexec_fn=settle)

    def _size(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns, lines):
        self.screen.resize(lines, columns)
        self._size(columns, lines)

    def _pull(self, wait):
        if not select.select([self.master], [], [], max(wait, 0))[0]:
            return False
        data = os.read(self.master, 65536)
        self.raw += data
        self.stream.feed(data)
        return True

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait(self, wanted, within):
        """What is on the screen, once wanted(it) is true."""
        end = time.monotonic() + within
        while not wanted(self.text()):
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{within} s passed, and the screen shows:\n{self.text()}")
            self._pull(min(left, 1))
        return self.text()

    def type(self, text):
        os.write(self.master, text.encode())

    def ended(self, within):
        """Its exit status (negative: the signal)."""
        end = time.monotonic() + within
        while self.popen.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"it did not end within {within} s; the screen shows:\n{self.text()}")
            self._pull(0.05)
        while self._pull(0):
            pass
        return self.popen.returncode

    def is_restored(self):
        """The modes are as they were, the cursor shows, and the first screen is back."""
        text = self.raw.decode(errors="replace")
        return (termios.tcgetattr(self.slave) == self.before and not self.screen.cursor.hidden
                and text.rfind("\x1b[?1049l") > text.rfind("\x1b[?1049h") >= 0)

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        os.close(self.master)
        os.close(self.slave)
