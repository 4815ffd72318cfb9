#!/usr/bin/env python3
"""This version and the one before it, together: the wire, the state directory, the history and the admin interface, in
both orders of an upgrade and on the way back.

    test_versions.py [REVISION]

The one before is REVISION; else the newest tag v* behind HEAD; else, as long as there is no release, the commit that the
first line of tests/versions/previous names.  It is built from the repository's history, once, in build/versions.  Not a
part of the test suite: that build takes a minute, and the suite may run where there is no history (a shallow clone)."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))

NEW = ROOT / "build/qhcp"
os.environ["QHCP_BINARY"] = str(NEW)

from lib import case  # noqa: E402
from lib.admin import ask  # noqa: E402
from lib.forward import ForwardCase  # noqa: E402
from lib.raw import wait_log  # noqa: E402

BOTH_ORDERS = (("old", "new"), ("new", "old"))


def git(*arguments):
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)


def previous(arguments):
    """The commit to be built."""
    named = arguments[0] if arguments else git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^").stdout.strip()
    named = named or (ROOT / "tests/versions/previous").read_text(encoding="ascii").split()[0]
    found = git("rev-parse", "--verify", "--quiet", f"{named}^{{commit}}")
    if found.returncode != 0:
        raise SystemExit(f"test_versions: {named} is not in the history of {ROOT}: a shallow clone has only the newest "
                         "commits (git fetch --unshallow), and an archive has none")
    return named, found.stdout.strip()


def build(commit):
    """qhcp of that commit."""
    there = ROOT / "build/versions" / commit[:12]
    binary = there / "build/qhcp"
    if binary.exists():
        return binary
    (there / "source").mkdir(parents=True, exist_ok=True)
    tree = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(there / "source")], input=tree, check=True)
    for command in (["meson", "setup", str(there / "build"), str(there / "source"), "-Dtests=disabled"],
                    ["ninja", "-C", str(there / "build"), "qhcp"]):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"test_versions: {' '.join(command)}:\n{done.stdout[-3000:]}")
    return binary


class Versions(ForwardCase):
    binaries = {}

    @contextlib.contextmanager
    def of(self, version):
        """What is started within is of that version."""
        before, case.QHCP = case.QHCP, str(self.binaries[version])
        try:
            yield
        finally:
            case.QHCP = before

    def a_server(self, version, *arguments):
        with self.of(version):
            server = self.server(4243, *arguments, ip="127.0.0.1")
        wait_log(server, "listening on UDP", 10)
        return server

    def a_balancer(self, version, *arguments):
        """On port and socket of the test."""
        self.socket = self.dir / "admin.sock"
        with self.of(version):
            return self.lb(["127.0.0.1:4243"], "--no-forward", "--admin", f"unix:{self.socket}", "--liveness-interval", "100ms",
                           *arguments, port=4242)

    def run_of(self, version, *arguments):
        with self.of(version):
            return self.qhcp(*arguments)

    def test_they_speak_with_each_other(self):
        for balancer, server in BOTH_ORDERS:
            for liveness in ("ask", "listen"):
                with self.subTest(balancer=balancer, server=server, liveness=liveness):
                    agent = self.a_server(server, "--metrics", "jobs")
                    lb = self.a_balancer(balancer, "--liveness", liveness)
                    at, _ = lb.wait_event("up", within=10)
                    at, _ = lb.wait_status(lambda s: s["servers"][0].get("metrics"), 10, since=at)
                    self.assertEqual(self.run_of(server, "control", "drain")[0], 0)
                    at, _ = lb.wait_event("draining", within=10, since=at)
                    self.assertEqual(self.run_of(server, "control", "undrain")[0], 0)
                    at, _ = lb.wait_event("up", within=10, since=at)
                    self.assertEqual(self.run_of(balancer, "check", "127.0.0.1:4243")[0], 0)
                    self.assertEqual(agent.stop(signal.SIGTERM, 10), 0, agent.story())
                    _, down = lb.wait_event("down", within=10, since=at)
                    self.assertEqual(down["reason"], "server stopped")
                    self.assert_stops(lb)

    def test_either_may_be_upgraded_first_and_both_may_go_back(self):
        """One state directory sees it all: keys, tickets, what is left for the next process."""
        steps = [("old", "old"), ("old", "new"), ("new", "new"), ("new", "old"), ("old", "old"),  # servers first
                 ("new", "old"), ("new", "new"), ("old", "new"), ("old", "old")]  # load balancers first
        agent = lb = None
        before = (None, None)
        for step in steps:
            with self.subTest(step=step):
                at = len(lb.lines) if lb else 0
                if step[1] != before[1]:
                    if agent:
                        self.assertEqual(agent.stop(signal.SIGTERM, 10), 0, agent.story())
                        at, _ = lb.wait_event("down", within=10, since=at)
                    agent = self.a_server(step[1])
                if step[0] != before[0]:
                    if lb:
                        self.assert_stops(lb)
                    lb, at = self.a_balancer(step[0]), 0
                lb.wait_event("up", within=15, since=at)
                before = step
        for version in ("old", "new"):
            self.assertEqual(self.run_of(version, "keys", "rotate")[0], 0)
            self.assertEqual(self.run_of("old", "keys", "show")[0], 0)
            self.assertEqual(self.run_of("new", "keys", "show")[0], 0)

    def test_one_takes_over_from_the_other(self):
        for first, second in BOTH_ORDERS:
            with self.subTest(first=first, second=second):
                with self.of(first):
                    before, _ = self.fleet("a", "b")
                with self.of(second):
                    after = self.lb([f"127.0.0.1:{port}" for port in self.agents], "--take-over", port=self.port)
                wait_log(before, "another load balancer took over the port", 10)
                after.wait_status(lambda s: s["up"] == 2, 15)
                self.assertEqual(before.wait(10), 0)
                self.assertEqual({self.ask() for _ in range(20)}, {"a", "b"})
                self.assert_stops(after)
                for server in self.servers:
                    self.assert_stops(server)

    def test_the_history_goes_on(self):
        """Each begins where the other ended, and each reads what the other wrote."""
        self.a_server("old")
        for version in ("old", "new", "old", "new"):
            lb = self.a_balancer(version)
            lb.wait_event("up", within=15)
            self.assert_stops(lb)
            self.assertNotIn("there will be no history", lb.errors())
        for version in ("old", "new"):
            status, out, errors = self.run_of(version, "history", "--port", "4242")
            self.assertEqual((status, errors), (0, ""), version)
            self.assertEqual(out.count("-> up"), 4, out)

    def test_what_operators_want_is_left_alone_by_a_version_that_does_not_know_of_it(self):
        for version, use in (("new", "drain"), ("old", None), ("new", "drain")):
            lb = self.a_balancer(version)
            wait_log(lb, "watching 1 server", 10)
            if use and not (self.state / "intents-4242").exists():
                ask(self.socket, "POST", "/api/v1/servers/127.0.0.1:4243/drain", {"reason": "new disks"})
            if use:
                self.assertEqual(ask(self.socket, "GET", "/api/v1/servers/127.0.0.1:4243").json["intent"]["use"], use)
            lb.kill()

    def test_the_admin_interface_keeps_its_members(self):
        """What a program reads of the old one, the new one has too, of the same type; and the commands of each ask the other."""
        answers = {}
        self.a_server("old")
        for version, other in BOTH_ORDERS:
            lb = self.a_balancer(version)
            lb.wait_event("up", within=15)
            answers[version] = {path: ask(self.socket, "GET", f"/api/v1/{path}").json
                                for path in ("self", "servers", "servers/127.0.0.1:4243", "events?limit=2")}
            for command in (("status",), ("events",), ("drain", "127.0.0.1:4243"), ("undrain", "127.0.0.1:4243")):
                status, out, errors = self.run_of(other, *command, "--admin-socket", self.socket)
                self.assertEqual((status, errors), (0, ""), (other, command))
                self.assertIn("127.0.0.1:4243", out)
            self.assert_stops(lb)
        self.assertEqual(missing(answers["old"], answers["new"]), [])


def missing(old, new, where=""):
    """Members that the new answer does not have, or of another type."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [m for key in old for m in ([f"{where}/{key}"] if key not in new else missing(old[key], new[key], f"{where}/{key}"))]
    if isinstance(old, list) and isinstance(new, list):
        return missing(old[0], new[0], f"{where}[]") if old and new else []
    numbers = (int, float)
    same = old is None or new is None or isinstance(new, numbers if isinstance(old, numbers) else type(old))
    return [] if same else [f"{where}: {json.dumps(old)} became {json.dumps(new)}"]


if __name__ == "__main__":
    NAMED, COMMIT = previous(sys.argv[1:])
    print(f"the version before: {NAMED} ({COMMIT[:12]})", flush=True)
    Versions.binaries = {"old": build(COMMIT), "new": NEW}
    unittest.main(argv=[sys.argv[0], "-v"])
