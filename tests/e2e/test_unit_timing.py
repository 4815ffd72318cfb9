"""How soon a load balancer hears that a unit's main process has ended."""

import signal
import time

from lib.case import SLOW
from lib.unit import UnitCase


class Timing(UnitCase):
    def test_the_main_process_s_death_is_pushed_at_once_and_its_successor_found(self):
        _, lb = self.watched()
        processes, at = [self.process()], 0

        def pushed():
            nonlocal at
            at, _ = lb.wait_event("up", within=10, since=at)
            process, start = processes[-1], time.monotonic()
            process.send_signal(signal.SIGKILL)
            at, event = lb.wait_event("down", within=1, since=at)
            took = time.monotonic() - start
            print(f"SIGKILL of a unit's main process to the verdict: {took * 1000:.1f} ms")
            self.assertEqual(event["reason"], f"server is not serving: web.service: sleep (process {process.pid}) ended")
            processes.append(self.process())
            return took

        self.assert_soon(pushed, 0.05 * SLOW, tries=10)
        lb.wait_event("up", within=3, since=at)
