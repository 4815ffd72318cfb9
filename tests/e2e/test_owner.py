"""Root, and a state directory of another user's: what a package's service and its administrator are."""

import json
import os
import stat
import subprocess

from lib.case import QHCP, SLOW, Case
from lib.process import Process
from lib.raw import wait_log

USER = 64999  # nobody's


class Owner(Case):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root has other users")
        self.dir.chmod(0o711)
        self.state.mkdir(0o700)
        os.chown(self.state, USER, USER)

    def env(self, *arguments, **more):
        """LeakSanitizer cannot look into a process that has changed its user."""
        options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        return super().env(*arguments, ASAN_OPTIONS=options, **more)

    def service(self):
        """A server as the unit runs it: as its own user."""
        server = self.start("server", "--ip", "127.0.0.1", "--port", 4243, kind=self.as_user)
        wait_log(server, "listening on UDP", 10 * SLOW)
        return server

    @staticmethod
    def as_user(command, **options):
        return Process(["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs",
                        "--bounding-set=-all", *command], **options)

    def owners(self):
        return {p.relative_to(self.state).as_posix(): p.lstat().st_uid for p in self.state.rglob("*")}

    def test_what_root_makes_there_belongs_to_the_service(self):
        out = self.dir / "web1.bundle"
        status, _, errors = self.qhcp("keys", "export", "--server", "web1.example", "--out", out)
        self.assertEqual(status, 0, errors)
        self.assertEqual(set(self.owners().values()), {USER})
        self.assertEqual((out.stat().st_uid, stat.S_IMODE(out.stat().st_mode)), (0, 0o600))
        other = self.dir / "other"
        other.mkdir(0o700)
        os.chown(other, USER, USER)
        status, _, errors = self.qhcp("keys", "import", out, state=other)  # a file of root's, mode 0600
        self.assertEqual(status, 0, errors)
        self.assertEqual({p.stat().st_uid for p in other.rglob("*")}, {USER})
        everything = self.dir / "bundles"
        status, _, errors = self.qhcp("keys", "export", "--all", "--dir", everything)
        self.assertEqual((status, [p.name for p in everything.iterdir()]), (0, ["web1.example.bundle"]), errors)
        self.assertEqual(everything.stat().st_uid, 0)

    def test_root_follows_no_link_of_the_service_to_where_the_service_may_not_write(self):
        target = self.dir / "of-root"
        target.mkdir(0o700)
        (self.state / "server").symlink_to(target)
        self.assertEqual(self.qhcp("keys", "export", "--server", "web1.example", "--out", self.dir / "b")[0], 1)
        self.assertEqual(list(target.iterdir()), [])

    def test_root_commands_the_server_of_the_service(self):
        server = self.service()
        status, out, errors = self.qhcp("control", "drain", "--reason", "new disk")
        self.assertEqual(status, 0, out + errors)
        status, out, _ = self.qhcp("control", "show")
        self.assertIn("draining", out)
        self.assertEqual(self.qhcp("control", "undrain")[0], 0)
        self.assertEqual(self.qhcp("check", "127.0.0.1:4243")[0], 0)
        self.assertEqual(set(self.owners().values()), {USER})
        shown = json.loads(self.qhcp("keys", "show", "--format", "json")[1])
        self.assertEqual(shown.get("problems", []), [])
        self.assert_stops(server)

    def test_root_does_not_run_a_service_on_it(self):
        status, _, errors = self.qhcp("server", "--port", "4244")
        self.assertEqual(status, 1)
        self.assertIn("belongs to another user", errors)
        self.assertEqual(self.owners(), {})

    def test_another_user_is_refused(self):
        done = subprocess.run(["setpriv", "--reuid=65000", "--clear-groups", QHCP, "keys", "rotate"],
                              env=self.env(), capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
