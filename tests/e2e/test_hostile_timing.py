"""What must not delay a check."""

import fcntl
import struct
import termios
import time

from lib.case import SLOW
from lib.raw import RawCase, wait_log

GOOD = 4243


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
        self.assertLess(time.monotonic() - killed, 2 * SLOW)
        self.ready_server(GOOD)
        wait_log(lb, f"localhost:{GOOD}: down -> up", 10 * SLOW)
        _, event = lb.wait_event("down", 10, f"localhost:{GOOD}")  # kept for whoever reads later
        self.assertEqual(event["from"], "up")
