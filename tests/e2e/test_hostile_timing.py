"""What must not delay a check: an output that nobody reads, and many servers."""

import fcntl
import struct
import termios
import time

from lib.admin import ask
from lib.case import SLOW
from lib.raw import RawCase, peak_kb, udp_sockets, wait_log

GOOD = 4243
MANY = 10000


class Timing(RawCase):
    def test_an_output_that_nobody_reads_delays_no_check(self):
        server = self.ready_server(GOOD)
        others = [f"127.0.1.{i}:9" for i in range(1, 200)]
        lb = self.lb([f"localhost:{GOOD}", *others], "--status-interval", "100ms", "--log-level",
                     "debug")
        wait_log(lb, f"localhost:{GOOD}: connecting -> up", 10 * SLOW)
        full = struct.unpack("i", fcntl.fcntl(lb.popen.stdout.fileno(), fcntl.F_GETPIPE_SZ)
                             .to_bytes(4, "little"))[0]

        def fill():
            return struct.unpack("i", fcntl.ioctl(lb.popen.stdout.fileno(), termios.FIONREAD,
                                                  b"\0" * 4))[0]
        start = len(lb.errors())
        while fill() < full * 9 // 10:  # each round waits for a line of the log
            wait_log(lb, "\n", 10, start)
            start = len(lb.errors())
        server.kill()
        killed = time.monotonic()
        wait_log(lb, f"localhost:{GOOD}: up -> down", 5 * SLOW)
        self.assertLess(time.monotonic() - killed, 10 * SLOW)  # what waits for the reader waits for ever
        self.ready_server(GOOD)
        wait_log(lb, f"localhost:{GOOD}: down -> up", 10 * SLOW)
        _, event = lb.wait_event("down", 10, f"localhost:{GOOD}")  # kept for whoever reads later
        self.assertEqual(event["from"], "up")

    def test_a_list_of_ten_thousand_is_watched(self):
        # handshakes with nobody; the good one stands in the midst
        lines = ["# a comment", ""] + [f"127.{1 + i // 250}.{i % 250}.1:9" for i in range(MANY - 1)]
        lines.insert(MANY // 2, f"localhost:{GOOD}  # the good one")
        path, admin = self.dir / "servers", self.dir / "admin.sock"
        path.write_text("\n".join(lines) + "\n")
        self.ready_server(GOOD)
        alone = self.lb([f"localhost:{GOOD}"])
        alone.wait_event("up", 15, f"localhost:{GOOD}")
        sockets = udp_sockets(alone)
        self.assertGreater(sockets, 0)
        sockets = sockets // 2 * 3  # answers of a large fleet wait in one more for each address
        self.assert_stops(alone)
        began = time.monotonic()
        lb = self.lb([f"@{path}"], "--liveness-interval", "1", "--reconnect-interval", "600",
                     "--status-interval", "60", "--log-level", "info", "--admin", f"unix:{admin}")
        wait_log(lb, f"watching {MANY} servers", 5 * SLOW)
        self.assertLess(time.monotonic() - began, 10 * SLOW)
        lb.wait_event("up", 30, f"localhost:{GOOD}")
        self.assertEqual(udp_sockets(lb), sockets, "not one for each server")
        deadline = time.monotonic() + 40 * SLOW  # ten thousand events at once are more than a pipe takes, or the log tells
        while (known := ask(admin, "GET", "/api/v1/self").json["servers"])["down"] < MANY - 1:
            self.assertLess(time.monotonic(), deadline, known)
            time.sleep(0.1)
        self.assertEqual(udp_sockets(lb), sockets, "not one for each server")
        self.assertLess(peak_kb(lb), 100_000 + MANY * 45)  # a handshake's state is 40 kB
        self.assertNotIn(f"localhost:{GOOD}: up ->", lb.errors())
        self.assert_stops(lb)
