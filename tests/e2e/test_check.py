"""`qhcp check`: one line and an exit status, as a Nagios plugin has it."""

import re
import signal
import socket
import time

from lib.case import SLOW, Case


class Check(Case):
    def check(self, *arguments, **options):
        status, out, err = self.qhcp("check", *arguments, **options)
        self.assertLessEqual(out.count("\n"), 1, out)
        return status, out, err

    def test_a_healthy_server_gives_0_and_its_figures(self):
        self.server(4243)
        status, out, err = self.check("localhost:4243")
        self.assertEqual(status, 0, err)
        self.assertRegex(out, r"^QHCP OK - localhost:4243 is up.*cpu.*memory")

    def test_nobody_there_gives_2_and_the_reason(self):
        status, out, _ = self.check("127.0.0.1:4243")
        self.assertEqual(status, 2)
        self.assertIn("port unreachable (ICMP)", out)

    def test_a_silent_host_gives_2_within_the_timeout(self):
        server_ns, lb_ns = self.namespace("server"), self.namespace("lb")
        lb_ns.link(server_ns, "10.77.0.1/24", "10.77.0.2/24")
        self.server(4243, namespace=server_ns)
        with server_ns.drop("udp dport 4243"):
            status, out, _ = self.check("10.77.0.2:4243", "--timeout", "1", namespace=lb_ns)
        self.assertEqual(status, 2, out)
        self.assertIn("no answer", out)

    def test_a_server_of_another_ca_gives_3_and_names_both(self):
        self.server(4243, state=self.dir / "other")
        status, out, err = self.check("localhost:4243")
        self.assertEqual(status, 3, out + err)
        self.assertIn("unknown CA", out + err)

    def test_a_draining_server_gives_1_and_with_alive_0(self):
        server = self.server(4243, "--drain-timeout", "20")
        lb = self.lb(["127.0.0.1:4243"])
        lb.wait_event("up", within=10)
        lb.send(signal.SIGSTOP)  # its acknowledgement does not come: the drain lasts
        server.send(signal.SIGTERM)
        status, out, err = self.check("localhost:4243")
        self.assertEqual(status, 1, out + err)
        self.assertIn("draining: SIGTERM", out)
        self.assertEqual(self.check("localhost:4243", "--alive")[0], 0)
        self.assertEqual(self.check("localhost:4243", "--weight-exit")[0], 2)
        lb.send(signal.SIGCONT)
        self.assertEqual(server.wait(10), 0)

    def test_keepalived_gets_a_weight_from_a_server_that_lives_and_1_from_all_else(self):
        self.server(4243)
        status, out, err = self.check("localhost:4243", "--weight-exit")
        self.assertIn(status, [2 + 10 * step for step in range(1, 11)], out + err)  # by the load of this machine
        status, out, err = self.check("localhost:4243", "--weight-exit", "--warning", "rtt_us>0")
        self.assertIn(status, (12, 22, 32), out + err)
        for arguments in (["localhost:4243", "--critical", "rtt_us>0"], ["localhost:4244"], ["localhost:4243", "--no-such-option"],
                          ["localhost:4243", "--alive"], []):
            status, out, err = self.check(*arguments, "--weight-exit")
            self.assertEqual(status, 1, out + err)
        self.assertEqual(self.check("localhost:4243", "--no-such-option")[0], 3)
        self.assertEqual(self.check("localhost:4243", "--weight-exitt")[0], 1)

    def test_an_unverified_certificate_is_told_in_the_line(self):
        self.server(4243)
        self.assertNotIn("NOT verified", self.check("localhost:4243")[1])
        status, out, _ = self.check("localhost:4243", "--insecure")
        self.assertEqual(status, 0)
        self.assertIn("NOT verified", out)

    def test_it_is_over_when_the_answer_is_there(self):
        server = self.server(4243)
        self.check("localhost:4243")

        def check():
            start = time.monotonic()
            self.assertEqual(self.check("localhost:4243")[0], 0)
            print(f"a check from start to exit: {(time.monotonic() - start) * 1000:.0f} ms")
            return time.monotonic() - start

        self.assert_soon(check, 0.5 * SLOW, tries=5)
        self.assertNotIn("watches this server", server.errors())  # no line a minute from each monitor

    def test_plugin_options_say_the_same(self):
        self.server(4243)
        for arguments in (["-H", "localhost"], ["-H", "::1"], ["--hostname", "localhost", "-p", "4243"],
                          ["-H", "localhost", "-p", "4243", "-t", "5"]):
            if arguments[1] == "::1":
                self.server(4244, ip="::1")
                arguments += ["-p", "4244"]
            status, out, _ = self.check(*arguments)
            self.assertEqual((status, out[:10]), (0, "QHCP OK - "), out)
        self.assertRegex(self.check("-V")[1], r"^qhcp \d")
        self.assertIn("--warning", self.qhcp("check", "-h")[1])
        for arguments, said in ((["-H", "localhost", "localhost:4243"], "not both"),
                                (["-p", "4243", "localhost:4243"], "--port goes with --hostname"),
                                (["--nonesuch"], '"--nonesuch" is not an option'),
                                (["-w"], '"-w" is not an option, or its value is missing'),
                                (["localhost:4243", "-w", "cpu_usage_percent>100"], "can never be true")):
            status, out, _ = self.check(*arguments)
            self.assertEqual(status, 3, arguments)
            self.assertRegex(out, "^QHCP UNKNOWN - .*" + re.escape(said))

    def test_rules_on_metrics_and_on_the_certificate_s_end(self):
        self.server(4243, "--metrics", "queue_depth")
        self.check("localhost:4243")  # it has started
        self.qhcp("control", "report", "--metric", "queue_depth=7")
        status, out, _ = self.check("localhost:4243", "-w", "queue_depth>6", "-c", "queue_depth>7",
                                    "-c", "certificate_days<30")
        self.assertEqual(status, 1, out)
        self.assertIn("is up: queue_depth is 7: over 6, cpu", out)
        self.assertRegex(out, r" queue_depth=7;6;7;0 rtt=\d+us;;;0 certificate_days=\d+;;30:;0$")
        status, out, _ = self.check("localhost:4243", "-c", "certificate_days<10000")
        self.assertEqual(status, 2, out)
        self.assertRegex(out, r"^QHCP CRITICAL - .* is up: certificate_days is \d+: under 10000")
        self.assertEqual(self.check("localhost:4243", "-c", "certificate_days<30")[0], 0)

    def test_a_firewall_that_lets_one_port_pass_can_be_satisfied(self):
        server_ns, lb_ns = self.namespace("server"), self.namespace("lb")
        lb_ns.link(server_ns, "10.77.0.1/24", "10.77.0.2/24")
        self.server(4243, namespace=server_ns)
        with server_ns.drop("udp dport 4243 udp sport != 4242"):
            status, out, _ = self.check("10.77.0.2:4243", "-t", "1", namespace=lb_ns)
            self.assertEqual(status, 2, out)
            status, out, _ = self.check("10.77.0.2:4243", "--source-port", "4242", namespace=lb_ns)
            self.assertEqual(status, 0, out)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("0.0.0.0", 0))
            port = taken.getsockname()[1]
            status, out, _ = self.check("localhost:4243", "--source-port", port)
            self.assertEqual(status, 3)
            self.assertRegex(out, f"^QHCP UNKNOWN - .*{port} is in use")

    def test_a_name_that_does_not_resolve_is_no_word_on_the_server(self):
        status, out, _ = self.check("nonesuch.invalid:4243")
        self.assertEqual(status, 3)
        self.assertRegex(out, "^QHCP UNKNOWN - nonesuch.invalid:4243: cannot resolve")

    def test_usage_errors_give_3_and_quote_the_bad_value(self):
        for bad in ("localhost", "localhost:70000", "::1:4243", ""):
            status, out, err = self.check(bad)
            self.assertEqual(status, 3, bad)
            self.assertIn(bad, out + err)
        self.assertEqual(self.check()[0], 3)
        self.assertEqual(self.check("localhost:4243", "--timeout", "0")[0], 3)
