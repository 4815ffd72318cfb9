"""How soon a load balancer hears of an application that hangs or ends, and that checks delay no answer."""

import re
import signal
import statistics
import time

from lib.app import AppCase, script
from lib.case import SLOW


class Timing(AppCase):
    def test_a_hanging_http_service_is_found_within_interval_and_timeout(self):
        app = self.http()
        _, lb = self.watched(
            "--check", f"http://localhost:{app.port}/health every=200ms timeout=300ms name=web")
        lb.wait_event("up", within=10)

        def found():
            at, start = len(lb.lines), time.monotonic()
            app.mode = "hang"
            at, event = lb.wait_event("down", within=3, since=at)
            took = time.monotonic() - start
            print(f"hanging service found after {took * 1000:.0f} ms (interval 200, timeout 300)")
            self.assertEqual(event["reason"], "server is not serving: web: no answer within 300 ms")
            app.mode = "ok"
            lb.wait_event("up", within=3, since=at)
            return took

        self.assert_soon(found, 0.5 + 0.15 * SLOW)
        at, app.mode = len(lb.lines), "error"
        _, event = lb.wait_event("down", within=3, since=at)
        self.assertEqual(event["reason"], "server is not serving: web: answered 503, not 200-299")

    def test_hanging_and_flooding_checks_delay_no_health_answer(self):
        app = self.http()
        bad = self.dir / "bad"
        flood = script(self.dir / "flood",
                       f"[ -e {bad} ] || exit 0\nexec yes 'a line of some length, again and again'\n")
        server, lb = self.watched(
            "--check", f"every=20ms timeout=2s fall=1000 name=hang http://127.0.0.1:{app.port}/",
            "--check", f"every=20ms timeout=2s fall=1000 name=flood exec:{flood}",
            **{"--liveness-interval": "20ms"})
        lb.wait_event("up", within=10)  # a first result that is good; worse ones do not count
        app.mode = "hang"
        bad.touch()

        def answered():
            at, seen = len(lb.lines), []
            for _ in range(4):
                at, status = lb.wait_status(lambda s: s["servers"][0]["rtt_us"], within=5, since=at + 1)
                seen.append(status["servers"][0])
            rtts = [s["rtt_us"] for s in seen]
            print(f"round trips beside a flood: {rtts} us")
            self.assertLess(statistics.median(rtts), 20000 * SLOW, server.story())
            sent, ok = (seen[-1][name] - seen[0][name] for name in ("checks_sent", "checks_ok"))
            self.assertLess(sent - ok, 5)
            self.assertGreater(ok, 30 / SLOW)

        self.try_again(answered)
        shown = self.qhcp("control", "show")[1]
        self.assertIn("check flood: serving: wrote more than 64 KiB, and was killed", shown)
        self.assertIn("check hang: serving: no answer within 2000 ms", shown)
        self.assertEqual([e["to"] for e in lb.events()], ["up"])
        if SLOW == 1:  # a sanitizer's memory is its own
            self.assertLess(resident(server.pid), 60)

    def test_a_watched_process_that_is_killed_is_pushed_at_once(self):
        took = []
        for _ in range(20):
            process = self.sleeper()
            server, lb = self.watched("--watch-pid", process.pid, **{"--liveness-interval": "2s"})
            at, _ = lb.wait_event("up", within=10)
            start = time.monotonic()
            process.send_signal(signal.SIGKILL)
            _, event = lb.wait_event("down", within=1, since=at)
            took.append((time.monotonic() - start) * 1000)
            self.assertEqual(event["reason"],
                             f"server is not serving: process {process.pid}: sleep ended")
            lb.kill()
            server.kill()
        took.sort()
        print(f"SIGKILL of the watched process to the verdict, 20 times: p50 {took[10]:.1f} ms, "
              f"max {took[-1]:.1f} ms")
        self.assertLess(took[10], 20 * SLOW)


def resident(pid):
    """MiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024
