#!/usr/bin/env python3
"""What main.py --json has kept (standard input) as a picture (standard output, SVG): microseconds of CPU a check over
the number of servers, both axes logarithmic, a line for each checker.

    python3 bench/checks/plot.py < checks.json > docs/checks.svg"""

import json
import math
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from svg import apart, scale, text  # noqa: E402

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 440, 60, 210, 40, 50
COLOURS = {"asking": "#4477aa", "listening": "#228833", "tcp": "#ee6677", "http": "#ccbb44", "agent": "#e07b00",
           "https": "#aa3377"}
FLOORS = {"floor, a wake-up a packet": "#999999", "floor, ticks of 4 ms": "#777777", "floor, ticks of 16 ms": "#444444"}
BELIEVED = 0.25  # of the checks that were asked for may be missing, or the cost of one means nothing


def read(kept):
    """{title: (colour, [(servers, us)])} of those that are drawn."""
    found = {}
    for r in kept["results"]:
        colour = FLOORS.get(r["title"]) or COLOURS.get(r["row"])
        if colour and abs(r["done"] / r["asked"] - 1) < BELIEVED:
            found.setdefault(r["title"], (colour, {}))[1].setdefault(r["servers"], []).append(r["cpu_us"])
    return {title: (colour, sorted((n, median(us)) for n, us in points.items())) for title, (colour, points) in found.items()}


def ticks(low, high):
    return [digit * 10 ** power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for digit in (1, 2, 5) if low <= digit * 10 ** power <= high]


def limits(values):
    """A little more than they need."""
    return min(values) / 1.3, max(values) * 1.3


def draw(found):
    sizes = sorted({n for _, points in found.values() for n, _ in points})
    low, high = limits([us for _, points in found.values() for _, us in points])
    first, last = (sizes[0], sizes[-1]) if len(sizes) > 1 else (sizes[0] / 2, sizes[0] * 2)

    def x(n):
        return scale(n, first, last, LEFT, WIDTH - RIGHT)

    def y(us):
        return scale(us, low, high, HEIGHT - BOTTOM, TOP)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           text(LEFT, 22, "CPU of the checking side, microseconds a check", colour="#222", size=15)]
    for us in ticks(low, high):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(us):.1f}" y2="{y(us):.1f}" stroke="#ddd"/>')
        out.append(text(LEFT - 8, y(us) + 4, f"{us:,}", "end"))
    out += [text(x(n), HEIGHT - BOTTOM + 20, f"{n:,}", "middle") for n in sizes]
    out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "servers", "middle"))
    ends = sorted(found, key=lambda title: y(found[title][1][-1][1]))
    places = dict(zip(ends, apart([y(found[title][1][-1][1]) for title in ends], 17)))
    for title, (colour, points) in found.items():
        line = " ".join(f"{x(n):.1f},{y(us):.1f}" for n, us in points)
        dash = ' stroke-dasharray="5 4"' if title in FLOORS else ""
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        out += [f'<circle cx="{x(n):.1f}" cy="{y(us):.1f}" r="3" fill="{colour}"/>' for n, us in points]
        out.append(text(WIDTH - RIGHT + 12, places[title] + 4, title, colour=colour, size=13))
    return "\n".join(out + ["</svg>"]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(draw(read(json.load(sys.stdin))))
