"""A crash must not write the keys to the disk.  Not for sanitized builds: LeakSanitizer has to read the
memory, and so they stay dumpable."""

import os
import resource
import signal
import subprocess

from lib.case import Case, free_port
from lib.raw import wait_log


class Crashes(Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(os.chdir, os.getcwd())
        limits = resource.getrlimit(resource.RLIMIT_CORE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_CORE, limits)
        os.chdir(self.dir)  # where core files go
        resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))

    def leaves_core(self, pid):
        os.kill(pid, signal.SIGSEGV)
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT).si_code == os.CLD_DUMPED

    def test_a_crash_leaves_no_core_file_with_keys_in_it(self):
        with subprocess.Popen(["sleep", "60"]) as other:
            if not self.leaves_core(other.pid):
                self.skipTest("nothing leaves a core file on this machine")
        server = self.server(free_port())
        wait_log(server, "listening on UDP", 10)
        self.assertFalse(self.leaves_core(server.pid))
