"""What a row says of itself, and how the results of several runs become a table."""

import json
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
import measure  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import scenarios  # noqa: E402
from checkers import Checker, Qhcp  # noqa: E402


class Said(Checker):
    def __init__(self, up, *doubts):
        super().__init__("asking", "QHCP, asking")
        self.is_up, self.own = up, list(doubts)

    def up(self):
        return self.is_up

    def doubts(self):
        return self.own


def run(**more):
    return {"row": "asking", "title": "QHCP, asking", "servers": 100, "every_s": 0.1, "seconds": 10, "asked": 10000, "done": 10000,
            "lost": 0, "cpu_s": 0.2, "server_cpu_s": 0.3, "softirqd_s": 0, "others_s": 0, "cpu_us": 20, "server_us": 30, "packets_check": 2,
            "bytes_check": 171, "memory": 50000, "known_s": 1, "known_cpu_s": 0.5, "late_us": [10, 200, 3000], "round": 0,
            "doubts": [], "notes": [], **more}


def https(**more):
    return run(row="https", title="HAProxy, HTTPS", every_s=2, **more)


class Rows(unittest.TestCase):
    def doubts(self, up=100, own=(), **more):
        return measure.doubts(Said(up, *own), 100, run(**more))

    def test_a_row_that_is_what_it_claims_has_no_doubts(self):
        self.assertEqual(self.doubts(), [])
        self.assertEqual(self.doubts(done=9720), [])
        self.assertEqual(self.doubts(up=None), [])  # it says nothing of that

    def test_checks_that_were_not_done_or_done_too_often_are_said(self):
        self.assertEqual(self.doubts(done=9500), ["95 % of the checks done"])
        self.assertEqual(self.doubts(done=10500), ["105 % of the checks done"])
        listening = Said(100)
        listening.surplus = 0.1
        self.assertEqual(measure.doubts(listening, 100, run(done=10500)), [])
        self.assertEqual(measure.doubts(listening, 100, run(done=9500)), ["95 % of the checks done"])

    def test_listening_in_a_hurry_it_may_ask_besides(self):
        class Checking:
            def pump(self, seconds):
                pass

        listening, asking = (Qhcp("asking", "QHCP", liveness) for liveness in ("listen", "ask"))
        for checker in (listening, asking):
            checker.checking, checker.dropped = Checking(), 0
            checker.up, checker.downs_meanwhile = lambda: 100, lambda: 0
            checker.hurry()
        self.assertEqual(measure.doubts(listening, 100, run(done=14600)), [])
        self.assertEqual(measure.doubts(asking, 100, run(done=14600)), ["146 % of the checks done"])

    def test_it_listens_where_the_servers_hear_less_than_they_send(self):
        class Fleet:
            def say(self, line, answers):
                return f"stats: 1.000 s, 9 sessions, in {self.heard}, out 100, answers 100 (100/s), dropped 0, CPU"

        listening = Qhcp("listening", "QHCP", "listen")
        listening.answering = listening.checking = Fleet()
        listening.checking.pump = lambda seconds: None
        for heard, listens in ((20, True), (40, False), (100, False)):
            listening.answering.heard = heard
            self.assertEqual(listening.listens(1), listens)

    def test_servers_that_are_not_up_and_lost_packets_are_said(self):
        self.assertEqual(self.doubts(up=98), ["2 of 100 not up"])
        self.assertEqual(self.doubts(lost=3), ["3 datagrams lost"])
        self.assertEqual(self.doubts(own=['1 "down" meanwhile']), ['1 "down" meanwhile'])

    def test_work_that_nobody_is_charged_for_is_said(self):
        self.assertEqual(measure.notes(Said(100), run()), [])
        self.assertEqual(measure.notes(Said(100), run(softirqd_s=0.1)), ["10.0 us a check are nobody's (ksoftirqd)"])
        self.assertEqual(measure.notes(Said(100), run(cpu_s=9.9)), ["the CPU of the checking side was full"])

    def test_other_work_beside_it_is_said(self):
        self.assertEqual(measure.notes(Said(100), run(others_s=0.4)), [])
        self.assertEqual(measure.notes(Said(100), run(others_s=2)), ["others had 20 % of the checking side's CPU"])

    def test_the_own_lateness_is_of_what_was_counted_meanwhile_also_where_the_kernel_is_not_asked(self):
        class Pipe:
            waited = 0

            def pump(self, seconds):
                self.waited += seconds

        class Listening(Said):
            watched = late = None
            checking = Pipe()

            def says_lateness(self):
                return True

            def own_lateness(self):  # nothing is known of it until it was asked for
                return {"le": [100, 1000], "count": [5, 9, 0] if self.checking.waited > measure.FRESH else [5, 0, 0]}

        self.assertEqual(measure.how_late(Listening(100), None, 100, 0.1, 1), {"late_us": None, "own_late_us": [1000, 1000, 1000]})

    def test_ranks_are_of_what_came_between_two_counts(self):
        before = {"le": [100, 1000, 10000], "count": [50, 0, 0, 9]}
        after = {"le": [100, 1000, 10000], "count": [150, 98, 2, 9]}
        self.assertEqual(measure.ranks(before, after), [100, 1000, 10000])
        self.assertIsNone(measure.ranks(before, before))


