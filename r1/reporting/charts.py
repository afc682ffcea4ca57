"""The report's charts: SVG without inline styles, coloured by the page's classes, so that they follow its theme.

Each panel is an SVG of its own, so that a narrow page can wrap them.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

WIDTH, HEIGHT = 360, 214
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 350, 30, 178
"""Edges of the plotting area in the viewBox."""
_POINTS = 160
"""Points of a line at most; longer logs are averaged over equal shares of their rows."""

Place = Callable[[float], str]
"""A value's coordinate."""
Interval = tuple[float, float, float]
"""Mean, low, high."""


@dataclass(frozen=True)
class Panel:
    """One plot: a logged column and its title."""

    column: str
    title: str


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: what the legend calls it.
        x: [points], ascending.
        y: [points]; None where nothing was logged.
        band: [points] low and high, or none.
        faint: the same points before smoothing, or none.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    band: Sequence[tuple[float, float]] = ()
    faint: Sequence[float | None] = ()


RL_PANELS = (
    Panel("reward", "reward"),
    Panel("completions/mean_length", "completion length (tokens)"),
    Panel("entropy", "entropy (nats per token)"),
    Panel("kl", "KL to the reference policy"),
    Panel("rewards/accuracy_reward/mean", "accuracy reward"),
    Panel("language_mixing", "language mixing (share of rollouts)"),
)
LOSS_PANELS = (Panel("loss", "loss (nats per token)"),)


def curves(
    runs: Mapping[str, pd.DataFrame], panels: Sequence[Panel], smooth: int = 1, marks: Mapping[int, str] | None = None
) -> str:
    """Learning curves of several runs, a panel per logged column, as HTML.

    Args:
        runs: run name -> log with a `step` column.
        panels: columns to draw; runs without a panel's column are left out of it.
        smooth: window in steps of the centred moving average, drawn over the faint raw curve.
        marks: step -> label, marked on the first run's line.
    """
    drawn = [
        chart(
            panel.title,
            {number: _logged(name, log, panel.column, smooth) for number, (name, log) in enumerate(runs.items())},
            marks,
        )
        for panel in panels
    ]
    return grid(drawn, list(runs))


def intervals(panels: Mapping[str, Mapping[str, Mapping[int, Interval]]], x: str) -> str:
    """Means by a number that doubles, a panel per title, with a band for the interval, as HTML.

    Args:
        panels: title -> name -> x -> mean, low and high; every panel has the same names.
        x: what the x-axis is.
    """
    drawn, names = [], dict.fromkeys(name for by_name in panels.values() for name in by_name)
    for title, by_name in panels.items():
        lines = {
            number: Line(
                name,
                sorted(by_name[name]),
                [by_name[name][place][0] for place in sorted(by_name[name])],
                [by_name[name][place][1:] for place in sorted(by_name[name])],
            )
            for number, name in enumerate(names)
            if name in by_name
        }
        drawn.append(chart(title, lines, x=x, doubling=True))
    return grid(drawn, list(names))


