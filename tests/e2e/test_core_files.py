"""A crash must not write the keys to the disk.  Not for sanitized builds: LeakSanitizer has to read the
memory, and so they stay dumpable."""

import os
import resource
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from lib.case import QHCP, Case, free_port
from lib.process import PATIENCE
from lib.raw import wait_log


class Crashes(Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(os.chdir, os.getcwd())
        limits = resource.getrlimit(resource.RLIMIT_CORE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_CORE, limits)
        os.chdir(self.dir)  # where core files go
        resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))

    def wait_for(self, what):
        end = time.monotonic() + PATIENCE
        while not what():
            self.assertLess(time.monotonic(), end, "the program does not come so far")

    @staticmethod
    def has_socket(pid):
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                if os.readlink(fd).startswith("socket:"):
                    return True
        return False

    def other(self, *command):
        """With a state directory of its own, so that what it makes there says how far it is."""
        return subprocess.Popen([QHCP, *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, env=self.env(self.dir / command[0]))

    def leaves_core(self, pid):
        os.kill(pid, signal.SIGSEGV)
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT).si_code == os.CLD_DUMPED

    def test_a_crash_leaves_no_core_file_with_keys_in_it(self):
        with subprocess.Popen(["sleep", "60"]) as other:
            if not self.leaves_core(other.pid):
                self.skipTest("nothing leaves a core file on this machine")
        server = self.server(free_port())
        wait_log(server, "listening on UDP", 10)
        lb = self.lb([f"127.0.0.1:{free_port()}"])
        lb.wait_event("down", within=10)
        self.qhcp("keys", "export", "--server", "b.example", "--out", self.dir / "bundle")
        for process in (server, lb):
            self.assertFalse(self.leaves_core(process.pid), process.name)
        deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(deaf.close)
        deaf.bind(("127.0.0.1", 0))
        with self.other("keys", "import", "-") as keys, \
                self.other("check", f"127.0.0.1:{deaf.getsockname()[1]}", "--timeout", "30s") as check:
            keys.stdin.write((self.dir / "bundle").read_bytes()[:-2])  # it waits for the rest
            keys.stdin.flush()
            self.wait_for((self.dir / "keys" / "lock").exists)
            self.wait_for(lambda: self.has_socket(check.pid))
            for process in (keys, check):
                self.assertFalse(self.leaves_core(process.pid), process.args)
