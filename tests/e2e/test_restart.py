"""Whatever ends a process, its unit brings it back within a second, with what it knew."""

import os
import signal
import socket
import time
from pathlib import Path

from lib.case import QHCP, SLOW, free_port
from lib.forward import ForwardCase, read_line
from lib.raw import wait_log
from lib.supervisor import Supervisor

UNITS = Path(os.environ["QHCP_UNITS"])


class Restart(ForwardCase):
    def supervised(self, unit, *arguments):
        supervisor = Supervisor(UNITS / unit, [QHCP, *map(str, arguments)], self.dir / "supervised.log",
                                self.env())
        self.addCleanup(supervisor.close)
        return supervisor

    def supervised_lb(self):
        self.port = free = free_port(socket.SOCK_STREAM)
        return self.supervised("qhcp-lb.service", "lb", "--servers", f"127.0.0.1:{self.agents[0]}",
                               "--port", free, "--status-format", "none")

    def served(self, within):
        """The backend's name, or None where no client was served by then."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                    s.settimeout(max(end - time.monotonic(), 0.01))
                    name = read_line(s)
                    if name:
                        return name
            except OSError:
                pass
            time.sleep(0.005)
        return None

    def agent(self):
        backend = self.backend("a")
        self.agents = [free_port()]
        return self.server(self.agents[0], "--service", f"tcp:{backend.port}", ip="127.0.0.1")

    def wait_known(self, path):
        """Until the agent is known to be up."""
        end = time.monotonic() + 10 * SLOW
        while not path.exists() or "127.0.0.1" not in path.read_text(encoding="ascii"):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_a_load_balancer_that_is_killed_serves_within_a_second_by_what_it_knew(self):
        agent = self.agent()
        lb = self.supervised_lb()
        self.assertEqual(self.served(10 * SLOW), "a")
        known = self.state / f"known-{self.port}"
        for number in (signal.SIGKILL, signal.SIGABRT):
            def served_again(number=number):
                agent.send(signal.SIGCONT)
                self.wait_known(known)
                agent.send(signal.SIGSTOP)  # so no verdict of its own can help the next one
                start = time.monotonic()
                self.assertTrue(lb.kill(number))
                self.assertEqual(self.served(5 * SLOW), "a")
                print(f"SIG{number.name[3:]} to the next client served: {time.monotonic() - start:.3f} s")
                return time.monotonic() - start

            self.assert_soon(served_again, 1 * SLOW)
        self.assertEqual(known.stat().st_mode & 0o777, 0o600)
        # the twin: the knowledge is older than ten seconds, and nobody's any more
        lb.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, lb.process.pid, os.WSTOPPED | os.WNOWAIT)
        os.utime(known, (time.time() - 11, time.time() - 11))
        self.assertTrue(lb.kill(signal.SIGKILL))
        self.assertIsNone(self.served(0.5 * SLOW))
        agent.send(signal.SIGCONT)
        self.assertEqual(self.served(5 * SLOW), "a")

    def test_a_refused_configuration_is_not_tried_again_and_all_else_is(self):
        bad = self.dir / "lb.yaml"
        bad.write_text("servers:\n  - localhost:4243\nnonesuch: 1\n", encoding="ascii")
        lb = self.supervised("qhcp-lb.service", "lb", "--config", bad)
        self.assertTrue(lb.ended(10 * SLOW))
        self.assertEqual(lb.ends, [2])
        with socket.create_server(("127.0.0.1", 0)) as taken:  # the twin: a port in use, status 1
            lb = self.supervised("qhcp-lb.service", "lb", "--servers", "localhost:4243", "--port",
                                 taken.getsockname()[1])
            end = time.monotonic() + 10 * SLOW
            while len(lb.ends) < 2:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.01)
            self.assertEqual(set(lb.ends), {1})

    def test_a_server_that_is_killed_in_a_maintenance_stays_in_it_until_it_is_stopped(self):
        server = self.server(4243)
        lb = self.lb(["127.0.0.1:4243"], "--flap-hold", "0")
        at, _ = lb.wait_event("up", within=10)
        self.assertEqual(self.qhcp("control", "maintenance", "--reason", "new disk")[0], 0)
        at, _ = lb.wait_event("maintenance", within=5, since=at)
        server.kill()
        server = self.server(4243)
        wait_log(server, "still in maintenance.*: by operator: new disk", 5 * SLOW)
        lb.wait_status(lambda s: s["servers"][0]["state"] == "maintenance", 10, since=len(lb.lines) + 2)
        self.assertNotIn("up", [e["to"] for e in lb.events()[1:]])
        at = len(lb.lines)
        self.assertEqual(self.qhcp("control", "serving")[0], 0)  # taken back: nothing is left
        at, _ = lb.wait_event("up", within=5, since=at)
        self.assertFalse(list(self.state.glob("*.intent")))
        self.assertEqual(self.qhcp("control", "maintenance")[0], 0)
        lb.wait_event("maintenance", within=5, since=at)
        self.assert_stops(server)  # stopped in good order: the next one begins anew
        at = len(lb.lines)
        self.server(4243)
        lb.wait_event("up", within=10, since=at)
