"""The trace browser's data: every model's answers to the same problems, spread over families, within a budget."""

import json

import pandas as pd
import pytest

from r1.reporting.inline import as_json
from r1.reporting.traces import FORMED, LENIENT, MIXED, RIGHT, SHOWN, TRUNCATED, collect_traces
from r1.support.artifacts import BrokenArtifact

DRAWN = 4


def samples(model: str, problems: int = 12, families: int = 3, text: str = "so 4") -> pd.DataFrame:
    """Problem n has its first n % 5 answers right."""
    rows = [
        {"problem": number, "prompt": f"p{number}", "family": f"f{number % families}", "level": "train"}
        | {"answer": "4", "completion": f"{model} {number} {draw} {text}", "predicted": "4" if draw else None}
        | {"correct": draw < number % 5, "lenient_correct": True, "well_formed": draw == 0, "truncated": draw == 1}
        | {"mixed": False, "tokens": 3 + draw, "reflections": draw}
        for number in range(problems)
        for draw in range(DRAWN)
    ]
    return pd.DataFrame(rows)


BOTH = {model: samples(model) for model in ("zero", "base")}


def test_every_model_s_first_answers_and_the_share_of_all() -> None:
    traces = collect_traces(BOTH)
    assert (traces["models"], traces["titles"]) == (["base", "zero"], ["Base", "R1-Zero"])
    assert (traces["drawn"], traces["shown"], traces["total"]) == (DRAWN, SHOWN, 12)
    third = traces["problems"][3]
    assert {key: third[key] for key in ("id", "prompt", "family", "level", "answer")} == {
        "id": 3, "prompt": "p3", "family": "f0", "level": "train", "answer": "4",
    }  # fmt: skip
    assert third["right"] == [3, 3]
    assert third["answers"][1] == [
        ["zero 3 0 so 4", None, 3, 0, RIGHT + LENIENT + FORMED],
        ["zero 3 1 so 4", "4", 4, 1, RIGHT + LENIENT + TRUNCATED],
    ]


@pytest.mark.parametrize(
    ("column", "flag"),
    [("correct", RIGHT), ("lenient_correct", LENIENT), ("well_formed", FORMED), ("truncated", TRUNCATED),
     ("mixed", MIXED)],
)  # fmt: skip
def test_each_property_has_its_flag(column: str, flag: int) -> None:
    properties = ("correct", "lenient_correct", "well_formed", "truncated", "mixed")
    table = BOTH["base"].assign(**dict.fromkeys(properties, False)).assign(**{column: True})
    assert collect_traces({"base": table})["problems"][0]["answers"][0][0][4] == flag


@pytest.mark.parametrize("budget", [1, 2_000, 5_000, 10_000])
def test_the_budget_bounds_the_problems(budget: int) -> None:
    problems = collect_traces(BOTH, budget)["problems"]
    size = len(as_json(problems).encode())
    assert len(problems) == 1 or size <= budget + len(problems) + 1, "problems, commas and brackets"
    assert len(problems) in range(1, 13)


def test_a_small_budget_takes_families_in_turn_and_spreads_over_each() -> None:
    whole = collect_traces(BOTH)["problems"]
    half = collect_traces(BOTH, budget=sum(len(as_json(problem).encode()) for problem in whole) // 2)["problems"]
    families = pd.Series([problem["family"] for problem in half]).value_counts()
    assert families.max() - families.min() <= 1 and len(families) == 3
    assert [problem["id"] for problem in half] == sorted(problem["id"] for problem in half)
    assert max(problem["id"] for problem in half) > 6


def test_a_long_completion_is_shortened() -> None:
    problems = collect_traces({"base": samples("base", text="x" * 50_000)})["problems"]
    assert all(len(answer[0]) < 4_100 for problem in problems for answers in problem["answers"] for answer in answers)


def test_the_same_data_give_the_same_bytes_whatever_the_order_of_the_models() -> None:
    texts = [as_json(collect_traces(tables)) for tables in (BOTH, dict(reversed(list(BOTH.items()))))]
    assert texts[0] == texts[1] and json.loads(texts[0])["total"] == 12


def test_models_that_answered_other_problems_are_named() -> None:
    with pytest.raises(BrokenArtifact, match="data/evaluations/zero is of other problems"):
        collect_traces(BOTH | {"zero": samples("zero", problems=11)})