class Starts(unittest.TestCase):
    def test_a_start_begins_when_the_checking_side_does_not_with_whom_it_asks(self):
        class Slow(Said):
            class checking:
                @staticmethod
                def cpu():
                    return 0.5

            def start(self, world, n, every):
                time.sleep(0.2)  # whom it asks
                self.checking.began = time.monotonic()

            def known(self):
                return True

        seconds, cpu = measure.start(Slow(1), None, 1, 1)
        self.assertLess(seconds, 0.2)
        self.assertEqual(cpu, 0.5)


class Search(unittest.TestCase):
    def found(self, most, first=50000):
        self.steps = []

        def held(rate):
            self.steps.append(rate)
            return rate <= most

        return scenarios.search(first, held)

    def test_it_ends_near_the_limit_from_below_and_from_above(self):
        for most in (6800, 20000, 49999, 50000, 63000, 123456):
            good, bad = self.found(most)
            self.assertLessEqual(good, most)
            self.assertGreater(bad, most)
            self.assertLessEqual(bad / good, scenarios.NEAR + 0.05)
            self.assertLess(len(self.steps), 12)

    def test_it_begins_where_it_is_told_and_goes_the_right_way(self):
        self.found(60000)
        self.assertEqual(self.steps[:3], [50000, 62000, 56000])
        self.found(40000)
        self.assertEqual(self.steps[:2], [50000, 33000])

    def test_where_nothing_or_everything_holds_it_ends_too(self):
        self.assertEqual(self.found(0)[0], None)
        self.assertGreaterEqual(min(self.steps), scenarios.FEWEST)
        self.assertEqual(self.found(10**9)[1], None)
        self.assertLessEqual(max(self.steps), scenarios.MOST)


class Tables(unittest.TestCase):
    def test_a_ratio_is_that_of_a_round(self):
        tcp = [run(cpu_us=40, round=0), run(cpu_us=80, round=1), run(cpu_us=50, round=2)]
        ours = [run(cpu_us=20, round=0), run(cpu_us=20, round=1), run(cpu_us=20, round=2)]
        self.assertEqual(report.ratio(ours, tcp), 0.4)
        self.assertIsNone(report.ratio(ours, []))

    def test_doubts_and_another_interval_stand_in_the_table(self):
        text = report.markdown([run(doubts=["2 of 100 not up"]), https()], "a machine")
        self.assertIn("**100 servers, every 100 ms**", text)
        self.assertIn("- QHCP, asking: 2 of 100 not up", text)
        self.assertIn("| HAProxy, HTTPS, every 2 s |", text)
        self.assertIn("QHCP asking every 100 ms: 2.0 % of a CPU", text)

    def test_what_is_measured_anew_takes_the_place_of_what_was_kept(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "kept.json"
            report.merge(path, [run(), run(servers=1000)], "a machine")
            report.merge(path, [run(cpu_us=10)], "a machine")
            kept = json.loads(path.read_text())["results"]
        self.assertEqual([(r["servers"], r["cpu_us"]) for r in kept], [(1000, 20), (100, 10)])

    def test_the_plot_leaves_out_what_was_not_done(self):
        kept = {"results": [run(), run(servers=1000, cpu_us=400, done=1000), https()]}
        found = plot.read(kept)
        self.assertEqual(found["QHCP, asking"][1], [(100, 20)])
        self.assertIn("HAProxy, HTTPS", plot.draw(found))
