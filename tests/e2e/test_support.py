"""What `qhcp support` writes for a bug report: what it needs, and no secret."""

import base64
import json
import re
import stat

from lib.case import Case, SLOW, free_port
from lib.raw import wait_log


def strings(value):
    """All strings of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from strings(one)


def needles(path):
    """Texts by which the content of a private file would be seen, in whatever form."""
    content = path.read_bytes()
    text = content.decode("utf-8", "replace")
    found = {content.hex(), base64.b64encode(content).decode(), base64.urlsafe_b64encode(content).decode()}
    for body in re.findall(r"-----BEGIN[^-]*PRIVATE KEY-----\n(.*?)-----END", text, re.DOTALL):
        found |= {line for line in body.split("\n") if len(line) > 10}
    try:
        private = [key for key in jwks(json.loads(text)) if "d" in key or key["kty"] == "oct"]
        found |= {key[name] for key in private for name in ("d", "k") if name in key}
    except ValueError:
        pass
    return {one[:40] for one in found if len(one) >= 16}


def jwks(value):
    """All keys in a JSON value."""
    if isinstance(value, dict) and "kty" in value:
        yield value
    elif isinstance(value, (list, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from jwks(one)


class Support(Case):
    def test_it_has_what_a_report_needs_and_no_secret(self):
        server = self.server(4243, ip="127.0.0.1")
        wait_log(server, "listening on UDP", 10 * SLOW)
        port = free_port()
        lb = self.lb(["127.0.0.1:4243"], "--admin", f"unix:{self.state}/admin-{port}.sock", "--sink", "webhook https://127.0.0.1:1/hunter4",
                     port=port)
        lb.wait_event("up", within=10)
        config = self.dir / "lb.yaml"
        config.write_text("servers: [localhost:4243]\nprobe: tcp\n# http://joe:hunter2@10.0.0.1/ password: hunter3\n"
                          "sinks: [webhook https://chat.example/T0/hunter5]\n", encoding="ascii")
        out = self.dir / "report.txt"
        status, said, errors = self.qhcp("support", "--out", out, "--config", config)
        self.assertEqual((status, errors), (0, ""))
        self.assertIn(str(out), said)
        self.assertEqual(stat.S_IMODE(out.stat().st_mode), 0o600)
        report = out.read_text(encoding="utf-8")
        for part in ("qhcp 0", "buildtype=", "Linux ", "rmem_max", "probe: tcp", "port: 4242 ", "token-key.json", "Max open files",
                     '"local_score":', "set by the operator", "CA (automatic)", "== history ==",
                     "webhook https://127.0.0.1:1/[removed]", "webhook https://chat.example/[removed]"):
            self.assertTrue(part in report, part)
        looked_for = 0
        for path in self.state.rglob("*"):
            if not path.is_file() or stat.S_IMODE(path.stat().st_mode) & 0o077 or path.name.startswith("history"):
                continue
            for needle in needles(path):
                self.assertFalse(needle in report, path)
                looked_for += 1
        self.assertGreater(looked_for, 15)
        for word in ("hunter2", "hunter3", "hunter4", "hunter5", "PRIVATE KEY-----", "eyJ"):
            self.assertFalse(word in report, word)
        self.assertEqual(self.qhcp("support", "--out", out)[0], 1)  # it replaces nothing

    def test_the_search_itself_finds_a_secret(self):
        self.qhcp("keys", "show")
        self.server(4243, ip="127.0.0.1")
        lb = self.lb(["127.0.0.1:4243"])
        lb.wait_event("up", within=10)
        for name in ("ca/ca-key.pem", "server/key.pem", "lb/token-key.json", "secret"):
            path = self.state / name
            found = needles(path)
            text = path.read_bytes()
            seen = text.decode("utf-8", "replace") + text.hex()
            self.assertTrue(any(needle in seen for needle in found), name)
