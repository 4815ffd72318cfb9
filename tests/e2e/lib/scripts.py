"""A copy of run_quic.sh and its scripts, with stand-ins for what they call; and a terminal."""

import os
import pty
import select
import shutil
import signal
import stat
import time
from pathlib import Path

from lib.process import PATIENCE

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def copy_tree(to):
    """run_quic.sh and scripts/ alone, as a tree of their own."""
    shutil.copytree(ROOT / "scripts", to / "scripts")
    shutil.copy(ROOT / "run_quic.sh", to)
    return to


def is_private(path):
    return stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


class Terminal:
    """A program on a terminal of its own, as a user sits before it."""

    def __init__(self, command, env=None, cwd=None):
        self.seen, self.status = "", None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for number in (signal.SIGINT, signal.SIGHUP):  # nohup and `&` ignore them
                signal.signal(number, signal.SIG_DFL)
            os.chdir(cwd or "/")
            os.execvpe(command[0], [str(part) for part in command], env or dict(os.environ))

    def read_until(self, text, within=10):
        deadline = time.monotonic() + max(within, PATIENCE)
        while text not in self.seen:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"{text!r} did not come within {within} s:\n{self.seen}")
            try:
                data = os.read(self.fd, 65536)
            except OSError:  # the other end is closed
                data = b""
            if not data:
                raise AssertionError(f"it ended before {text!r}:\n{self.seen}")
            self.seen += data.decode("utf-8", "replace").replace("\r\n", "\n")

    def type(self, text):
        os.write(self.fd, text.encode())

    def hang_up(self):
        """Closes the terminal's window."""
        os.close(self.fd)
        self.fd = -1

    def wait(self, within=PATIENCE):
        """The wait status of the program; None while it still runs after that time."""
        deadline = time.monotonic() + within
        while self.status is None and time.monotonic() < deadline:
            if self.fd >= 0 and select.select([self.fd], [], [], 0)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
            else:
                time.sleep(0.01)  # no event tells the end of a child and of its output together
        return self.status

    def close(self):
        if self.status is None:
            try:
                os.kill(self.pid, 9)
                os.waitpid(self.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
        if self.fd >= 0:
            self.hang_up()
