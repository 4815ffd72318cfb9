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


class Screen(pyte.Screen):
    """With what ncurses uses of xterm-256color and pyte passes over."""

    drawn = " "

    def draw(self, data):
        super().draw(data)
        self.drawn = data[-1:] or self.drawn

    def repeat(self, n=1):
        self.draw(self.drawn * (n or 1))

    def _scroll(self, n, step, line):
        x, y = self.cursor.x, self.cursor.y
        for _ in range(n or 1):
            self.cursor.y = line
            step()
        self.cursor.x, self.cursor.y = x, y

    def scroll_up(self, n=1):
        self._scroll(n, self.index, self.margins.bottom if self.margins else self.lines - 1)

    def scroll_down(self, n=1):
        self._scroll(n, self.reverse_index, self.margins.top if self.margins else 0)

    def back_tab(self, n=1):
        for _ in range(n or 1):
            self.cursor.x = max((stop for stop in self.tabstops if stop < self.cursor.x), default=0)


class Stream(pyte.ByteStream):
    csi = {**pyte.ByteStream.csi, "b": "repeat", "S": "scroll_up", "T": "scroll_down", "Z": "back_tab"}
    events = pyte.ByteStream.events | {"repeat", "scroll_up", "scroll_down", "back_tab"}


class Terminal:
    def __init__(self, command, *, env, columns=80, lines=24):
        self.screen = Screen(columns, lines)
        self.stream = Stream(self.screen)
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
