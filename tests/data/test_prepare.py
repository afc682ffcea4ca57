"""The world of a run: every split filled, nothing of the evaluation in training, data sets beside what is generated."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from r1.config.data import GeneralSplit, PrepareConfig, PromptSplit
from r1.data.prepare import Prepared, prepare
from r1.support.artifacts import content_hash
from tests.conftest import compose

SMOKE = compose("profile=smoke").prepare


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(SMOKE, 3)


def test_every_split_is_filled_as_configured(prepared: Prepared) -> None:
    for split in get_args(PromptSplit):
        wanted = {name: getattr(family, split) for name, family in SMOKE.families.items() if getattr(family, split)}
        found = [row["family"] for row in prepared.prompts[split]]
        assert {name: found.count(name) for name in found} == wanted
    assert {split: len(rows) for split, rows in prepared.general.items()} == {
        split: getattr(SMOKE.general, split) for split in get_args(GeneralSplit)
    }


def test_counts_are_those_of_the_rows(prepared: Prepared) -> None:
    metrics = prepared.metrics
    assert metrics["problems"] == {split: len(rows) for split, rows in prepared.prompts.items()}
    assert metrics["general"] == {split: len(rows) for split, rows in prepared.general.items()}
    assert metrics["documents"] == len(prepared.corpus) > 0
    assert metrics["contamination"] == {"exact": 0, "normalised": 0}
    assert metrics["shared_ngrams"]["n"] == SMOKE.decontamination.ngram
    assert set(metrics["shared_ngrams"]["generated"]) <= {*SMOKE.families, "general"}
    assert prepared.sources == prepared.general_sources == {}


def test_no_evaluation_prompt_is_trained_on(prepared: Prepared) -> None:
    evaluated = {row["prompt"] for row in prepared.prompts["evaluate"] + prepared.general["evaluate"]}
    trained = [
        row["prompt"]
        for rows in (*prepared.prompts.values(), *prepared.general.values(), prepared.corpus)
        if rows is not prepared.prompts["evaluate"] and rows is not prepared.general["evaluate"]
        for row in rows
    ]
    assert evaluated and trained and not evaluated & set(trained)


def test_the_seed_decides(prepared: Prepared) -> None:
    assert prepare(SMOKE, 3) == prepared
    other = prepare(SMOKE, 500)  # not the next one: reasoning-gym's problems are of seed + number
    assert other.prompts != prepared.prompts and other.corpus != prepared.corpus


QUESTION = "A farmer sells {n} baskets of ripe plums at the village market every single week; how many after {n} weeks?"


def with_data_set(path: Path, **more: Any) -> PrepareConfig:
    data_set = {"path": str(path), "adapter": "columns", "task": "math", "prompt_column": "q", "answer_column": "a"}
    values = SMOKE.model_dump()
    values["data_sets"] = {"farm": {**data_set, "level": "train", "splits": {"rl": "all"}, **more}}
    return PrepareConfig.model_validate(values)


def test_a_data_set_is_added_to_what_is_generated(prepared: Prepared, tmp_path: Path) -> None:
    path = tmp_path / "farm.jsonl"
    rows = [{"q": QUESTION.format(n=n), "a": str(n * n)} for n in range(2, 12)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = prepare(with_data_set(path), 3)
    count = len(prepared.prompts["rl"])
    assert made.prompts["rl"][:count] == prepared.prompts["rl"]
    assert {row["prompt"] for row in made.prompts["rl"][count:]} == {row["q"] for row in rows}
    assert {row["family"] for row in made.prompts["rl"][count:]} == {"farm"}
    assert made.metrics["problems"]["rl"] == count + len(rows)
    assert set(made.sources.values()) == {content_hash(path)}
    unchanged = {split: rows for split, rows in made.prompts.items() if split != "rl"}
    assert unchanged == {split: rows for split, rows in prepared.prompts.items() if split != "rl"}


def test_a_row_that_evaluation_asks_is_dropped(tmp_path: Path) -> None:
    path, held_out = tmp_path / "farm.jsonl", tmp_path / "held_out.jsonl"
    asked = {"q": QUESTION.format(n=2), "a": "4"}
    other = {
        "q": "Nine swans cross the lake; two of them turn round at once. How many arrive?",
        "a": "7",
    }
    path.write_text(json.dumps(asked) + "\n" + json.dumps(other) + "\n")
    held_out.write_text(json.dumps(asked) + "\n")
    values = with_data_set(path).model_dump()
    values["data_sets"]["asked"] = values["data_sets"]["farm"] | {"path": str(held_out), "splits": {"evaluate": "all"}}
    made = prepare(PrepareConfig.model_validate(values), 3)
    assert [row["prompt"] for row in made.prompts["rl"] if row["family"] == "farm"] == [other["q"]]
    assert [row["prompt"] for row in made.prompts["evaluate"] if row["family"] == "asked"] == [asked["q"]]
    assert made.metrics["contamination"] == {"exact": 0, "normalised": 0}
