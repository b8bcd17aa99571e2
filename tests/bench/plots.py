# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG, by hand: distributions as cumulative curves, and how medians grow."""
import math
import re
import statistics

COLOURS = {"caisson": "#0b6e4f", "crun": "#c8553d", "runc": "#6c757d", "floor": "#1d3557", "nsenter": "#1d3557"}
OTHERS = ("#8e6c8a", "#b08900", "#457b9d")
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 360, 60, 40, 130, 50


class Chart:
    """One plot: a logarithmic x axis, a linear or logarithmic y axis, a line for each contender."""

    def __init__(self, title, x_label, y_label, x_range, y_range, y_log):
        self.x_range, self.y_range, self.y_log = x_range, y_range, y_log
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
            'font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            f'<text x="{LEFT}" y="22" font-size="15">{title}</text>',
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{x_label}</text>',
            f'<text x="16" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" '
            f'transform="rotate(-90 16 {(TOP + HEIGHT - BOTTOM) / 2})">{y_label}</text>']
        self.lines = 0

    def x(self, value):
        low, high = (math.log10(v) for v in self.x_range)
        return LEFT + (math.log10(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        low, high = (math.log10(v) for v in self.y_range) if self.y_log else self.y_range
        share = ((math.log10(value) if self.y_log else value) - low) / (high - low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def ticks(self, xs, ys):
        for value in xs:
            at = self.x(value)
            self.parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>')
            self.parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:g}</text>')
        for value in ys:
            at = self.y(value)
            self.parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
            self.parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{value:g}</text>')

    def line(self, name, points, dots=False):
        colour = COLOURS.get(name) or OTHERS[self.lines % len(OTHERS)]
        text = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{text}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if dots:
            self.parts += [f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3" fill="{colour}"/>'
                           for x, y in points]
        at = TOP + 14 + 18 * self.lines
        self.parts.append(f'<text x="{WIDTH - RIGHT + 12}" y="{at}" fill="{colour}">{name}</text>')
        self.lines += 1

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join([*self.parts, "</svg>", ""]))


def steps_between(low, high):
    """1, 2, 5, 10, ... from below `low` to above `high`."""
    values = [base * 10.0**power for power in range(-3, 7) for base in (1, 2, 5)]
    first = max(i for i, v in enumerate(values) if v <= low)
    last = min(i for i, v in enumerate(values) if v >= high)
    return values[first:last + 1]


def distribution(title, lanes, path):
    walls = {lane: sorted(s[0] for s in samples) for lane, samples in lanes.items()}
    ticks = steps_between(min(w[0] for w in walls.values()), max(w[-1] for w in walls.values()))
    chart = Chart(title, "milliseconds", "share of rounds", (ticks[0], ticks[-1]), (0, 1), False)
    chart.ticks(ticks, (0, 0.25, 0.5, 0.75, 1))
    for lane, values in walls.items():
        chart.line(lane, [(value, (i + 1) / len(values)) for i, value in enumerate(values)])
    chart.write(path)


def growth(title, x_label, points, path):
    """points: {lane: [(count, median), ...]}; a count of zero is drawn at one."""
    points = {lane: [(max(x, 1), y) for x, y in values] for lane, values in points.items()}
    xs = sorted({x for values in points.values() for x, _ in values})
    ys = [y for values in points.values() for _, y in values]
    ticks = steps_between(min(ys), max(ys))
    chart = Chart(title, x_label, "milliseconds, median", (xs[0], xs[-1]), (ticks[0], ticks[-1]), True)
    chart.ticks(xs, ticks)
    for lane, values in points.items():
        chart.line(lane, sorted(values), dots=True)
    chart.write(path)


CURVES = (("binds", r"run with (\d+) binds", "run with bind mounts", "bind mounts"),
          ("environment", r"run with (\d+) variables", "run with environment variables", "variables"),
          ("creators", r"(\d+) creators at once: create", "create under parallel creators", "creators at once"),
          ("alive", r"run with (\d+) containers alive", "run beside other containers", "containers alive"))


def draw(samples, directory):
    """Writes what the samples allow; the names of the files."""
    written = []
    for title in ("run", "exec"):
        if title in samples:
            distribution(f"{title}, wall time", samples[title], f"{directory}/{title}.svg")
            written.append(f"{title}.svg")
    for name, pattern, title, x_label in CURVES:
        points = {}
        for key, lanes in samples.items():
            found = re.fullmatch(pattern, key)
            for lane, values in lanes.items() if found else ():
                points.setdefault(lane, []).append((int(found.group(1)), statistics.median(s[0] for s in values)))
        if points and max(len(values) for values in points.values()) > 1:
            growth(title, x_label, points, f"{directory}/{name}.svg")
            written.append(f"{name}.svg")
    return written
