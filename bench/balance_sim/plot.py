#!/usr/bin/env python3
"""The first table of balance_sim (standard input) as a picture (standard output, SVG): the 99th percentile of latency
over the load, both axes logarithmic, a line for each algorithm.

    ./run_quic.sh bench balance_sim | tee table | bench/balance_sim/plot.py > docs/balance_sim.svg"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from svg import apart, scale, text  # noqa: E402

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 70, 170, 40, 50
COLOURS = ["#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377", "#777777", "#e07b00"]
TICKS = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000]


def read(lines):
    """{algorithm: [(load, p99 in ms)]} of the first table."""
    found = {}
    for line in lines:
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) == 8 and cells[0].replace(".", "").isdigit():
            load, p99 = float(cells[0]), float(cells[4])
            if cells[1] in found and load < found[cells[1]][-1][0]:
                break
            found.setdefault(cells[1], []).append((load, p99))
    return found


def draw(found):
    loads = sorted({load for points in found.values() for load, _ in points})
    low, high = 10, max(TICKS)

    def x(load):
        return scale(load, loads[0], loads[-1], LEFT, WIDTH - RIGHT)

    def y(ms):
        return scale(min(max(ms, low), high), low, high, HEIGHT - BOTTOM, TOP)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           text(LEFT, 22, "p99 of latency, 100 servers, by load of what is allotted", colour="#222", size=15)]
    for ms in TICKS:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(ms):.1f}" y2="{y(ms):.1f}" stroke="#ddd"/>')
        out.append(text(LEFT - 8, y(ms) + 4, f"{ms} ms", "end"))
    for load in loads:
        out.append(text(x(load), HEIGHT - BOTTOM + 20, f"{load:.2f}", "middle"))
    out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "load", "middle"))
    # Labels stand where the lines are at the last load but one: at the last, nobody can serve it.
    ends = sorted(found, key=lambda name: y(found[name][-2][1]))
    places = apart([y(found[name][-2][1]) for name in ends], 17)
    for i, name in enumerate(found):
        colour, at = COLOURS[i % len(COLOURS)], places[ends.index(name)]
        line = " ".join(f"{x(load):.1f},{y(ms):.1f}" for load, ms in found[name])
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.append(text(WIDTH - RIGHT + 12, at + 4, name, colour=colour, size=13))
    return "\n".join(out + ["</svg>"]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(draw(read(sys.stdin)))
