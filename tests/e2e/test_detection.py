"""The detector in real processes: what it must not call a failure, and what it says of one."""

import json
import signal
import time
from datetime import datetime

from lib.fleet import PORTS, FleetCase


class Detection(FleetCase):
    def test_a_load_balancer_that_was_stopped_calls_nobody_down_and_says_that_it_is_ill(self):
        _, lb, at = self.fleet("--max-fail-attempts", "1", "--min-silence", "2s")  # (servers may stand still, too)
        lb.send(signal.SIGSTOP)
        time.sleep(5)
        lb.send(signal.SIGCONT)
        at, _ = lb.wait_status(lambda s: s["local_score"] > 0, within=5, since=at)
        lb.wait_status(lambda s: s["local_score"] == 0 and s["up"] == len(PORTS), within=15,
                       since=at)
        self.assertEqual(self.downs(lb), [])

    def test_a_fleet_that_is_gone_for_good_is_down_all_the_same(self):
        server_ns, lb, at = self.fleet()
        with server_ns.drop("udp dport 4301-4306"):
            for port in PORTS:
                _, down = lb.wait_event("down", within=10, address=f"10.79.0.2:{port}", since=at)
                self.assertRegex(down["reason"], r"no answer to \d+ checks in \d+ ms")
            at, panic = lb.wait_json(lambda j: j["type"] == "panic", 5, since=at)
            self.assertEqual((panic["panic"], panic["use"], panic["total"]),
                             (True, "all", len(PORTS)))
        lb.wait_json(lambda j: j["type"] == "panic" and not j["panic"], 15, since=at)

    def test_in_panic_all_servers_are_to_be_used_or_none_as_its_mode_says(self):
        """Of six servers one is drained and four are killed: five of them went, one of them on
        purpose."""
        for mode, shares in (("all", [0, 1000, 1000, 1000, 1000, 1000]), ("none", [0] * 6)):
            with self.subTest(mode=mode):
                config = self.dir / "lb.yaml"
                config.write_text(f"panic-mode: {mode}\n", encoding="ascii")
                servers = [self.server(port) for port in PORTS]
                lb = self.lb([f"127.0.0.1:{port}" for port in PORTS], "--config", config)
                at, status = lb.wait_status(lambda s: s["up"] == len(PORTS) and all(
                    x["share"] == 1000 for x in s["servers"]), within=15)
                self.assertEqual((status["panic"], status["use"]), (False, "healthy"))
                self.qhcp("control", "--port", PORTS[0], "drain")
                for server in servers[1:-1]:
                    server.kill()
                at, panic = lb.wait_json(lambda j: j["type"] == "panic", 10, since=at)
                self.assertEqual((panic["panic"], panic["use"]), (True, mode))
                at, status = lb.wait_status(lambda s: s["panic"] and all(
                    x["state"] == "down" for x in s["servers"][1:-1]), 10, since=at)
                self.assertEqual(status["use"], mode)
                self.assertEqual([s["share"] for s in status["servers"]], shares)
                self.assertEqual([s["own_share"] > 0 for s in status["servers"]], [False] * 5 + [True])
                self.assertIn("PANIC: ", lb.errors())
                config.write_text("panic-mode: none\n", encoding="ascii")
                lb.send(signal.SIGHUP)  # takes effect in the midst of it
                lb.wait_status(lambda s: s["use"] == "none" and not any(
                    x["share"] for x in s["servers"]), 10, since=at)
                self.qhcp("control", "--port", PORTS[0], "undrain")  # it would outlive the server
                lb.close()
                for server in servers:
                    server.close()

    def test_a_second_fault_within_ten_minutes_is_held_unless_that_is_turned_off(self):
        for hold, least in (("3s", 3), ("0", 0)):
            with self.subTest(hold=hold):
                server_ns, lb, at = self.fleet("--flap-hold", hold)
                for fault in range(2):
                    with server_ns.drop("udp dport 4301"):
                        at, down = lb.wait_event("down", within=5, address="10.79.0.2:4301", since=at)
                    at, up = lb.wait_event("up", within=10, address="10.79.0.2:4301", since=at)
                    begun, ended = (datetime.fromisoformat(e["time"]) for e in (down, up))
                    # the events' times are cut to milliseconds
                    self.assertGreaterEqual((ended - begun).total_seconds() + 0.001,
                                            least if fault else 0)
                said = any(e["reason"].startswith("serves again, kept down for")
                           for e in self.reasons(lb))
                self.assertEqual(said, least > 0)
                lb.close()
                self.doCleanups()
                self.setUp()

    def test_a_lost_server_is_up_again_long_before_the_reconnect_interval(self):
        server_ns, lb, at = self.fleet("--reconnect-interval", "60s", "--flap-hold", "0")
        address = f"10.79.0.2:{PORTS[0]}"
        for namespace, rule in ((server_ns, "udp dport 4301"), (self.lb_ns, "udp sport 4301")):
            with self.subTest(cut=rule):
                with namespace.drop(rule):
                    at, _ = lb.wait_event("down", within=5, address=address, since=at)
                at, _ = lb.wait_event("up", within=10, address=address, since=at)
        for number in (signal.SIGKILL, signal.SIGTERM):
            with self.subTest(signal=number):
                self.servers[0].stop(number)
                at, _ = lb.wait_event("down", within=5, address=address, since=at)
                time.sleep(0.5)  # it is away, as a service that starts is
                self.servers[0] = self.server(PORTS[0], namespace=server_ns)
                at, _ = lb.wait_event("up", within=10, address=address, since=at)

    def reasons(self, lb):
        return [s for j in map(json.loads, lb.lines) if j["type"] == "status"
                for s in j["servers"]]
