"""docs/openapi.json is what the admin interface does: each path and method, each parameter, and in
each answer exactly the members that it declares.  And clients that want nothing but a connection."""

import json
import re
import socket
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from lib.admin import AdminCase, ask
from lib.case import QHCP, Lb

ROOT = Path(__file__).resolve().parent.parent.parent
API = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
ROW = re.compile(r'\{"([A-Z]+)", "([^"]+)", (\w+),\s+"([^"]*)",\s+\w+\}')
NAME = "127.0.0.1:4243"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_of(kind, value):
    if kind in ("integer", "number"):
        allowed = int if kind == "integer" else (int, float)
        return isinstance(value, allowed) and not isinstance(value, bool)
    return isinstance(value, TYPES[kind])


def faults(value, schema, where="answer"):
    """What of a value is not as the schema says: the part of JSON Schema that the document uses."""
    if "$ref" in schema:
        return faults(value, API["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], where)
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if kinds and not any(is_of(kind, value) for kind in kinds):
        return [f"{where}: {value!r} is not {kinds}"]
    found = []
    if "oneOf" in schema and sum(not faults(value, one, where) for one in schema["oneOf"]) != 1:
        found.append(f"{where}: {value!r} is not one of {schema['oneOf']}")
    if value not in schema.get("enum", [value]):
        found.append(f"{where}: {value!r} is not among {schema['enum']}")
    if isinstance(value, (int, float)) and value < schema.get("minimum", value):
        found.append(f"{where}: {value!r} is too small")
    if schema.get("format") == "date-time" and isinstance(value, str):
        datetime.fromisoformat(value)
    if isinstance(value, list):
        for i, item in enumerate(value):
            found += faults(item, schema.get("items", {}), f"{where}[{i}]")
    if isinstance(value, dict):
        declared = schema.get("properties", {})
        more = schema.get("additionalProperties", True)
        found += [f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value]
        for name, member in value.items():
            if name not in declared and more is False:
                found.append(f"{where}: {name} is not declared")
            inner = declared.get(name, more if isinstance(more, dict) else {})
            found += faults(member, inner, f"{where}.{name}")
    return found


class Document(AdminCase):
    def test_it_has_the_rows_of_the_program_and_their_parameters(self):
        source = (ROOT / "src" / "admin" / "admin_routes.c").read_text(encoding="utf-8")
        rows = {(method, path.replace("*", "{name}")): set(query.split())
                for method, path, _, query in ROW.findall(source) if "/page" not in path and path != "/"}
        shown = {(method.upper(), path): {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
                 for path, methods in API["paths"].items()
                 for method, operation in methods.items() if method != "parameters"}
        self.assertEqual(shown, rows)

    def test_what_is_not_declared_or_missing_is_found(self):
        schema = API["components"]["schemas"]["Health"]
        self.assertEqual(faults({"status": "ok", "reason": ""}, schema), [])
        for wrong in ({"status": "ok"}, {"status": "ok", "reason": "", "more": 1}, {"status": "ill", "reason": ""},
                      {"status": "ok", "reason": None}, []):
            self.assertNotEqual(faults(wrong, schema), [], wrong)

    def test_each_answer_has_exactly_what_is_declared(self):
        _, lb = self.pair("--metrics", "requests_in_flight")
        del lb
        bodies = {"drain": {"reason": "x", "for": "1h"}, "maintenance": {"for": "1h"}, "weight": {"weight": 2},
                  "algorithm": {"algorithm": "maglev"}, "config": {"rise": 3}}
        for path, methods in API["paths"].items():
            for method, operation in methods.items():
                if method == "parameters" or path == "/metrics":  # which is not JSON
                    continue
                where = path.replace("{name}", NAME)
                body = bodies.get(path.rsplit("/", 1)[1], {}) if method != "get" else None
                answer = ask(self.socket, method.upper(), where, body, If_Match="*" if method == "patch" else None)
                responses = operation["responses"]
                declared = responses.get(str(answer.status), responses.get("default"))
                with self.subTest(method=method, path=path, status=answer.status):
                    if path.rsplit("/", 1)[1] not in ("reload", "history", "samples", "why"):
                        self.assertEqual(answer.status, 200, answer.text)
                    self.assertEqual(answer.headers["Content-Type"], "application/json")
                    self.assertEqual(faults(answer.json, declared["content"]["application/json"]["schema"]), [])


class Remembered(AdminCase):
    def test_the_history_has_exactly_what_is_declared(self):
        server, lb = self.pair()
        server.kill()
        lb.wait_event("down", within=10)
        server_path, answer = f"/api/v1/servers/{NAME}", None
        while not answer or answer.status != 200 or not answer.json["fall"]:  # the history is a moment behind
            time.sleep(0.05)
            answer = ask(self.socket, "GET", server_path + "/why")
        for path in ("/api/v1/history", server_path + "/history", server_path + "/samples", server_path + "/why"):
            with self.subTest(path):
                declared = API["paths"][path.replace(NAME, "{name}")]["get"]["responses"]["200"]
                answer = ask(self.socket, "GET", path)
                self.assertEqual(answer.status, 200, answer.text)
                self.assertEqual(faults(answer.json, declared["content"]["application/json"]["schema"]), [])
        events = ask(self.socket, "GET", server_path + "/history").json["events"]
        self.assertTrue({"session", "state"} <= {e["kind"] for e in events}, events)


class Crowd(AdminCase):
    def test_clients_that_say_nothing_take_neither_the_socket_nor_the_checks(self):
        self.socket = self.dir / "admin.sock"
        self.server(4243)
        lb = Lb(["sh", "-c", 'ulimit -n 512; exec "$@"', "sh", QHCP, "lb", "--servers", NAME, "--status-format",
                 "json", "--liveness-interval", "100ms", "--min-silence", "5s", "--admin", f"127.0.0.1:{self.PORT}", "--admin",
                 f"unix:{self.socket}"], name="lb", log=self.dir / "lb.log", env=self.env())
        self.addCleanup(lb.close)
        lb.wait_event("up", within=10)
        with ExitStack() as all_of_them:
            for _ in range(100):
                slow = all_of_them.enter_context(socket.create_connection(("127.0.0.1", self.PORT)))
                try:
                    slow.sendall(b"GET /api/v1/servers HTTP/1.1\r\nHost: localhost\r\nX: ")
                except ConnectionError:
                    pass
            self.assertEqual(ask(self.socket, "GET", "/readyz").status, 200)
            self.assertEqual(ask(self.socket, "GET", f"/api/v1/servers/{NAME}").json["state"], "up")
        answer = None
        while not answer:  # as soon as their ends were seen
            try:
                answer = self.get("/readyz")
            except ConnectionError:
                time.sleep(0.01)
        self.assertEqual(answer.status, 200)
        self.assertEqual([e["to"] for e in lb.events()], ["up"])
