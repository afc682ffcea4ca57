"""The report: self-contained, the same for the same data, and safe to open whatever a model wrote."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from r1.reporting.figures import LOSS_PANELS, RL_PANELS, bars, curves, intervals
from r1.reporting.report import HEADLINE, Contents, render, show_problems
from r1.reporting.tables import Table

SCRIPT = "<script>alert(1)</script>"
ESTIMATE = {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 4}
LOG = pd.DataFrame({"step": [1, 2, 3, 4], "loss": [4.0, 3.0, 2.5, 2.0], "reward": [0.0, 0.5, 0.25, 1.0]})


def summary() -> dict[str, Any]:
    return {
        "chain_sum": {"train": dict.fromkeys(HEADLINE, ESTIMATE)},
        "aime_2024": {"hard": dict.fromkeys(HEADLINE, ESTIMATE | {"n": 30})},
        "aime_2025": {"hard": dict.fromkeys(HEADLINE, ESTIMATE | {"n": 30})},
        "general": {"all": {"preference_win_rate": ESTIMATE, "refusal_of_harmful": ESTIMATE}},
    }


def contents(text: str = SCRIPT) -> Contents:
    """Everything that has text has this text."""
    claim = {"id": "responses_grow", "claim": text, "source": text, "effect": 3.0, "low": 1.0, "high": 5.0, "n": 60}
    claim |= {"level": "hard", "families": {"aime_2024": 30, "aime_2025": 30}}
    return Contents(
        profile="smoke",
        confidence=0.95,
        headline=Table("At a glance", text, ["model", text], [["zero", "50.0 [25.0, 75.0]"]]),
        thinking=[Table("Tries", "note", ["model", "tries"], [["zero", text]])],
        claims=[claim | {"bound": 0.0, "verdict": "not reproduced"}],
        summaries={"base": summary(), "zero": summary()},
        samples={"zero": [{"prompt": text, "answer": text, "correct": True, "completion": text}]},
        stages={
            "zero": {"tokens": 1000, "flops": 1.5e12, "seconds": 12.0, "tokens_per_second": 83.3},
            "prepare": {"documents": 4},
        },
        figures={"curve": curves({"zero": LOG}, LOSS_PANELS), "bars": bars({"zero": (0.5, 0.25, 0.75)}, "pass@1")},
    )


@pytest.fixture
def page(tmp_path: Path) -> str:
    render(contents(), tmp_path)
    return (tmp_path / "index.html").read_text()


def test_what_a_model_wrote_stays_text(page: str) -> None:
    assert "<script" not in page.lower()
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 8


@pytest.mark.parametrize(
    "attack",
    ["</pre><img src=x onerror=alert(1)>", "{{ 7 * 7 }}", "{% raw %}", "</style><b>", "\" onload='x'", "&lt;b&gt;"],
)
def test_other_attacks_stay_text_too(attack: str, tmp_path: Path) -> None:
    render(contents(attack), tmp_path)
    shown = re.search(r"<pre>(.*?)</pre>", (tmp_path / "index.html").read_text(), re.DOTALL)
    assert shown is not None
    assert not re.search(r"[<>\"']", shown[1])
    assert "49" not in shown[1]


def test_nothing_is_loaded_from_the_network(page: str) -> None:
    assert not re.findall(r"""(?:src|href|srcset|action|data)\s*=\s*["']?\s*(?:https?:)?//""", page, re.IGNORECASE)
    assert not re.findall(r"""url\(\s*["']?\s*(?:https?:)?//|@import""", page, re.IGNORECASE)
    assert not re.findall(r"<(?:script|link|iframe|object|embed|img)\b", page, re.IGNORECASE)


def test_the_page_shows_claims_models_figures_compute_and_samples(page: str) -> None:
    assert "+3.0 tokens [+1.0, +5.0]" in page
    assert '<td class="verdict not">not reproduced</td>' in page
    assert "50.0 [25.0, 75.0]" in page
    assert "60 problems, level hard: aime_2024 30, aime_2025 30" in page
    assert "<th>lenient pass@1 %</th>" in page
    assert page.count("<svg") == 2
    assert "1.50e+12" in page
    assert "prepare" not in page


