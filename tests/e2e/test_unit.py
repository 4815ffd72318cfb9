"""--watch-unit, against a stand-in for systemd (tests/tools/fake_systemd.c)."""

import os
import signal
import subprocess
import time
import unittest

from lib.app import sleeper
from lib.case import SLOW, Case
from lib.process import Process

FAKE = os.environ.get("QHCP_FAKE_SYSTEMD", "")


@unittest.skipUnless(FAKE, "built without libsystemd")
class Unit(Case):
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

    def test_the_main_process_s_death_is_pushed_at_once_and_its_successor_found(self):
        _, lb = self.watched()
        process = self.process()
        at, _ = lb.wait_event("up", within=10)
        start = time.monotonic()
        process.send_signal(signal.SIGKILL)
        at, event = lb.wait_event("down", within=1, since=at)
        took = (time.monotonic() - start) * 1000
        print(f"SIGKILL of a unit's main process to the verdict: {took:.1f} ms")
        self.assertLess(took, 50 * SLOW)
        self.assertEqual(event["reason"], "server is not serving: web.service: sleep (process "
                                          f"{process.pid}) ended")
        self.process()
        lb.wait_event("up", within=3, since=at)

    def test_a_unit_that_does_not_run_is_not_serving_until_it_does(self):
        _, lb = self.watched()
        at, _ = lb.wait_status(
            lambda s: s["servers"][0]["reason"]
            == "server is not serving: web.service: is not running", within=10)
        self.process()
        lb.wait_event("up", within=3, since=at)

    def test_a_systemd_that_hangs_or_goes_away_changes_nothing_while_the_process_lives(self):
        server, lb = self.watched()
        process = self.process()
        at, _ = lb.wait_event("up", within=10)
        self.tell("drop")
        at, _ = lb.wait_status(lambda s: s["up"] == 1, within=5, since=len(lb.lines) + 2)
        self.tell("deaf")
        process.kill()
        at, _ = lb.wait_event("down", within=1, since=at)
        at, _ = lb.wait_status(lambda s: "systemd does not answer" in s["servers"][0]["reason"],
                               within=8, since=at)
        self.tell("hears")
        self.process()
        lb.wait_event("up", within=8, since=at)
        self.assertIsNone(server.popen.poll())

    def test_a_unit_that_does_not_exist_is_refused_at_the_start(self):
        status, _, errors = self.qhcp("server", "--watch-unit", "missing", env=self.address)
        self.assertEqual(status, 1)
        self.assertIn("--watch-unit: systemd has no unit missing.service (not-found)", errors)
