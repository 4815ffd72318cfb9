"""How soon load balancers hear what an operator sets."""

import time

from lib.case import SLOW
from lib.control import ControlCase


class Timing(ControlCase):
    def test_an_operator_drains_and_takes_it_back_and_all_load_balancers_hear_it_at_once(self):
        _, lbs, at = self.pair()
        took = []
        for verb, to, words in (("drain", "draining", "server is draining: by operator: new disk"),
                                ("undrain", "up", "serving"),
                                ("maintenance", "maintenance",
                                 "server is in maintenance: by operator: new disk"),
                                ("serving", "up", "serving")):
            reason = ["--reason", "new disk"] if to in ("draining", "maintenance") else []
            start = time.monotonic()
            out = self.control(verb, *reason)
            for i, lb in enumerate(lbs):
                at[i], event = lb.wait_event(to, within=2, since=at[i])
                self.assertEqual(event["reason"], words)
            took.append((time.monotonic() - start) * 1000)
            self.assertIn("load balancers: 2\n", out)
        print("command to both verdicts, the command's own start included: "
              + ", ".join(f"{t:.0f} ms" for t in took))
        self.assertLess(sorted(took)[1], 300 * SLOW)
