"""What the plots are drawn with: SVG by hand."""

import math


def scale(value, low, high, begin, end):
    return begin + (math.log(value) - math.log(low)) / (math.log(high) - math.log(low)) * (end - begin)


def apart(wanted, least):
    """Places as near to those wanted as they can be, in order, with `least` between two."""
    placed = []
    for at in wanted:
        placed.append(max(at, placed[-1] + least) if placed else at)
    return placed


def text(x, y, words, anchor="start", colour="#555", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{words}</text>'
