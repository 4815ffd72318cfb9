"""--watch-unit, against a stand-in for systemd (tests/tools/fake_systemd.c)."""

from lib.unit import UnitCase


class Unit(UnitCase):
    def test_a_unit_that_does_not_run_is_not_serving_until_it_does(self):
        _, lb = self.watched()
        at, _ = lb.wait_status(
            lambda s: s["servers"][0]["reason"]
            == "server is not serving: web.service: is not running", within=10)
        self.process()
        lb.wait_event("up", within=3, since=at)

    def test_a_systemd_that_hangs_or_goes_away_changes_nothing_while_the_process_lives(self):
        server, lb = self.watched()
        process = self.process()
        at, _ = lb.wait_event("up", within=10)
        self.tell("drop")
        at, _ = lb.wait_status(lambda s: s["up"] == 1, within=5, since=len(lb.lines) + 2)
        self.tell("deaf")
        process.kill()
        at, _ = lb.wait_event("down", within=1, since=at)
        at, _ = lb.wait_status(lambda s: "systemd does not answer" in s["servers"][0]["reason"],
                               within=8, since=at)
        self.tell("hears")
        self.process()
        lb.wait_event("up", within=8, since=at)
        self.assertIsNone(server.popen.poll())

    def test_a_unit_that_does_not_exist_is_refused_at_the_start(self):
        status, _, errors = self.qhcp("server", "--watch-unit", "missing", env=self.address)
        self.assertEqual(status, 1)
        self.assertIn("--watch-unit: systemd has no unit missing.service (not-found)", errors)
