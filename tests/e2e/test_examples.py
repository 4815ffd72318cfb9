"""The examples: built against the shared library, as a user builds them, and run."""

import os
import signal
import subprocess
import time
from pathlib import Path

from lib.case import SLOW, Case, free_port
from lib.process import PATIENCE, Process

EXAMPLES = Path(os.environ.get("QHCP_EXAMPLES", "examples"))


class Examples(Case):
    def example(self, name, *arguments):
        process = Process([str(EXAMPLES / f"example-{name}"), *map(str, arguments)], name=name,
                          log=self.dir / f"{name}.log", env=self.env())
        self.addCleanup(process.close)
        return process

    def serving(self, port):
        """The example of a server, once it has its port: it says nothing."""
        server = self.example("server", port)
        end = time.monotonic() + PATIENCE
        while not any(f":{port:04X} " in Path(f"/proc/net/{table}").read_text() for table in ("udp", "udp6")):
            self.assertLess(time.monotonic(), end, server.story())
            time.sleep(0.01)
        return server

    def probe(self, address):
        return subprocess.run([str(EXAMPLES / "example-probe"), address], env=self.env(),
                              capture_output=True, text=True, timeout=30 * SLOW, check=False)

    def test_the_probe_finds_the_server_up_and_after_its_end_down(self):
        port = free_port()
        server = self.serving(port)
        found = self.probe(f"127.0.0.1:{port}")
        self.assertIn("-> up: serving", found.stdout, found.stderr)
        self.assertEqual(found.returncode, 0)
        self.assertEqual(server.stop(signal.SIGTERM, 10 * SLOW), 0, server.story())
        found = self.probe(f"127.0.0.1:{port}")
        self.assertIn("-> down: ", found.stdout, found.stderr)
        self.assertEqual(found.returncode, 1)

    def reported(self, *arguments):
        """The metrics of the example server that a load balancer shows."""
        port = free_port()
        self.serving(port)
        lb = self.lb([f"127.0.0.1:{port}"], *arguments)
        at, _ = lb.wait_event("up", within=10)
        _, status = lb.wait_status(lambda s: s["up"] == 1, within=5, since=at)
        return set(status["servers"][0]["metrics"])

    def test_a_metric_of_the_servers_own_stays_at_home_when_nobody_asks_for_it(self):
        self.assertEqual(self.reported(), {"cpu_usage_percent", "memory_usage_percent"})

    def test_a_metric_of_the_servers_own_reaches_a_load_balancer_that_asks_for_it(self):
        self.assertEqual(self.reported("--metrics", "jobs_waiting"),
                         {"cpu_usage_percent", "memory_usage_percent", "jobs_waiting"})
