"""One process that stands for many servers (bench/fleet): what it is told is what a load balancer sees."""

import os
import subprocess

from lib.case import SLOW, Case
from lib.process import Process

FLEET = os.environ.get("QHCP_FLEET", "")
SERVERS = 100


class Fleet(Process):
    def say(self, line, answer, within=5):
        """Tells it a line; returns what it prints, once a line begins with `answer`."""
        since = len(self.lines)
        self.popen.stdin.write(line.encode() + b"\n")
        at, _ = self.wait_line(lambda text: text.startswith(answer), within * SLOW, since)
        return self.lines[since:at + 1]


class FleetProgram(Case):
    def fleet(self, n, *arguments):
        self.list = self.dir / "fleet.txt"
        fleet = Fleet([FLEET, "--servers", str(n), "--list", str(self.list), *arguments], name="qhcp-fleet",
                      log=self.dir / "fleet.log", env=self.env(TMPDIR=str(self.dir)), stdin=subprocess.PIPE)
        self.addCleanup(fleet.close)
        self.addCleanup(fleet.popen.stdin.close)
        _, line = fleet.wait_line(lambda text: text.startswith("fleet:"), 20 * SLOW)
        self.assertIn(f"{n} servers, 127.1.0.1 to 127.1.{n >> 8}.{n & 255}, UDP port 4243", line)
        return fleet

    def watched(self):
        fleet = self.fleet(SERVERS)
        lb = self.lb([f"@{self.list}"], "--no-forward", "--flap-hold", "0", "--status-interval", "200ms")
        at, _ = lb.wait_status(lambda s: s["up"] == SERVERS, within=20)
        return fleet, lb, at

    def those(self, lb, state, numbers, since):
        """Waits until these servers are in this state, and all others as they were."""
        wanted = {f"127.1.0.{i}:4243" for i in numbers}

        def is_so(status):
            return {s["address"] for s in status["servers"] if s["state"] == state} == wanted

        at, status = lb.wait_status(is_so, within=10, since=since)
        self.assertEqual(sum(s["state"] == "up" for s in status["servers"]), SERVERS - len(wanted))
        return at

    def all_up(self, lb, since):
        return lb.wait_status(lambda s: s["up"] == SERVERS, within=10, since=since)[0]

    def test_a_load_balancer_sees_what_the_fleet_is_told(self):
        fleet, lb, at = self.watched()
        self.assertEqual(fleet.say("silent 3,11-19", "silent"), ["silent: 10 servers"])
        at = self.those(lb, "down", [3, *range(11, 20)], at)
        fleet.say("back", "back")
        at = self.all_up(lb, at)
        fleet.say("degrade 10%", "degrade: 10 servers")
        at = self.those(lb, "degraded", range(10, SERVERS + 1, 10), at)
        fleet.say("back", "back")
        at = self.all_up(lb, at)

        fleet.say("restart 7", "restart: 1 server")
        at, event = lb.wait_event("up", within=10, address="127.1.0.7:4243", since=at)
        self.assertEqual(event["reason"], "restarted")
        fleet.say("close 42", "close: 1 server")
        at = self.those(lb, "down", [42], at)
        listed = fleet.say("list 42-43", "43 ")
        self.assertEqual(listed, ["42 127.1.0.42:4243 closed", "43 127.1.0.43:4243 serving, 1 load balancer"])
        fleet.say("back 42", "back: 1 server")
        at = self.all_up(lb, at)

        fleet.say("set cpu_usage_percent=93.5 5", "set: 1 server")
        fleet.say("slow 60ms 5", "slow: 1 server")

        def told(status):
            server = next(s for s in status["servers"] if s["address"] == "127.1.0.5:4243")
            return server["metrics"]["cpu_usage_percent"] == 93.5 and server["rtt_us"] > 20000

        lb.wait_status(told, within=10, since=at)
        [stats] = fleet.say("stats", "stats:")
        self.assertIn(f"{SERVERS} sessions", stats)
        self.assert_stops(lb)
        self.assertEqual(fleet.stop(), 0, fleet.story())
        self.assertEqual(fleet.errors(), "")

    def test_a_start_takes_one_handshake_a_server(self):
        many, up = 400, set()
        fleet = self.fleet(many)
        lb = self.lb([f"@{self.list}"], "--no-forward", "--liveness-interval", "500ms", "--status-interval", "30s")
        lb.wait_json(lambda j: j["type"] == "event" and j["to"] == "up" and (up.add(j["address"]) or len(up) == many),
                     within=20)
        self.assertEqual([e for e in lb.events() if e["to"] == "down"], [])
        [stats] = fleet.say("stats", "stats:")
        self.assertTrue(stats.endswith(f" {many} sessions begun"), stats)

    def test_commands_come_by_a_named_pipe_too(self):
        pipe = self.dir / "commands"
        fleet = self.fleet(2, "--control", str(pipe))
        for _ in range(2):  # whoever closes it, the next one may write
            since = len(fleet.lines)
            pipe.write_text("silent 1\n", encoding="utf-8")
            fleet.wait_line(lambda text: text == "silent: 1 server", 5 * SLOW, since)
        self.assertEqual(fleet.say("silent 3", "error"), ['error: "3" is out of range: a server is 1 to 2'])
        fleet.popen.stdin.write(b"quit\n")
        self.assertEqual(fleet.wait(10 * SLOW), 0)

    def test_what_cannot_be_used_is_named(self):
        for arguments, part in ((["--servers", "0"], "--servers"), (["--control", "/dev/null"], "/dev/null")):
            with self.subTest(arguments=arguments):
                done = subprocess.run([FLEET, *arguments], capture_output=True, text=True, check=False,
                                      env=self.env(TMPDIR=str(self.dir)), stdin=subprocess.DEVNULL, timeout=20 * SLOW)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(part, done.stderr)
        self.assertEqual(list(self.dir.glob("qhcp-fleet-*")), [])  # nothing is left behind
