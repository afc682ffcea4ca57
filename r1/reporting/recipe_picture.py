"""The recipe as a picture, for wide and for narrow pages: every model, its accuracy, and what it was made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

from r1.config.data import Level
from r1.evaluation.statistics import Estimate
from r1.recipe import TRAININGS
from r1.reporting.tables import LEVELS

TITLES = {
    "base": "Base",
    "zero": "R1-Zero",
    "cold_start": "Cold start",
    "reasoning_rl": "Reasoning RL",
    "sft": "SFT",
    "r1": "R1",
    "base_qwen": "Small Qwen",
    "distill_qwen": "Distilled Qwen",
    "student_rl_qwen": "Qwen, RL only",
    "base_llama": "Small Llama",
    "distill_llama": "Distilled Llama",
    "student_rl_llama": "Llama, RL only",
}
"""What the page calls the models, in the order of its rows."""
_MADE = {
    "base": "pretrained",
    "zero": "RL alone, no SFT",
    "cold_start": "SFT on readable answers",
    "reasoning_rl": "RL, language reward",
    "sft": "the base on kept answers",
    "r1": "final RL",
    "base_qwen": "pretrained student",
    "distill_qwen": "SFT on R1's data",
    "student_rl_qwen": "control: no teacher",
    "base_llama": "pretrained student",
    "distill_llama": "SFT on R1's data",
    "student_rl_llama": "control: no teacher",
}
_SAMPLING = "sampling"
"""The one box that is no model: rejection sampling."""

Route = Literal["across", "down", "up", "below", "left", "right"]
"""How an arrow runs: right side to left, bottom to top, top to bottom, under both boxes, or round a side of both."""


@dataclass(frozen=True)
class Box:
    """A box's place, in the units of the viewBox."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Arrow:
    """What is made from what.

    Attributes:
        source: box that it leaves.
        target: box that it enters.
        route: how it runs.
        data: whether completions are passed on, and no weights.
        leaves: where along the source's lower or upper side, 0 to 1.
        enters: where along the target's; an arrow up runs straight.
    """

    source: str
    target: str
    route: Route
    data: bool = False
    leaves: float = 0.5
    enters: float = 0.5


@dataclass(frozen=True)
class Layout:
    """One arrangement of the picture: the boxes by model, arrows, and where the legend begins."""

    kind: str
    width: float
    height: float
    boxes: Mapping[str, Box]
    arrows: tuple[Arrow, ...]
    legend: tuple[float, float]


_STUDENTS = ("qwen", "llama")


def _wide() -> Layout:
    width, height, across, down = 196, 98, 46, 30

    def at(column: float, row: float) -> Box:
        return Box(column * (width + across) + 2, row * (height + down) + 2, width, height)

    boxes = {"base": at(0, 0.5), "zero": at(1, 0), "cold_start": at(1, 1), "reasoning_rl": at(2, 1), "sft": at(3, 1)}
    boxes |= {"r1": at(4, 1), _SAMPLING: Box(at(2.5, 0).x, 34, width, 50)}
    for row, student in enumerate(_STUDENTS, 2):
        boxes |= {f"{role}_{student}": at(n, row) for n, role in enumerate(("base", "distill", "student_rl"))}
    return Layout(
        "wide",
        5 * width + 4 * across + 4,
        4 * height + 3 * down + 24,
        boxes,
        (
            Arrow("base", "zero", "across"),
            Arrow("base", "cold_start", "across"),
            Arrow("zero", "cold_start", "down", data=True),
            Arrow("cold_start", "reasoning_rl", "across"),
            Arrow("reasoning_rl", _SAMPLING, "up", data=True, leaves=0.875),
            Arrow(_SAMPLING, "sft", "down", data=True, leaves=0.7423, enters=0.125),
            Arrow("base", "sft", "below"),
            Arrow("sft", "r1", "across"),
            *(Arrow(f"base_{one}", f"distill_{one}", "across") for one in _STUDENTS),
            *(Arrow(f"base_{one}", f"student_rl_{one}", "below") for one in _STUDENTS),
        ),
        (at(3, 2).x + 24, at(3, 2).y + 36),
    )


