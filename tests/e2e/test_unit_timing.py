"""How soon a load balancer hears that a unit's main process has ended."""

import signal
import time

from lib.case import SLOW
from lib.unit import UnitCase


class Timing(UnitCase):
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
