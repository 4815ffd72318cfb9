"""The figures as tables that line up."""


def percentile(values, share):
    """Nearest rank, in milliseconds; None where there is nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1e6


def three(values):
    return [percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)]


def show(value):
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms" if value < 10000 else \
        f"{value / 1000:.1f} s"


def lines(head, rows):
    """A Markdown table; numbers to the right."""
    cells = [head] + [[show(c) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]

    def line(row):
        return "| " + " | ".join(c.ljust(w) if i == 0 else c.rjust(w)
                                 for i, (c, w) in enumerate(zip(row, widths))) + " |"

    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return [line(cells[0]), rule] + [line(row) for row in cells[1:]]
