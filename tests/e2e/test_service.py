"""What `qhcp lb` and `qhcp server` tell the service manager, and when."""

import signal
import socket
import time

from lib.case import SLOW, Case, free_port
from lib.manager import Ears


class Service(Case):
    def setUp(self):
        super().setUp()
        self.ears = Ears(self.dir)
        self.addCleanup(self.ears.close)

    def silent(self):
        """The address of a server that never answers."""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 0))
        self.addCleanup(s.close)
        return f"127.0.0.1:{s.getsockname()[1]}"

    def test_it_is_ready_when_the_first_sweep_is_over_and_not_before(self):
        self.server(4243, ip="127.0.0.1")
        self.lb(["127.0.0.1:4243", self.silent()], "--max-fail-attempts", "1", env=self.ears.env())
        at, message = self.ears.wait_for("STATUS", 10)
        self.assertNotIn("READY", message)
        self.assertIn("not checked yet", message["STATUS"])
        self.assertGreaterEqual(int(message["EXTEND_TIMEOUT_USEC"]), 10_000_000)
        at, message = self.ears.wait_for("READY", 20, at)
        self.assertEqual(message["STATUS"], "1 of 2 servers are healthy")

    def test_the_status_follows_the_servers(self):
        server = self.server(4243, ip="127.0.0.1")
        self.lb(["127.0.0.1:4243"], env=self.ears.env())
        at, message = self.ears.wait_for("READY", 10)
        self.assertEqual(message["STATUS"], "1 of 1 server is healthy")
        server.kill()
        self.ears.wait(lambda m: m.get("STATUS") == "0 of 1 server is healthy", 10, at)

    def reload(self, process, at, within=10):
        """The message that ends a reload."""
        before = time.monotonic_ns() // 1000
        process.send(signal.SIGHUP)
        at, begin = self.ears.wait_for("RELOADING", 10, at + 1)
        self.assertGreaterEqual(int(begin["MONOTONIC_USEC"]), before)
        self.assertNotIn("READY", begin)
        return self.ears.wait_for("READY", within, at)

    def test_every_reload_ends_with_ready_also_one_that_is_refused(self):
        config = self.dir / "lb.yaml"
        config.write_text("servers:\n  - 127.0.0.1:4243\n", encoding="ascii")
        self.server(4243, ip="127.0.0.1")
        lb = self.start("lb", "--config", config, "--no-forward", "--port", free_port(), env=self.ears.env())
        at, _ = self.ears.wait_for("READY", 10)
        config.write_text("servers:\n  - 127.0.0.1:4243\nnonesuch: 1\n", encoding="ascii")
        at, message = self.reload(lb, at)
        self.assertEqual(message["STATUS"], "reload refused: see the log")
        config.write_text("servers:\n  - 127.0.0.1:4243\nrise: 3\n", encoding="ascii")
        at, message = self.reload(lb, at)
        self.assertEqual(message["STATUS"], "1 of 1 server is healthy")
        self.assert_stops(lb)
        self.ears.wait_for("STOPPING", 10, at)

    def test_a_reload_before_the_first_sweep_is_over_is_not_taken_for_the_start(self):
        config = self.dir / "lb.yaml"
        config.write_text(f"servers:\n  - {self.silent()}\n", encoding="ascii")
        lb = self.start("lb", "--config", config, "--no-forward", "--port", free_port(), "--max-fail-attempts", "1",
                        env=self.ears.env())
        at, _ = self.ears.wait_for("STATUS", 10)
        lb.send(signal.SIGHUP)
        at, message = self.ears.wait_for("READY", 20, at)
        self.assertEqual(message["STATUS"], "0 of 1 server is healthy")
        self.assertEqual([m for m in self.ears.heard if "RELOADING" in m], [])

    def test_without_a_server_it_is_ready_and_says_so(self):
        """Whatever the list comes from: a start that never ends is a start that fails."""
        empty = self.dir / "servers"
        empty.write_text("# none yet\n", encoding="ascii")
        for source in (f"file {empty} allow-empty", f"file {empty}", f"file {self.dir}/missing"):
            at = len(self.ears.heard)
            lb = self.start("lb", "--source", source, "--no-forward", "--admin", "off", "--port", free_port(), env=self.ears.env())
            at, message = self.ears.wait_for("READY", 10, at)
            self.assertEqual(message["STATUS"], "there is no server to watch", source)
            self.assert_stops(lb)
        status, _, errors = self.qhcp("lb", "--servers", f"@{empty}")  # which would never change by itself
        self.assertEqual((status, errors.splitlines()[0]), (2, f"qhcp lb: --servers: {empty} has no entries"))

    def test_a_reload_of_ten_thousand_servers_ends_with_ready_taken_or_refused(self):
        """The network has no way to them, so that nothing but the list costs anything."""
        servers, config = self.dir / "servers", self.dir / "lb.yaml"
        count = 10_000 if SLOW == 1 else 1_000  # a sanitizer's time is not of interest
        many = [f"10.{n >> 8}.{n & 255}.1:4243 name=s{n}" for n in range(count)]
        config.write_text(f"servers: '@{servers}'\n", encoding="ascii")
        servers.write_text("10.0.0.1:4243\n", encoding="ascii")
        lb = self.start("lb", "--config", config, "--no-forward", "--admin", "off", "--history", "off", "--port", free_port(),
                        "--max-fail-attempts", "1", env=self.ears.env())
        at, _ = self.ears.wait_for("READY", 20)
        servers.write_text("\n".join(many[:-1] + ["10.0.0.1:4243 weight=heavy"]), encoding="ascii")
        at, message = self.reload(lb, at, 60)
        self.assertEqual(message["STATUS"], "reload refused: see the log")
        servers.write_text("\n".join(many), encoding="ascii")
        at, message = self.reload(lb, at, 60)
        self.ears.wait(lambda m: m.get("STATUS", "").startswith(f"0 of {count} servers are healthy"), 60, at)

    def test_a_server_is_ready_when_it_listens_and_gives_signs_of_life(self):
        server = self.server(4243, ip="127.0.0.1", env=self.ears.env(WATCHDOG_USEC="400000"))
        at, message = self.ears.wait_for("READY", 10)
        self.assertEqual(message["STATUS"], "listening on UDP 127.0.0.1:4243")
        for _ in range(3):
            at, _ = self.ears.wait_for("WATCHDOG", 2, at + 1)
        server.send(signal.SIGHUP)
        at, _ = self.ears.wait_for("RELOADING", 5, at + 1)
        at, _ = self.ears.wait_for("READY", 5, at)
        self.assert_stops(server)
        self.ears.wait_for("STOPPING", 5, at)

    def test_the_thread_that_watches_gives_the_signs_of_life(self):
        self.server(4243, ip="127.0.0.1")
        self.lb(["127.0.0.1:4243"], env=self.ears.env(WATCHDOG_USEC="400000"))
        at, _ = self.ears.wait_for("READY", 10)
        for _ in range(3):
            at, _ = self.ears.wait_for("WATCHDOG", 2, at + 1)
