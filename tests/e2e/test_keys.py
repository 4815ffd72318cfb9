"""`qhcp keys` as a user types it: what it says, where it says it, and its exit status."""

import json
import os
import stat
import subprocess
import sys
import unittest

from lib.case import QHCP, Case, free_port


class Keys(Case):
    def keys(self, *arguments, machine="a", stdin=None):
        return self.qhcp("keys", *arguments, state=self.dir / machine, stdin=stdin)

    def done(self, *arguments, **options):
        status, out, err = self.keys(*arguments, **options)
        self.assertEqual((status, err), (0, ""), out)
        return out

    def refused(self, *arguments, status=1, says="", **options):
        got, out, err = self.keys(*arguments, **options)
        self.assertEqual((got, out), (status, ""), err)
        self.assertIn(says, err)

    def test_show_on_an_empty_machine_makes_nothing_and_says_what_would(self):
        self.refused("show", says="there is no state yet")
        self.assertFalse((self.dir / "a").exists())
        (self.dir / "a").mkdir(mode=0o700)
        self.refused("show", says="there is no state yet")
        self.assertEqual(list((self.dir / "a").iterdir()), [])

    def test_show_is_lined_up_and_its_json_says_the_same(self):
        self.done("export", "--server", "b.example,10.0.0.2", "--out", self.dir / "f")
        self.done("rotate", "--grace", "2d")
        table = self.done("show").splitlines()
        head = next(i for i, line in enumerate(table) if line.startswith("WHAT"))
        starts = [table[head].index(w) for w in ("EXPIRES", "FINGERPRINT", "NAME")]
        for line in table[head + 1:]:
            for start in starts:
                self.assertEqual(line[start - 1], " ", line)
                self.assertNotEqual(line[start], " ", line)
        shown = json.loads(self.done("show", "--format", "json"))
        text = "\n".join(table)
        for value in (shown["ca"]["fingerprint"], shown["server"]["fingerprint"],
                      shown["token_key"]["kid"], shown["old_token_key"]["kid"],
                      shown["exported"][0]["fingerprint"], shown["directory"]):
            self.assertIn(value, text)
        self.assertEqual(shown["exported"][0]["names"], ["b.example", "10.0.0.2"])
        self.assertIn(shown["exported"][0]["days"], (729, 730))
        self.assertEqual(shown["problems"], [])

    def test_a_damaged_state_is_shown_with_its_problem_and_repaired_by_a_forced_import(self):
        self.done("export", "--server", "b.example", "--out", self.dir / "f")
        self.done("import", self.dir / "f", machine="b")
        (self.dir / "b/server/key.pem").write_text("garbage", encoding="utf-8")
        status, out, err = self.keys("show", machine="b")
        self.assertEqual(status, 1)
        self.assertIn("problem: ", out)
        self.assertIn("server/key.pem", out)
        self.assertIn("cannot read some of", err)
        self.refused("import", self.dir / "f", machine="b", says="server/key.pem")
        self.done("import", self.dir / "f", "--force", machine="b")
        self.done("show", machine="b")

    def test_a_bundle_travels_through_a_pipe(self):
        status, bundle, err = self.keys("export", "--server", "b.example", "--out", "-")
        self.assertEqual(status, 0, err)
        self.assertEqual(json.loads(bundle)["type"], "server")
        self.assertIn("b.example", err)
        out = self.done("import", "-", machine="b", stdin=bundle)
        self.assertIn("b.example", out)
        self.assertNotIn("delete", out)

    def test_a_full_standard_output_is_an_error_and_nothing_is_issued(self):
        self.done("export", "--server", "b.example", "--out", self.dir / "f")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([QHCP, "keys", "export", "--server", "c.example", "--out", "-"],
                                  stdout=full, stderr=subprocess.PIPE, text=True, check=False,
                                  env=self.env(self.dir / "a"), timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)
        shown = json.loads(self.done("show", "--format", "json"))
        self.assertEqual([row["names"] for row in shown["exported"]], [["b.example"]])

    def test_a_second_load_balancer_in_three_commands(self):
        files = {name: self.dir / name for name in ("r", "f")}
        self.assertIn("qhcp keys accept", self.done("request", "--lb", "--out", files["r"],
                                                    machine="c"))
        self.assertIn("qhcp keys import", self.done("accept", files["r"], "--out", files["f"]))
        self.assertIn("trust the CA", self.done("import", files["f"], machine="c"))
        self.assertEqual(stat.S_IMODE(os.stat(files["f"]).st_mode), 0o600)
        self.refused("import", files["f"], machine="d", says="another load balancer")
        status, _, err = self.qhcp("server", "--port", free_port(), state=self.dir / "c")
        self.assertEqual(status, 1)
        self.assertIn("qhcp keys export --server", err)

    def test_a_wrong_command_line_is_2_and_names_what_is_wrong(self):
        for arguments, says in (
                ((), "command is missing"),
                (("frobnicate",), '"frobnicate"'),
                (("export", "--out", "f"), "needs --server, or --all"),
                (("export", "--all", "--out", "f"), "takes --all with --dir"),
                (("export", "--all"), "needs --dir"),
                (("export", "--revoked", "--all", "--dir", "d"), "takes only --out"),
                (("revoke",), "needs a name, a kid or a fingerprint"),
                (("export", "--server", "b", "--out", "f", "--dir", "d"), "for export --all"),
                (("export", "--server", "b"), "needs --out"),
                (("request", "--out", "f"), "needs --lb or --check"),
                (("request", "--lb", "--check", "--out", "f"), "needs --lb or --check"),
                (("accept", "--out", "f"), "needs a file"),
                (("import",), "needs a file"),
                (("import", "a", "b"), '"b"'),
                (("show", "x"), '"x"'),
                (("show", "--force"), "takes no --force"),
                (("show", "--format", "xml"), '"xml"'),
                (("rotate", "--grace", "soon"), '"soon"'),
                (("rotate", "--grace", "400d"), "400"),
                (("rotate", "--grace", "1d", "--grace", "2d"), "twice"),
                (("show", "--bad"), "--bad")):
            with self.subTest(arguments=arguments):
                self.refused(*arguments, status=2, says=says)
        self.assertFalse((self.dir / "a").exists())

    def test_bad_values_are_1_and_named(self):
        for arguments, says in (
                (("export", "--server", "b.example:4243", "--out", self.dir / "f"),
                 '"b.example:4243" is a name with a port'),
                (("export", "--server", "b,,c", "--out", self.dir / "f"), "empty name"),
                (("export", "--server", "b", "--out", self.dir / "none/f"), "none/f"),
                (("import", self.dir / "none"), "no such file"),
                (("import", "/etc/passwd"), "is not a bundle"),
                (("import", self.dir), "is a directory"),
                (("accept", self.dir / "none", "--out", self.dir / "f"), "no such file")):
            with self.subTest(arguments=arguments):
                self.refused(*arguments, says=says)
        self.assertFalse((self.dir / "f").exists())

    def test_help_names_every_command(self):
        out = self.done("--help")
        for word in ("show", "export", "import", "request", "accept", "rotate", "revoke", "--grace"):
            self.assertIn(word, out)

    def test_after_a_rotation_all_bundles_are_made_anew_by_one_command(self):
        for name in ("b", "d"):
            self.done("export", "--server", f"{name}.example", "--out", self.dir / f"f{name}")
        self.assertIn("--all", self.done("rotate"))
        self.assertEqual(self.done("show").count("lacks the newest keys"), 2)
        self.assertIn("2 servers", self.done("export", "--all", "--dir", self.dir / "all"))
        self.assertEqual(sorted(os.listdir(self.dir / "all")),
                         ["b.example.bundle", "d.example.bundle"])
        self.assertEqual(stat.S_IMODE(os.stat(self.dir / "all").st_mode), 0o700)
        self.assertNotIn("lacks the newest keys", self.done("show"))
        self.done("import", self.dir / "all" / "b.example.bundle", machine="b")

    def test_whatever_happens_at_once_the_directory_stays_whole(self):
        self.done("export", "--server", "s0.example", "--out", self.dir / "f0")
        commands = [("export", "--server", f"s{i}.example", "--out", self.dir / f"f{i}")
                    for i in range(1, 7)]
        commands += [("rotate", "--grace", "1h")] * 4 + [("revoke", "s0.example"), ("show",)]
        commands += [("export", "--revoked", "--force", "--out", self.dir / "list")]
        running = [subprocess.Popen([QHCP, "keys", *map(str, command)], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, env=self.env(self.dir / "a"))
                   for command in commands]
        for command, process in zip(commands, running):
            err = process.communicate(timeout=60)[1]
            if command[-1] != self.dir / "list":  # which may come before anything was revoked
                self.assertEqual((process.returncode, err), (0, b""), command)
        shown = json.loads(self.done("show", "--format", "json"))
        self.assertEqual(shown["problems"], [])
        self.assertEqual(len(shown["exported"]), 7)
        self.assertEqual(len(shown["old_token_keys"]), 4)
        self.assertEqual(len(shown["revoked"]["certificates"]), 1)
        known = {key["kid"] for key in shown["accepted_keys"]}
        self.assertTrue({key["kid"] for key in shown["old_token_keys"]} < known)
        imports = [subprocess.Popen([QHCP, "keys", "import", self.dir / f"f{i}"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                    env=self.env(self.dir / "b")) for i in range(1, 7)]
        self.assertIn(0, [process.wait(60) for process in imports])  # an older one is refused
        self.assertEqual(json.loads(self.done("show", "--format", "json", machine="b"))["problems"],
                         [])

    def test_twenty_first_exports_at_once_come_from_one_ca(self):
        running = [subprocess.Popen([QHCP, "keys", "export", "--server", f"s{i}.example", "--out",
                                     self.dir / f"f{i}"], stdout=subprocess.DEVNULL,
                                    stderr=sys.stderr, env=self.env(self.dir / "a"))
                   for i in range(20)]
        self.assertEqual([p.wait(60) for p in running], [0] * 20)
        cas = {json.loads((self.dir / f"f{i}").read_text(encoding="utf-8"))["ca"]
               for i in range(20)}
        self.assertEqual(len(cas), 1)
        shown = json.loads(self.done("show", "--format", "json"))
        self.assertEqual(len(shown["exported"]), 20)


if __name__ == "__main__":
    unittest.main()
