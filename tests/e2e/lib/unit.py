"""What the tests of --watch-unit have in common: a stand-in for systemd (tests/tools/fake_systemd.c)."""

import os
import subprocess
import unittest

from lib.app import sleeper
from lib.case import Case
from lib.process import Process

FAKE = os.environ.get("QHCP_FAKE_SYSTEMD", "")


@unittest.skipUnless(FAKE, "built without libsystemd")
class UnitCase(Case):
    def setUp(self):
        super().setUp()
        self.bus = self.dir / "bus"
        self.fake = Process([FAKE, self.bus], name="fake systemd", log=self.dir / "fake.log",
                            stdin=subprocess.PIPE)
        self.addCleanup(self.fake.close)
        self.addCleanup(self.fake.popen.stdin.close)
        self.fake.wait_line(lambda line: line == "ready", 5)
        self.address = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.bus}"}

    def tell(self, line):
        since = len(self.fake.lines)
        self.fake.popen.stdin.write(line.encode() + b"\n")
        self.fake.wait_line(lambda answer: answer == "ok", 5, since)

    def process(self):
        process = sleeper()
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.tell(f"pid {process.pid}")
        return process

    def watched(self):
        server = self.server(4243, "--watch-unit", "web", env=self.address)
        return server, self.lb(["127.0.0.1:4243"], "--liveness-interval", "2s")