def bars(values: Mapping[str, Interval], title: str) -> str:
    """One horizontal bar per name with its interval (mean, low, high; shares), as an SVG."""
    left, right, row = 128, 632, 22
    height = row * len(values) + 34

    def x(share: float) -> str:
        return _number(left + (right - left) * share)

    parts = [
        f'<text class="tick" x="{x(share)}" y="{height - 6}" text-anchor="middle">{share:.0%}</text>'
        f'<line class="grid" x1="{x(share)}" x2="{x(share)}" y1="4" y2="{height - 22}"/>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    for number, (name, (mean, low, high)) in enumerate(values.items()):
        y = 6 + row * number
        parts.append(
            f'<text class="label" x="{left - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="bar" x="{left}" y="{y + 2}" width="{_number((right - left) * mean)}" height="12" rx="2"/>'
            f'<line class="whisker" x1="{x(low)}" x2="{x(high)}" y1="{y + 8}" y2="{y + 8}"/>'
            f'<text class="value" x="{_number(left + (right - left) * high + 6)}" y="{y + 12}">{100 * mean:.1f}</text>'
        )
    shown = "; ".join(f"{name} {100 * mean:.1f} %" for name, (mean, _, _) in values.items())
    return _svg("bars", 680, height, f"{title}: {shown}", parts)


def whisker(effect: float, low: float, high: float, bound: float, reach: float) -> str:
    """An interval beside the bound that decides it, on an axis from -reach to reach, as an SVG that says no more."""

    def x(value: float) -> str:
        return _number(60 + 54 * max(-1.0, min(1.0, value / reach)))

    parts = [
        '<line class="grid" x1="4" x2="116" y1="9" y2="9"/>',
        f'<line class="bound" x1="{x(bound)}" x2="{x(bound)}" y1="1" y2="17"/>',
        f'<line class="whisker" x1="{x(low)}" x2="{x(high)}" y1="9" y2="9"/>',
        f'<circle class="dot" cx="{x(effect)}" cy="9" r="3.2"/>',
    ]
    return f'<svg class="interval" viewBox="0 0 120 18" aria-hidden="true">{"".join(parts)}</svg>'


def chart(
    title: str,
    lines: Mapping[int, Line],
    marks: Mapping[int, str] | None = None,
    x: str = "step",
    doubling: bool = False,
) -> str:
    """One panel as an SVG.

    Args:
        title: heading, and the beginning of the text alternative.
        lines: number of the colour -> line; lines without a logged point are left out.
        marks: x -> label, marked on the first line.
        x: what the x-axis is.
        doubling: the x-axis is logarithmic, with a tick at every point.
    """
    known = {number: line for number, line in lines.items() if any(value is not None for value in line.y)}
    parts = [f'<text class="title" x="{_LEFT}" y="16">{escape(title)}</text>']
    if not known:
        parts.append(f'<text class="tick" x="{_LEFT}" y="{(_TOP + _BOTTOM) // 2}">nothing was logged</text>')
        return _svg("chart", WIDTH, HEIGHT, f"{title}: nothing was logged", parts)
    places = sorted({place for line in known.values() for place in line.x})
    values = [
        value
        for line in known.values()
        for value in (*line.y, *line.faint, *(end for pair in line.band for end in pair))
        if value is not None
    ]
    scale = (lambda place: math.log2(place)) if doubling else (lambda place: place)
    y_ticks = _ticks(min(values), max(values))
    start, end = scale(places[0]), scale(places[-1])
    bottom, top = y_ticks[0], y_ticks[-1]

    def place_x(value: float) -> str:
        return _number(_LEFT + (_RIGHT - _LEFT) * ((scale(value) - start) / (end - start) if end > start else 0.5))

    def place_y(value: float) -> str:
        return _number(_BOTTOM - (_BOTTOM - _TOP) * (value - bottom) / (top - bottom))

    def path(xs: Sequence[float], ys: Sequence[float | None]) -> str:
        return " ".join(f"{place_x(a)},{place_y(b)}" for a, b in zip(xs, ys, strict=True) if b is not None)

    for tick in y_ticks:
        at = place_y(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 11}" y="{float(at) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    x_ticks = places if doubling else [tick for tick in _ticks(places[0], places[-1]) if start <= tick <= end]
    for tick in x_ticks:
        at = place_x(tick)
        parts.append(f'<text class="tick" x="{at}" y="{_BOTTOM + 15}" text-anchor="middle">{tick:g}</text>')
    middle = (_LEFT + _RIGHT) // 2
    parts.append(f'<text class="tick" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x)}</text>')
    for number, line in known.items():
        if line.band:
            low, high = zip(*line.band, strict=True)
            outline = f"{path(line.x, low)} {path(line.x[::-1], high[::-1])}"
            parts.append(f'<polygon class="band s{number}" points="{outline}"/>')
        if line.faint:
            parts.append(f'<polyline class="faint s{number}" points="{path(line.x, line.faint)}"/>')
        parts.append(f'<polyline class="line s{number}" points="{path(line.x, line.y)}"/>')
    if marks:
        parts += _marks(next(iter(known.values())), marks, place_x, place_y)
    return _svg("chart", WIDTH, HEIGHT, f"{title}: {_ends(known.values(), x)}", parts)


def grid(panels: Sequence[str], names: Sequence[str]) -> str:
    """Panels side by side under one legend; a single name needs none."""
    legend = "".join(
        f'<span><svg class="key" viewBox="0 0 28 8" aria-hidden="true"><polyline class="line s{number}" '
        f'points="0,4 28,4"/></svg>{escape(name)}</span>'
        for number, name in enumerate(names)
    )
    shown = f'<p class="legend">{legend}</p>' if len(names) > 1 else ""
    return f'{shown}<div class="charts">{"".join(panels)}</div>'


def _logged(name: str, log: pd.DataFrame, column: str, smooth: int) -> Line:
    """A run's column as a line of at most _POINTS points, smoothed over the raw values if `smooth` is over 1."""
    if column not in log or log[column].isna().all():
        return Line(name, [], [])
    values = log[column].astype(float)
    frame = pd.DataFrame({"x": log["step"].astype(float), "raw": values})
    frame["y"] = values.rolling(smooth, center=True, min_periods=1).mean()
    if len(frame) > _POINTS:
        share = pd.Series(range(len(frame)), index=frame.index) * _POINTS // len(frame)
        frame = frame.groupby(share).mean()
    y, raw = ([None if pd.isna(value) else value for value in frame[key].tolist()] for key in ("y", "raw"))
    return Line(name, frame["x"].tolist(), y, faint=raw if smooth > 1 else ())


def _marks(line: Line, marks: Mapping[int, str], place_x: Place, place_y: Place) -> list[str]:
    points = [(a, b) for a, b in zip(line.x, line.y, strict=True) if b is not None]
    found = []
    for step, label in marks.items():
        x, y = min(points, key=lambda point: abs(point[0] - step))
        found.append(
            f'<circle class="mark" cx="{place_x(x)}" cy="{place_y(y)}" r="8"/>'
            f'<text class="mark-label" x="{place_x(x)}" y="{float(place_y(y)) + 4:.1f}" text-anchor="middle">'
            f"{escape(label)}</text>"
        )
    return found


def _ends(lines: Iterable[Line], x: str) -> str:
    """Where each line begins and ends, in words."""
    said = []
    for line in lines:
        points = [(a, b) for a, b in zip(line.x, line.y, strict=True) if b is not None]
        (first, begins), (last, ends) = points[0], points[-1]
        said.append(f"{line.name} from {begins:.3g} at {x} {first:g} to {ends:.3g} at {last:g}")
    return "; ".join(said)


def _ticks(low: float, high: float) -> list[float]:
    """Four to seven round numbers that enclose an interval.

    >>> _ticks(0.0, 1.9)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    spread = high - low or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(spread / 4))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if spread / (factor * power) <= 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, max(last, first + 1) + 1)]


def _svg(kind: str, width: int, height: int, says: str, parts: Sequence[str]) -> str:
    label = escape(says, quote=True)
    return f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
