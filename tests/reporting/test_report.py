"""The report: self-contained, the same for the same data, and safe to open whatever a model wrote."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from r1.recipe import MODELS
from r1.reporting.aha import draw_aha
from r1.reporting.charts import LOSS_PANELS, bars, curves
from r1.reporting.overview import overview
from r1.reporting.recipe_picture import draw_recipe
from r1.reporting.report import Contents, render
from r1.reporting.tables import Table
from r1.reporting.templates import HEADLINE, show_problems, tally
from r1.reporting.traces import collect_traces
from tests.reporting.test_traces import samples

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
    levels: Any = {model: {"train": ESTIMATE} for model in MODELS}
    rollout = {"step": 1, "prompt": text, "answer": text, "completion": text, "tokens": 3, "reward_accuracy": 1.0}
    answers = samples("zero", text=text).assign(prompt=text, answer=text, predicted=text)
    return Contents(
        profile="smoke",
        confidence=0.95,
        overview=overview(levels, levels, [claim | {"verdict": "not reproduced"}]),
        picture=draw_recipe(levels, 0.95),
        aha=draw_aha(LOG, pd.DataFrame([rollout])),
        traces=collect_traces({"zero": answers}),
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


def data_of(page: str) -> Any:
    (found,) = re.findall(r'<script type="application/json" id="trace-data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def test_what_a_model_wrote_stays_text(page: str) -> None:
    assert re.findall(r"<script[^>]*>", page) == ['<script type="application/json" id="trace-data">', "<script>"]
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 12
    assert data_of(page)["problems"][0]["answers"][0][0][0] == f"zero 0 0 {SCRIPT}"


def test_the_policy_admits_the_style_and_the_script_of_this_very_page(page: str) -> None:
    policy = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)[0].replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; ")
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy
    assert not re.findall(r"<[^>]*\s(?:style|on\w+)=", page), "which the policy would refuse"


def test_every_link_of_the_page_has_its_target(page: str) -> None:
    targets = re.findall(r'href="#([^"]+)"', page)
    assert len(targets) > 15 and set(targets) <= set(re.findall(r'\sid="([^"]+)"', page))
    identities = re.findall(r'\sid="([^"]+)"', page)
    assert len(identities) == len(set(identities))


def test_the_page_stays_small(tmp_path: Path) -> None:
    """However much was evaluated, answers have a budget; the rest of a page of this kind is small."""
    whole = contents("harmless")
    many = collect_traces({model: samples(model, problems=120, text="x" * 3_000) for model in MODELS})
    whole.traces.update(many)
    render(whole, tmp_path)
    assert 0 < len(many["problems"]) < many["total"] == 120
    assert (tmp_path / "index.html").stat().st_size < 3_000_000


def test_verdicts_are_counted() -> None:
    verdicts = ("reproduced", "inconclusive", "reproduced")
    assert tally({"verdict": verdict} for verdict in verdicts) == [("reproduced", 2), ("inconclusive", 1)]


@pytest.mark.parametrize(
    "attack",
    ["</pre><img src=x onerror=alert(1)>", "{{ 7 * 7 }}", "{% raw %}", "</style><b>", "\" onload='x'", "&lt;b&gt;"],
)
def test_other_attacks_stay_text_too(attack: str, tmp_path: Path) -> None:
    render(contents(attack), tmp_path)
    page = (tmp_path / "index.html").read_text()
    shown = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert len(shown) == 2
    assert not [text for text in shown if re.search(r"[<>\"']", text) or "49" in text]
    assert data_of(page)["problems"][0]["prompt"] == attack


def test_nothing_is_loaded_from_the_network(page: str) -> None:
    assert not re.findall(r"""(?:src|href|srcset|action|data)\s*=\s*["']?\s*(?:https?:)?//""", page, re.IGNORECASE)
    assert not re.findall(r"""url\(\s*["']?\s*(?:https?:)?//|@import""", page, re.IGNORECASE)
    assert not re.findall(r"<(?:link|iframe|object|embed|img)\b", page, re.IGNORECASE)
    assert not re.findall(
        r"""(?:src|href)\s*=\s*["']?(?!["']?#)""", re.sub(r"<script>.*</script>", "", page, flags=re.DOTALL)
    )


def test_the_page_shows_claims_models_figures_compute_and_samples(page: str) -> None:
    assert "+3.0 tokens [+1.0, +5.0]" in page
    assert '<td class="verdict not">not reproduced</td>' in page
    assert "50.0 [25.0, 75.0]" in page
    assert "60 problems, level hard: aime_2024 30, aime_2025 30" in page
    assert "<th>lenient pass@1 %</th>" in page
    assert page.count('class="recipe ') == 2 and page.count('class="interval"') == 1
    assert page.count('class="chart"') == 3 + 1 and page.count('class="bars"') == 1
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
    tables = dict(re.findall(r"<h3>(\w+), level \w+</h3>\s*<div[^>]*><table>(.*?)</table>", page, re.DOTALL))
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
