"""A part of the load balancer's core is changed by the file of its name alone (src/lb/internal.h)."""

import re
import unittest
from pathlib import Path

CORE = Path(__file__).resolve().parent.parent.parent / "src" / "lb"
BACKEND = re.compile(r"^struct backend \{\n(.*?)^\};", re.S | re.M)
OF_ALL = ["crowd", "credentials"]  # in struct qhcp_lb
PART = re.compile(r"^    struct \w+ (\w+);", re.M)
# b->part.field = ..., b->part = ..., ++, --, +=, |= ...
CHANGE = re.compile(r"\w->(\w+)(?:\.\w+|\[[^]]*\])*\s*(?:=(?!=)|\+\+|--|[-+|&]=)")
# Those whose file has another name; a session, and the beginning of a frame, are talk.c's to feed.
FILES = {"revocation": "revoked.c", "standing": "act.c", "timer": "settle.c", "start": "starts.c", "address": "backend.c",
         "crowd": "cross.c"}
EXCEPT = {("talk.c", "link.inbox")}


def parts():
    text = (CORE / "internal.h").read_text(encoding="utf-8")
    return PART.findall(BACKEND.search(text).group(1)) + OF_ALL


def strangers(name, text, known):
    """The changes in this file of parts that are others'."""
    found = []
    for line in text.splitlines():
        for m in CHANGE.finditer(line):
            part, owner = m.group(1), FILES.get(m.group(1), m.group(1) + ".c")
            if part not in known or name == owner:
                continue
            if not any(name == f and what in m.group(0) for f, what in EXCEPT):
                found.append(f"{name}: {line.strip()}")
    return found


class Parts(unittest.TestCase):
    def test_each_part_is_changed_by_its_own_file_alone(self):
        known, found = parts(), []
        for path in sorted(CORE.glob("*.c")):
            found += strangers(path.name, path.read_text(encoding="utf-8"), known)
        self.assertEqual(found, [])

    def test_there_are_parts_and_each_has_its_file(self):
        known = parts()
        self.assertGreater(len(known), 12)
        for part in known:
            if part != "health":
                self.assertTrue((CORE / FILES.get(part, part + ".c")).exists(), part)

    def test_a_stranger_is_found_and_the_owner_is_not(self):
        line = "    b->token.key_at = 0;"
        self.assertEqual(strangers("talk.c", line, ["token"]), ["talk.c: b->token.key_at = 0;"])
        self.assertEqual(strangers("token.c", line, ["token"]), [])
        self.assertEqual(strangers("talk.c", "if (b->token.key_at == 0)", ["token"]), [])
