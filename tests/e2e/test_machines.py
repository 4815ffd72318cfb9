"""From one machine to several: each its own state directory, keys carried between them."""

import json

from lib.case import Case


class Machines(Case):
    def setUp(self):
        super().setUp()
        self.machines = {name: self.dir / name for name in ("lb", "lb2", "server")}

    def keys(self, machine, *arguments):
        status, out, err = self.qhcp("keys", *arguments, state=self.machines[machine])
        self.assertEqual(status, 0, f"qhcp keys {arguments}: {out}{err}")
        return out

    def linked(self):
        server_ns, lb_ns = self.namespace("server"), self.namespace("lb")
        lb_ns.link(server_ns, "10.77.0.1/24", "10.77.0.2/24")
        return server_ns, lb_ns

    def test_a_server_that_imported_its_bundle_is_watched_from_another_machine(self):
        server_ns, lb_ns = self.linked()
        bundle = self.dir / "bundle"
        self.keys("lb", "export", "--server", "10.77.0.2", "--out", bundle)
        self.assertEqual(bundle.stat().st_mode & 0o777, 0o600)
        self.keys("server", "import", bundle)
        self.server(4243, state=self.machines["server"], namespace=server_ns)
        lb = self.lb(["10.77.0.2:4243"], state=self.machines["lb"], namespace=lb_ns)
        lb.wait_event("up", within=10)
        status, out, err = self.qhcp("check", "10.77.0.2:4243", state=self.machines["server"],
                                     namespace=server_ns)
        self.assertEqual(status, 0, out + err)
        for local in ("localhost", "127.0.0.1"):  # as a container's HEALTHCHECK has it
            status, out, err = self.qhcp("check", f"{local}:4243", state=self.machines["server"],
                                         namespace=server_ns)
            self.assertEqual(status, 0, out + err)

    def test_without_the_import_it_is_refused_with_advice(self):
        server_ns, lb_ns = self.linked()
        self.server(4243, state=self.machines["server"], namespace=server_ns)
        lb = self.lb(["10.77.0.2:4243"], state=self.machines["lb"], namespace=lb_ns)
        _, down = lb.wait_event("down", within=10)
        self.assertIn("unknown CA", down["reason"])
        self.assertIn("import", down["reason"])

    def test_a_second_load_balancer_is_accepted_after_request_accept_import(self):
        server_ns, lb_ns = self.linked()
        bundle, request, answer = (self.dir / n for n in ("bundle", "request", "answer"))
        self.keys("lb2", "request", "--lb", "--out", request)
        self.keys("lb", "accept", request, "--out", answer)
        self.keys("lb2", "import", answer)
        self.keys("lb", "export", "--server", "10.77.0.2", "--out", bundle)
        self.keys("server", "import", bundle)
        self.server(4243, state=self.machines["server"], namespace=server_ns)
        for machine in ("lb", "lb2"):
            lb = self.lb(["10.77.0.2:4243"], state=self.machines[machine], namespace=lb_ns)
            lb.wait_event("up", within=10)

    def test_a_second_load_balancer_that_was_not_exported_is_refused_by_its_token(self):
        server_ns, lb_ns = self.linked()
        bundle, request, answer = (self.dir / n for n in ("bundle", "request", "answer"))
        self.keys("lb", "export", "--server", "10.77.0.2", "--out", bundle)
        self.keys("server", "import", bundle)
        self.keys("lb2", "request", "--lb", "--out", request)
        self.keys("lb", "accept", request, "--out", answer)
        self.keys("lb2", "import", answer)
        self.server(4243, state=self.machines["server"], namespace=server_ns)
        lb = self.lb(["10.77.0.2:4243"], state=self.machines["lb2"], namespace=lb_ns)
        _, down = lb.wait_event("down", within=10)
        self.assertRegex(down["reason"], "^token refused: ")

    def test_a_rotated_key_is_taken_by_running_components(self):
        self.server(4243, state=self.machines["lb"])
        lb = self.lb(["127.0.0.1:4243"], state=self.machines["lb"])
        at, _ = lb.wait_event("up", within=10)
        self.keys("lb", "rotate", "--grace", "1h")
        second = self.lb(["127.0.0.1:4243"], state=self.machines["lb"])
        second.wait_event("up", within=25)
        lb.wait_status(lambda s: s["up"] == 1, within=5, since=len(lb.lines))
        self.assertEqual([e["to"] for e in lb.events()], ["up"])

    def test_two_rotations_do_not_lose_servers_that_know_the_first_key_only(self):
        server_ns, lb_ns = self.linked()
        bundle = self.dir / "bundle"
        self.keys("lb", "export", "--server", "10.77.0.2", "--out", bundle)
        self.keys("server", "import", bundle)
        self.server(4243, state=self.machines["server"], namespace=server_ns)
        self.keys("lb", "rotate", "--grace", "1h")
        self.keys("lb", "rotate")
        lb = self.lb(["10.77.0.2:4243"], state=self.machines["lb"], namespace=lb_ns)
        lb.wait_event("up", within=10)
        self.assertEqual([e["to"] for e in lb.events()], ["up"])
        self.assertIn("qhcp keys export --server 10.77.0.2", lb.errors())
        _, status = lb.wait_status(lambda s: s["up"] == 1, within=5)
        self.assertIn("knows only an old token key", status["servers"][0]["notice"])
        status, out, err = self.qhcp("check", "10.77.0.2:4243", state=self.machines["lb"],
                                     namespace=lb_ns)
        self.assertEqual(status, 0, out + err)

    def test_a_monitoring_host_checks_every_server_from_a_directory_of_its_own(self):
        server_ns, lb_ns = self.linked()
        bundle, request, answer = (self.dir / n for n in ("bundle", "request", "answer"))
        self.keys("lb", "export", "--server", "10.77.0.2", "--out", bundle)
        self.keys("server", "import", bundle)
        self.keys("lb2", "request", "--check", "--out", request)
        self.keys("lb", "accept", request, "--out", answer)
        self.keys("lb2", "import", answer)
        server = self.server(4243, state=self.machines["server"], namespace=server_ns)
        check = ("check", "10.77.0.2:4243")
        status, out, _ = self.qhcp(*check, state=self.machines["lb2"], namespace=lb_ns)
        self.assertEqual(status, 3, out)
        self.assertIn("signed with a key that this server does not know", out)
        self.keys("lb", "export", "--server", "10.77.0.2", "--out", bundle, "--force")
        self.keys("server", "import", bundle)
        server.stop()
        self.server(4243, state=self.machines["server"], namespace=server_ns)
        status, out, err = self.qhcp(*check, state=self.machines["lb2"], namespace=lb_ns)
        self.assertEqual(status, 0, out + err)
        accepted = [key for key in self.shown("server")["accepted_keys"]
                    if key["id"] == self.shown("lb2")["token_key"]["id"]]
        self.assertEqual([key["scope"] for key in accepted], ["health"])

    def shown(self, machine):
        return json.loads(self.keys(machine, "show", "--format", "json"))

    def test_a_load_balancer_that_was_revoked_is_cut_off_from_every_server_that_is_watched(self):
        server_ns, lb_ns = self.linked()
        bundle, request, answer = (self.dir / n for n in ("bundle", "request", "answer"))
        self.keys("lb2", "request", "--lb", "--out", request)
        self.keys("lb", "accept", request, "--out", answer)
        self.keys("lb2", "import", answer)
        self.keys("lb", "export", "--server", "10.77.0.2", "--out", bundle)
        self.keys("server", "import", bundle)
        self.server(4243, state=self.machines["server"], namespace=server_ns)
        second = self.lb(["10.77.0.2:4243"], state=self.machines["lb2"], namespace=lb_ns)
        second.wait_event("up", within=10)
        given_away = self.shown("lb2")["token_key"]
        self.keys("lb", "revoke", given_away["id"])
        first = self.lb(["10.77.0.2:4243", "10.77.0.3:4243"], state=self.machines["lb"],
                        namespace=lb_ns)
        first.wait_event("up", within=10)
        _, down = second.wait_event("down", within=10)
        self.assertIn("revoked", down["reason"])
        self.assertEqual(self.shown("server")["revoked"]["keys"], [given_away["kid"]])
        _, status = first.wait_status(
            lambda s: sorted(row["state"] for row in s["servers"]) == ["down", "up"], within=10)
        told, not_reached = sorted(status["servers"], key=lambda s: s["address"])
        self.assertNotIn("notice", told)
        self.assertIn("does not have the list of revocations", not_reached["notice"])

    def test_a_lost_bundle_is_refused_by_a_load_balancer_that_runs(self):
        server_ns, lb_ns = self.linked()
        bundle = self.dir / "bundle"
        self.keys("lb", "export", "--server", "10.77.0.2", "--out", bundle)
        self.keys("server", "import", bundle)
        server = self.server(4243, state=self.machines["server"], namespace=server_ns)
        lb = self.lb(["10.77.0.2:4243"], state=self.machines["lb"], namespace=lb_ns)
        lb.wait_event("up", within=10)
        self.keys("lb", "revoke", "10.77.0.2")
        _, down = lb.wait_event("down", within=10)
        self.assertIn("certificate was revoked", down["reason"])
        status, out, err = self.qhcp("check", "10.77.0.2:4243", state=self.machines["lb"],
                                     namespace=lb_ns)
        self.assertEqual(status, 3, out + err)
        self.assertIn("certificate was revoked", out)
        self.keys("lb", "export", "--server", "10.77.0.2", "--out", self.dir / "new")
        self.keys("server", "import", self.dir / "new")
        server.stop()
        self.server(4243, state=self.machines["server"], namespace=server_ns)
        status, out, err = self.qhcp("check", "10.77.0.2:4243", state=self.machines["lb"],
                                     namespace=lb_ns)
        self.assertEqual(status, 0, out + err)

    def test_show_names_what_exists_and_no_secret(self):
        self.keys("lb", "export", "--server", "web1.example", "--out", self.dir / "bundle")
        out = self.keys("lb", "show")
        for word in ("CA", "certificate", "token key", "days"):
            self.assertIn(word.lower(), out.lower())
        key = (self.machines["lb"] / "lb" / "token-key.json").read_text(encoding="utf-8")
        self.assertNotIn(json.loads(key)["d"], out)
