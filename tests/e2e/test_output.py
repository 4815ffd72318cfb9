"""What an operator reads of `qhcp lb`: every change of a state, once for each reader, and how grave
it is."""

import json
import re
import signal

from lib.case import QHCP, SLOW, Case
from lib.process import Process
from lib.raw import wait_log

PORT = 4243
SERVER = f"localhost:{PORT}"
ONE_READER = 'exec 2>&1; exec "$@"'
JOURNAL = 'exec 2>&1; JOURNAL_STREAM=$(stat -Lc %d:%i /proc/$$/fd/2) exec "$@"'
CHANGES = (("connecting", "up", "info"), ("up", "draining", "info"), ("draining", "down", "warning"))


class Output(Case):
    def watch(self, *arguments, script='exec "$@"', wait=None):
        """A load balancer that saw its server come up, drain and end.  wait(lb, from, to): until it
        has said so."""
        self.state = self.dir / f"state-{len(list(self.dir.iterdir()))}"  # nobody drained it before
        server = self.server(PORT)
        wait_log(server, "listening on UDP", 10 * SLOW)
        lb = Process(["sh", "-c", script, "sh", QHCP, "lb", "--servers", SERVER, "--port", "4250",
                      "--check-interval", "1", "--liveness-interval", "200ms", "--min-silence", "500ms", *arguments],
                     name="qhcp lb", log=self.dir / "lb.log", env=self.env())
        self.addCleanup(lb.close)
        for state_from, state_to, _ in CHANGES:
            (wait or self.wait_words)(lb, state_from, state_to)
            if state_to == "up":
                self.assertEqual(self.qhcp("control", "drain", "--port", str(PORT))[0], 0)
            elif state_to == "draining":
                server.kill()
        self.assert_stops(lb)
        return lb

    @staticmethod
    def wait_words(lb, state_from, state_to):
        lb.wait_line(lambda line: f"{SERVER}: {state_from} -> {state_to}" in line, 10 * SLOW)

    @staticmethod
    def wait_logged(lb, state_from, state_to):
        wait_log(lb, f"{SERVER}: {state_from} -> {state_to}", 10 * SLOW)

    def assert_once(self, text, form):
        for state_from, state_to, level in CHANGES:
            words = form.format(level=level) + f"{SERVER}: {state_from} -> {state_to}"
            self.assertEqual(len(re.findall("(?m)^" + words, text)), 1, f"{words}\n{text}")
            self.assertEqual(text.count(f"{state_from} -> {state_to}"), 1, text)

    def test_two_readers_are_each_told_of_every_change_once(self):
        lb = self.watch("--status-format", "events")
        self.assert_once("\n".join(lb.lines), r"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d \S+  ")
        self.assert_once(lb.errors(), r"\S+T\S+ {level} ")
        self.assertNotIn("SERVER", "\n".join(lb.lines))

    def test_one_reader_of_both_outputs_is_told_once(self):
        for form in ("human", "events"):
            lb = self.watch("--status-format", form, script=ONE_READER)
            self.assert_once("\n".join(lb.lines), r"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d \S+  ")

    def test_without_a_status_the_log_has_every_change(self):
        lb = self.watch("--status-format", "none", wait=self.wait_logged)
        self.assertEqual(lb.lines, [])
        self.assert_once(lb.errors(), r"\S+T\S+ {level} ")

    def test_the_journal_gets_changes_with_their_priority_and_no_table(self):
        lb = self.watch(script=JOURNAL)
        text = "\n".join(lb.lines)
        for state_from, state_to, level in CHANGES:
            priority = "<4>" if level == "warning" else "<6>"
            self.assertEqual(len(re.findall(f"(?m)^{priority}{SERVER}: {state_from} -> {state_to}", text)), 1, text)
        self.assertNotIn("SERVER", text)

        def wait_table(lb, state_from, state_to):
            self.wait_words(lb, state_from, state_to)
            lb.wait_line(lambda line: line.startswith("SERVER"), 10 * SLOW)

        self.watch("--status-format", "human", "--status-interval", "200ms", script=JOURNAL, wait=wait_table)

    def test_events_alone_as_json(self):
        lb = self.watch("--status-format", "json-events", wait=self.wait_logged)
        rows = [json.loads(line) for line in lb.lines]
        self.assertEqual([(r["from"], r["to"]) for r in rows if r["type"] == "event"][:3],
                         [change[:2] for change in CHANGES])
        self.assertEqual({r["schema"] for r in rows}, {2})
        self.assertLessEqual({r["type"] for r in rows}, {"event", "panic"})
        self.assertEqual(rows[2]["cause"] if rows[2]["type"] == "event" else "", "unreachable")

    def test_a_status_says_since_when(self):
        self.server(PORT).stop()  # the state directory is there
        lb = self.lb([SERVER], "--status-interval", "200ms", "--flap-hold", "0")

        def comes_and_goes():
            at, server = len(lb.lines), self.server(PORT)
            at, event = lb.wait_event("up", 10, since=at)
            _, status = lb.wait_status(lambda s: s["healthy"] == 1, 5, at)
            self.assertAlmostEqual(self.ms(status["servers"][0]["since"]), self.ms(event["time"]), delta=20 * SLOW)
            self.assertEqual(status["servers"][0]["cause"], "none")
            server.kill()
            at, event = lb.wait_event("down", 10, since=at)
            at, first = lb.wait_status(lambda s: s["healthy"] == 0, 5, at)
            _, later = lb.wait_status(lambda s: s["time"] > first["time"], 5, at)
            self.assertEqual(first["servers"][0]["cause"], event["cause"])
            self.assertAlmostEqual(self.ms(first["servers"][0]["since"]), self.ms(later["servers"][0]["since"]), delta=3)
            self.assertAlmostEqual(self.ms(first["servers"][0]["since"]), self.ms(event["time"]), delta=20 * SLOW)

        self.try_again(comes_and_goes)

    @staticmethod
    def ms(time):
        hour, minute, second = time[11:-1].split(":")
        return (int(hour) * 60 + int(minute)) * 60000 + float(second) * 1000

    def test_signals_change_how_much_is_logged_and_a_program_can_read_it(self):
        server = self.server(PORT, "--log-format", "json")
        wait_log(server, "listening on UDP", 10 * SLOW)
        server.send(signal.SIGUSR1)
        wait_log(server, "the log level is debug now", 10 * SLOW)
        server.send(signal.SIGUSR2)
        wait_log(server, "SIGUSR2: the log level is info now", 10 * SLOW)
        server.send(signal.SIGUSR2)
        wait_log(server, "SIGUSR2: the log level is warning now", 10 * SLOW)
        self.assert_stops(server)
        lines = [json.loads(line) for line in server.errors().splitlines()]
        self.assertEqual({line["level"] for line in lines}, {"info", "debug", "warning"})

    def test_each_change_has_its_fields_in_the_log_of_programs(self):
        lb = self.watch("--status-format", "none", "--log-format", "json", wait=self.wait_logged)
        events = [line for line in map(json.loads, lb.errors().splitlines()) if line.get("event") == "state"]
        self.assertEqual([(e["server"], e["from"], e["to"], e["level"]) for e in events],
                         [(SERVER, *change) for change in CHANGES])

    def test_logfmt_has_them_too(self):
        lb = self.watch("--status-format", "none", "--log-format", "logfmt", wait=self.wait_logged)
        self.assertRegex(lb.errors(), f'(?m)^time=\\S+ level=info msg="{SERVER}: connecting -> up: serving.*" '
                                      f"event=state server={SERVER} name={SERVER} from=connecting to=up cause=")
