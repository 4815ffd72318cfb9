"""The results: kept as JSON, and shown as tables."""

import json
import os
import platform
import subprocess
from pathlib import Path
from statistics import median

import table

HEAD = ["checker", "CPU us a check", "of TCP connect", "servers' us", "packets", "bytes", "kB a server",
        "all known", "CPU of that", "late p50", "p99", "max", "own p99", "checks/s", "runs"]
MEDIANS = ["cpu_us", "server_us", "packets_check", "bytes_check", "memory", "known_s", "known_cpu_s"]


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()[0].strip()


def machine():
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    gnutls, ngtcp2 = (first_line("pkg-config", "--modversion", name) for name in ("gnutls", "libngtcp2"))
    haproxy = first_line("haproxy", "-v").split("version ")[-1].split(" ")[0]
    return f"{os.cpu_count()} CPUs ({model}), Linux {platform.release()}, HAProxy {haproxy}, ngtcp2 {ngtcp2}, GnuTLS {gnutls}"


def key(result):
    return result["title"], result["servers"], result["every_s"]


def merge(path, results, where):
    """Keeps the results in a file: those of a checker and size take the place of older ones."""
    kept = json.loads(path.read_text())["results"] if path.exists() else []
    new = {key(r) for r in results}
    kept = [r for r in kept if key(r) not in new] + results
    path.write_text(json.dumps({"machine": where, "results": kept}, indent=1) + "\n")


def groups(results):
    """{servers: {(title, every): [runs]}} in the order of the results."""
    found = {}
    for r in results:
        found.setdefault(r["servers"], {}).setdefault((r["title"], r["every_s"]), []).append(r)
    return dict(sorted(found.items()))


def middle(runs, name):
    values = [r[name] for r in runs if r.get(name) is not None]
    return median(values) if values else None


def ratio(runs, tcp):
    """To HAProxy's TCP connect: the median of those within a round."""
    beside = {r["round"]: r["cpu_us"] for r in tcp}
    found = [r["cpu_us"] / beside[r["round"]] for r in runs if r["round"] in beside]
    return median(found) if found else None


def number(value, digits=1):
    return "-" if value is None else f"{value:.{digits}f}"


def milliseconds(runs, i, name="late_us"):
    values = [r[name][i] for r in runs if r.get(name)]
    return f"{median(values) / 1000:.2f} ms" if values else "-"


def seconds(value):
    return "-" if value is None else f"{value:.2f} s"


def row(title, every, runs, tcp):
    m = {name: middle(runs, name) for name in MEDIANS}
    floor = runs[0]["row"] == "floor"
    return [title, number(m["cpu_us"]), number(ratio(runs, tcp), 2), number(m["server_us"]),
            number(m["packets_check"], 2), number(m["bytes_check"], 0),
            "-" if m["memory"] is None else number(m["memory"] / 1000),
            *(("-", "-") if floor else (seconds(m["known_s"]), seconds(m["known_cpu_s"]))),
            *(milliseconds(runs, i) for i in range(3)), milliseconds(runs, 1, "own_late_us"),
            f"{median(r['done'] / r['seconds'] for r in runs):.0f}", f"{len(runs)}"]


def interval(s):
    return f"{s * 1000:g} ms" if s < 1 else f"{s:g} s"


def of_size(servers, checkers):
    usual = next(every for _, every in checkers)
    tcp = next((runs for runs in checkers.values() if runs[0]["row"] == "tcp"), [])
    rows = [row(title if every == usual else f"{title}, every {interval(every)}", every, runs, tcp)
            for (title, every), runs in checkers.items()]
    lines = [f"**{servers:,} servers, every {interval(usual)}**", "", *table.lines(HEAD, rows)]
    said = {title: list(dict.fromkeys(words for r in runs for words in [*r["doubts"], *r["notes"]]))
            for (title, _), runs in checkers.items()}
    notes = [f"- {title}: {'; '.join(words)}" for title, words in said.items() if words]
    return [*lines, "", *notes, *([""] if notes else [])]


def beside_https(found):
    """The fastest checks of QHCP beside HAProxy's slowest, as a part of a CPU."""
    lines = []
    for servers, checkers in found.items():
        used = {(runs[0]["row"], every): median(r["cpu_s"] / r["seconds"] for r in runs) * 100
                for (_, every), runs in checkers.items()}
        https = [(every, cpu) for (name, every), cpu in used.items() if name == "https"]
        ours = [(name, every, cpu) for (name, every), cpu in used.items() if name in ("asking", "listening")]
        for name, every, cpu in ours if https else []:
            lines.append(f"- {servers:,} servers, QHCP {name} every {interval(every)}: {cpu:.1f} % of a CPU; HAProxy's HTTPS "
                         f"every {interval(https[0][0])}: {https[0][1]:.1f} %")
    return lines


def markdown(results, where):
    found = groups(results)
    lines = [f"{where}; the checking side has a CPU for itself, whom it asks another", ""]
    for servers, checkers in found.items():
        lines += of_size(servers, checkers)
    return "\n".join([*lines, *beside_https(found)]).rstrip()