def test_the_markdown_has_the_same_tables(tmp_path: Path) -> None:
    render(contents("Responses grow."), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert (
        "| Responses grow. | Responses grow. | +3.0 tokens [+1.0, +5.0] "
        "| 60 problems, level hard: aime_2024 30, aime_2025 30 | **not reproduced** |" in text.splitlines()
    )
    rows = [line for line in text.splitlines() if line.startswith("| zero |")]
    assert [row.count("|") for row in rows] == [3, 3, 10, 11, 10, 5, 4]
    assert text.index("## At a glance") < text.index("## Claims") < text.index("## Tries") < text.index("## Models")
    assert "| model | Responses grow. |\n|---|---|\n| zero | 50.0 [25.0, 75.0] |\n" in text
    assert rows[3].endswith("| 71.0 (DeepSeek-R1-Zero) |")


def test_the_paper_s_figure_stands_only_beside_its_benchmark(page: str) -> None:
    """Not beside the miniature's sums, nor beside AIME 2025, which the paper does not have."""
    assert page.count("71.0 (DeepSeek-R1-Zero)") == 1
    tables = dict(re.findall(r"<h3>(\w+), level \w+</h3>\s*<table>(.*?)</table>", page, re.DOTALL))
    assert list(tables) == ["chain_sum", "aime_2024", "aime_2025"]
    assert ["paper: AIME 2024 pass@1 %" in table for table in tables.values()] == [False, True, False]
    assert [table.count("(DeepSeek-") for table in tables.values()] == [0, 2, 0]


@pytest.mark.parametrize(
    ("claim", "shown"),
    [
        ({"n": 150}, "150 problems"),
        ({"n": 3, "over": "seeds"}, "3 seeds"),
        ({"n": 150, "level": "train", "families": {"sums": 150}}, "150 problems, level train: sums 150"),
        ({"n": 3, "over": "seeds", "level": "train", "families": {"a": 2, "b": 1}}, "3 seeds, level train: a 2, b 1"),
    ],
    ids=["older-run", "older-comparison", "one-family", "seeds"],
)
def test_a_claim_says_what_it_rests_on(claim: dict[str, Any], shown: str) -> None:
    assert show_problems(claim) == shown


def test_a_missing_metric_is_an_error_and_no_blank(tmp_path: Path) -> None:
    whole = contents()
    del whole.summaries["zero"]["chain_sum"]["train"]["format_rate"]
    with pytest.raises(Exception, match="format_rate"):
        render(whole, tmp_path)


def test_the_same_report_for_the_same_data(tmp_path: Path) -> None:
    pages = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        render(contents(), tmp_path / name)
        pages.append([(tmp_path / name / file).read_bytes() for file in ("index.html", "report.md")])
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("runs", "smooth"),
    [
        pytest.param({"zero": LOG}, 1, id="one"),
        pytest.param({"zero": LOG, "r1": LOG * 2}, 3, id="two-smoothed"),
        pytest.param({"zero": LOG, "loss only": LOG[["step", "loss"]]}, 1, id="missing-column"),
        pytest.param({"zero": LOG.assign(kl=float("nan"))}, 1, id="column-of-nan"),
        pytest.param({"zero": LOG.assign(kl=[float("nan"), 1.0, float("nan"), 2.0])}, 5, id="gaps"),
    ],
)
def test_curves_are_deterministic_and_forgive_a_missing_column(runs: dict[str, pd.DataFrame], smooth: int) -> None:
    drawn = [curves(runs, RL_PANELS, smooth) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0].startswith("<svg") and drawn[0].rstrip().endswith("</svg>")


@pytest.mark.filterwarnings("ignore:No artists with labels")
@pytest.mark.parametrize("runs", [{}, {"zero": LOG[["step", "loss"]]}], ids=["no-run", "no-column-at-all"])
def test_curves_without_anything_to_draw_are_no_error(runs: dict[str, pd.DataFrame]) -> None:
    assert curves(runs, RL_PANELS).startswith("<svg")


def test_a_curve_shows_its_data() -> None:
    assert curves({"zero": LOG}, LOSS_PANELS) != curves({"zero": LOG.assign(loss=1.0)}, LOSS_PANELS)


def test_bars_are_deterministic() -> None:
    values = {"base": (0.1, 0.0, 0.2), "zero": (0.5, 0.25, 0.75)}
    assert bars(values, "pass@1") == bars(values, "pass@1") != bars(values, "maj@k")


def test_intervals_show_their_data_and_are_deterministic() -> None:
    points = {8: (0.1, 0.0, 0.2), 16: (0.3, 0.2, 0.4)}
    panels = {"trained": {"base": points, "zero": points}, "harder": {"base": points, "zero": points}}
    drawn = intervals(panels, "tokens")
    assert drawn == intervals(panels, "tokens")
    assert drawn != intervals(panels | {"harder": {"base": points, "zero": points | {16: (0.5, 0.4, 0.6)}}}, "tokens")