def _narrow() -> Layout:
    width, height, across, down, edge = 166, 98, 14, 30, 14

    def at(column: float, row: float) -> Box:
        return Box(column * (width + across) + edge, row * (height + down) + (0 if row < 2 else 62) + 2, width, height)

    boxes = {"base": at(0, 0), "zero": at(1, 0), "cold_start": at(0, 1), "reasoning_rl": at(1, 1), "sft": at(0, 2)}
    boxes |= {"r1": at(1, 2), _SAMPLING: Box(edge + 60, at(0, 1).y + height + 28, 2 * width + across - 60, 36)}
    for column, student in enumerate(_STUDENTS):
        boxes |= {f"{role}_{student}": at(column, n) for n, role in enumerate(("base", "distill", "student_rl"), 3)}
    return Layout(
        "narrow",
        2 * width + across + 2 * edge,
        at(0, 6).y + 120,
        boxes,
        (
            Arrow("base", "zero", "across"),
            Arrow("base", "cold_start", "down", leaves=0.3, enters=0.3),
            Arrow("zero", "cold_start", "down", data=True, enters=0.8),
            Arrow("cold_start", "reasoning_rl", "across"),
            Arrow("reasoning_rl", _SAMPLING, "down", data=True, enters=0.71),
            Arrow(_SAMPLING, "sft", "down", data=True, leaves=0.15, enters=0.62),
            Arrow("base", "sft", "left"),
            Arrow("sft", "r1", "across"),
            *(Arrow(f"base_{one}", f"distill_{one}", "down") for one in _STUDENTS),
            Arrow("base_qwen", "student_rl_qwen", "left"),
            Arrow("base_llama", "student_rl_llama", "right"),
        ),
        (edge, at(0, 6).y + 6),
    )


def draw_recipe(accuracy: Mapping[str, Mapping[Level, Estimate]], confidence: float) -> str:
    """Draw the recipe as two SVGs, of which the page's style shows the one that fits.

    Args:
        accuracy: model -> level -> pass@1, averaged over the level's problems.
        confidence: level of the intervals.
    """
    return "".join(_draw(layout, accuracy, confidence) for layout in (_wide(), _narrow()))


def _draw(layout: Layout, accuracy: Mapping[str, Mapping[Level, Estimate]], confidence: float) -> str:
    parts = [_arrow(arrow, layout.boxes) for arrow in layout.arrows]
    for name, box in layout.boxes.items():
        parts.append(_sampling(box) if name == _SAMPLING else _model(name, box, accuracy[name]))
    parts.append(_legend(*layout.legend, confidence))
    label = escape(_words(accuracy), quote=True)
    size = f"0 0 {layout.width:g} {layout.height:g}"
    return f'<svg class="recipe {layout.kind}" viewBox="{size}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _words(accuracy: Mapping[str, Mapping[Level, Estimate]]) -> str:
    """The picture in words: each model, what it was made from, and its accuracy."""
    said = []
    for model, training in TRAININGS.items():
        made = _MADE[model] + (f", from {TITLES[training.parent]}" if training.parent else "")
        levels = ", ".join(f"{LEVELS[level]} {100 * one['mean']:.1f} %" for level, one in accuracy[model].items())
        said.append(f"{TITLES[model]} ({made}): {levels}")
    return f"The recipe, with pass@1 of every model. {'; '.join(said)}."


def _model(model: str, box: Box, accuracy: Mapping[Level, Estimate]) -> str:
    kind = "final" if model in ("zero", "r1") else TRAININGS[model].method
    left, right = box.x + 60, box.x + box.width - 44
    parts = [
        f'<rect class="box {kind}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="8"/>',
        f'<text class="name" x="{box.x + 12:g}" y="{box.y + 21:g}">{escape(TITLES[model])}</text>',
        f'<text class="made" x="{box.x + 12:g}" y="{box.y + 36:g}">{escape(_MADE[model])}</text>',
    ]
    for number, (level, name) in enumerate(LEVELS.items()):
        if level not in accuracy:
            continue
        mean, low, high = (left + (right - left) * accuracy[level][key] for key in ("mean", "low", "high"))
        y = box.y + 46 + 16 * number
        parts.append(
            f'<text class="level" x="{box.x + 12:g}" y="{y + 9:g}">{name}</text>'
            f'<rect class="track" x="{left:g}" y="{y + 2:g}" width="{right - left:g}" height="7" rx="2"/>'
            f'<rect class="{level}" x="{left:g}" y="{y + 2:g}" width="{mean - left:.1f}" height="7" rx="2"/>'
            f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{y + 5.5:g}" y2="{y + 5.5:g}"/>'
            f'<text class="value" x="{box.x + box.width - 10:g}" y="{y + 9:g}" text-anchor="end">'
            f"{100 * accuracy[level]['mean']:.1f}</text>"
        )
    return "".join(parts)


