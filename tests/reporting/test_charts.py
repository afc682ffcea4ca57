"""The report's charts: their data, in the page's colours, with words for those who do not see them."""

import re
from xml.etree import ElementTree

import pandas as pd
import pytest

from r1.reporting.charts import LOSS_PANELS, RL_PANELS, Line, Panel, _ticks, bars, chart, curves, intervals, whisker

LOG = pd.DataFrame({"step": [1, 2, 3, 4], "loss": [4.0, 3.0, 2.5, 2.0], "reward": [0.0, 0.5, 0.25, 1.0]})
REWARD = (Panel("reward", "reward"),)


@pytest.mark.parametrize(
    ("runs", "smooth"),
    [
        pytest.param({}, 1, id="no-run"),
        pytest.param({"zero": LOG}, 1, id="one"),
        pytest.param({"zero": LOG, "r1": LOG * 2}, 3, id="two-smoothed"),
        pytest.param({"zero": LOG, "loss only": LOG[["step", "loss"]]}, 1, id="missing-column"),
        pytest.param({"zero": LOG.assign(kl=float("nan"))}, 1, id="column-of-nan"),
        pytest.param({"zero": LOG.assign(kl=[float("nan"), 1.0, float("nan"), 2.0])}, 5, id="gaps"),
        pytest.param({"zero": LOG.head(1)}, 1, id="one-step"),
        pytest.param({"zero": LOG.assign(reward=0.0)}, 1, id="constant"),
    ],
)
def test_curves_are_deterministic_and_forgive_a_missing_column(runs: dict[str, pd.DataFrame], smooth: int) -> None:
    drawn = [curves(runs, RL_PANELS, smooth) for _ in range(2)]
    assert drawn[0] == drawn[1]
    panels = re.findall(r'<svg class="chart".*?</svg>', drawn[0])
    assert len(panels) == len(RL_PANELS)
    for panel in panels:
        svg = ElementTree.fromstring(panel)
        assert svg.get("role") == "img" and svg.get("aria-label")
        for line in svg.iter("polyline"):
            points = [tuple(map(float, point.split(","))) for point in (line.get("points") or "").split()]
            assert points and all(0 <= x <= 360 and 0 <= y <= 214 for x, y in points)


def test_what_was_not_logged_is_said() -> None:
    assert "kl: nothing was logged" in curves({"zero": LOG}, (Panel("kl", "kl"),))


def test_a_curve_shows_its_data_and_tells_its_ends() -> None:
    drawn = curves({"zero": LOG}, LOSS_PANELS)
    assert drawn != curves({"zero": LOG.assign(loss=1.0)}, LOSS_PANELS)
    assert "loss (nats per token): zero from 4 at step 1 to 2 at 4" in drawn


def test_runs_differ_in_more_than_colour_and_have_a_legend() -> None:
    drawn = curves({"zero": LOG, "r1": LOG}, REWARD)
    assert {"line s0", "line s1"} <= set(re.findall(r'class="([^"]*)"', drawn))
    assert re.findall(r"</svg>(\w+)</span>", drawn) == ["zero", "r1"]
    assert "legend" not in curves({"zero": LOG}, REWARD)


def test_a_long_log_has_few_points_and_its_ends() -> None:
    log = pd.DataFrame({"step": range(1, 5001), "reward": [step / 5000 for step in range(5000)]})
    (points,) = re.findall(r'<polyline class="line s0" points="([^"]*)"', curves({"zero": log}, REWARD))
    assert 100 <= len(points.split()) <= 160


@pytest.mark.parametrize(("steps", "marked"), [({1: "1"}, 1), ({1: "1", 3: "2", 9: "3"}, 3)])
def test_steps_can_be_marked(steps: dict[int, str], marked: int) -> None:
    assert curves({"zero": LOG}, REWARD, marks=steps).count('class="mark"') == marked


def test_bars_and_whiskers_show_their_interval() -> None:
    values = {"base": (0.1, 0.0, 0.2), "zero": (0.5, 0.25, 0.75)}
    assert bars(values, "pass@1") == bars(values, "pass@1") != bars(values, "maj@k")
    assert 'aria-label="pass@1: base 10.0 %; zero 50.0 %"' in bars(values, "pass@1")
    assert whisker(0.5, 0.4, 0.6, 0.0, 1.0) != whisker(0.5, 0.3, 0.6, 0.0, 1.0)
    svg = ElementTree.fromstring(whisker(9.0, -9.0, 9.0, 0.0, 1.0))
    assert [(line.get("x1"), line.get("x2")) for line in svg.iter("line")][-1] == ("6", "114"), "within the axis"


def test_intervals_show_their_data_and_are_deterministic() -> None:
    points = {8: (0.1, 0.0, 0.2), 16: (0.3, 0.2, 0.4)}
    panels = {"trained": {"base": points, "zero": points}, "harder": {"base": points, "zero": points}}
    drawn = intervals(panels, "tokens")
    assert drawn == intervals(panels, "tokens") and drawn.count("<polygon") == 4
    assert drawn != intervals(panels | {"harder": {"base": points, "zero": points | {16: (0.5, 0.4, 0.6)}}}, "tokens")


@pytest.mark.parametrize("name", ["</svg><script>", "a & b", '" onload="x'])
def test_names_stay_text(name: str) -> None:
    for drawn in (chart(name, {0: Line(name, [1, 2], [1, 2])}), bars({name: (0.5, 0.2, 0.8)}, name)):
        svg = ElementTree.fromstring(drawn)
        assert name in [text.text for text in svg.iter("text")] and not list(svg.iter("script"))
        assert set(svg.attrib) == {"class", "viewBox", "role", "aria-label"}


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 1.9), (-3, 7), (31, 61), (0.05, 0.2), (5, 5), (0, 0), (1e-7, 3e-7), (1, 12345)]
)
def test_ticks_are_few_round_and_enclose_the_data(low: float, high: float) -> None:
    ticks = _ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))