def _sampling(box: Box) -> str:
    middle = box.x + box.width / 2
    return (
        f'<rect class="box data" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="8"/>'
        f'<text class="made strong" x="{middle:g}" y="{box.y + box.height / 2 - 3:g}" text-anchor="middle">'
        "Rejection sampling</text>"
        f'<text class="made" x="{middle:g}" y="{box.y + box.height / 2 + 12:g}" text-anchor="middle">'
        "right and readable answers</text>"
    )


def _legend(x: float, y: float, confidence: float) -> str:
    rows = [
        (f'<rect class="{level}" x="{x:g}" y="{{top}}" width="22" height="8" rx="2"/>', words)
        for level, words in (
            ("train", "trained: pass@1 % on the level that RL trains on"),
            ("hard", "harder: on a level that it never saw"),
            ("transfer", "transfer: on families that it never saw"),
        )
    ]
    line = f'<line class="{{kind}}" x1="{x:g}" x2="{x + 22:g}" y1="{{middle}}" y2="{{middle}}"/>'
    rows += [
        (line.replace("{kind}", "whisker"), f"{confidence:.0%} interval over problems".replace("%", " %")),
        (line.replace("{kind}", "arrow"), "goes on from these weights"),
        (line.replace("{kind}", "arrow data"), "is trained on these answers"),
    ]
    return "".join(
        mark.format(top=y + 18 * number, middle=y + 18 * number + 4)
        + f'<text class="made" x="{x + 32:g}" y="{y + 18 * number + 8:g}">{words}</text>'
        for number, (mark, words) in enumerate(rows)
    )


def _arrow(arrow: Arrow, boxes: Mapping[str, Box]) -> str:
    """An arrow as a line of right angles, and its head."""
    a, b = boxes[arrow.source], boxes[arrow.target]
    leaves, enters = a.x + arrow.leaves * a.width, b.x + arrow.enters * b.width
    middle_a, middle_b = a.y + a.height / 2, b.y + b.height / 2
    if arrow.route == "across":
        turn = (a.x + a.width + b.x) / 2
        points = [(a.x + a.width, middle_a), (turn, middle_a), (turn, middle_b), (b.x, middle_b)]
    elif arrow.route == "down":
        turn = (a.y + a.height + b.y) / 2
        points = [(leaves, a.y + a.height), (leaves, turn), (enters, turn), (enters, b.y)]
    elif arrow.route == "up":
        points = [(leaves, a.y), (leaves, b.y + b.height)]
    elif arrow.route == "below":
        turn = max(a.y + a.height, b.y + b.height) + 16
        points = [(leaves, a.y + a.height), (leaves, turn), (enters, turn), (enters, b.y + b.height)]
    else:
        side = 0 if arrow.route == "left" else 1
        start, stop = a.x + side * a.width, b.x + side * b.width
        turn = start + (9 if side else -9)
        points = [(start, middle_a), (turn, middle_a), (turn, middle_b), (stop, middle_b)]
    (x0, y0), (x1, y1) = points[-2:]
    length = abs(x1 - x0) + abs(y1 - y0)
    ahead = ((x1 - x0) / length, (y1 - y0) / length)
    back = (x1 - 7 * ahead[0], y1 - 7 * ahead[1])
    head = [(x1, y1), *((back[0] - end * ahead[1], back[1] + end * ahead[0]) for end in (4, -4))]
    kind = "arrow data" if arrow.data else "arrow"
    return (
        f'<polyline class="{kind}" points="{_joined([*points[:-1], back])}"/>'
        f'<polygon class="head" points="{_joined(head)}"/>'
    )


def _joined(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
