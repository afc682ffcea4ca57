"""How forms of a completion are read: strictly, leniently, by the evaluators of bench/completion_forms.py."""

import json
from typing import Any

import pytest

from bench.completion_forms import RECORDED, forms
from r1.rewards.accuracy import are_correct
from r1.rewards.reading import Reading, read_leniently, read_strictly

FORMS = forms()
RULES: dict[str, dict[str, bool]] = {
    f"{package}: {name}": verdicts
    for package, recorded in json.loads(RECORDED.read_text(encoding="utf-8")).items()
    for name, verdicts in recorded["rules"].items()
}
ONLY = {"lm_eval: gsm8k strict-match": "#### ", "lm_eval: minerva_math exact_match": "I hope it is correct"}
"""Rules that read one form, and its mark; all other completions are wrong to them."""

OPEN = {
    "box, asked", "box, denied", "box, retracted", "a wrong answer is", "if the answer is", "is the answer?",
    "maybe the answer is", "the answer could be", "the answer is not",
}  # fmt: skip
"""Denied, asked, supposed or doubted: the evaluators read the value and not what is said of it."""
ANY_NUMBER = {
    "last line, bound", "last line, no conclusion", "only a number in the middle", "think cut off, a number last",
    "two numbers, the last right",
}  # fmt: skip
"""The evaluators fall back to the last number anywhere."""
NO_NUMBER_BEFORE_A_TAG = {
    "tags", "tags, another turn behind", "tags, bold inside", "tags, ended at the stop string", "tags, summary between",
    "tags, two answers, the last right", "think opened by the template, tags",
}  # fmt: skip
"""math-verify's pattern finds no number between `<answer>` and `</answer>`."""
NOT_ENGLISH = {"答案：", "答案是"}
"""math-verify's pattern finds no number that touches a Chinese character."""
NO_FBOX = {"fbox"}
LAST_BOX_EVEN_IF_CONTRASTED = {"box, contrasted"}
"""5 of "4, not 5"; both, to math-verify 0.9."""
NEXT_PROBLEM = {"the answer is, another problem behind"}
"""No stop string at `Question:`, so that the next problem's answer is read."""
NUMBERS_ALONE = {"box, nested braces", "two boxes, and"}
"""gsm8k's gold is a number."""

DISAGREEMENTS: dict[str, set[str]] = {
    "lighteval: gsm8k": OPEN | ANY_NUMBER | NO_NUMBER_BEFORE_A_TAG | NOT_ENGLISH | NO_FBOX
    | LAST_BOX_EVEN_IF_CONTRASTED | NUMBERS_ALONE | {"the answer is one or the other"},  # its first number is read
    "lighteval: math_500, aime24": OPEN | ANY_NUMBER | NO_NUMBER_BEFORE_A_TAG | NOT_ENGLISH | NO_FBOX
    | LAST_BOX_EVEN_IF_CONTRASTED | NEXT_PROBLEM | {"the answer is one or the other"},
    "lm_eval: minerva_math math_verify": OPEN | ANY_NUMBER | NO_NUMBER_BEFORE_A_TAG | NOT_ENGLISH | NO_FBOX
    | LAST_BOX_EVEN_IF_CONTRASTED | NEXT_PROBLEM
    | {"the answer is one or the other", "box, corrected"},  # all boxes of a text are one set to math-verify 0.9
    "lm_eval: gsm8k flexible-extract": OPEN | ANY_NUMBER | NUMBERS_ALONE | LAST_BOX_EVEN_IF_CONTRASTED
    # Its pattern takes the "$." behind a box for a number.
    | {"box", "box, fraction", "tags, a box inside", "think opened by the template, box"}
    # The last number is another one: of a check, an explanation, the next turn.
    | {"box, check behind", "the answer is, text behind", "tags, another turn behind"}
    # The last number is right, and nothing says that it is the answer.
    | {"box, cut off", "two boxes, and, one asked for", "two boxes, or, the last right", "答案不是", "答案, asked"},
    "lm_eval: gsm8k strict-match": {"GSM8K, two"}  # it reads the 4 of "4 or 5"
    | {"GSM8K, money", "Markdown headings"},  # "#### " must be followed by a digit
    "lm_eval: minerva_math exact_match": set(),
}  # fmt: skip


def verdicts(read: Reading) -> dict[str, bool]:
    said, golds = [row["completion"] for row in FORMS], [row["gold"] for row in FORMS]
    judged = are_correct(said, ["math"] * len(said), golds, read)
    return {row["form"]: verdict for row, verdict in zip(FORMS, judged, strict=True)}


@pytest.fixture(scope="module")
def lenient() -> dict[str, bool]:
    return verdicts(read_leniently)


def test_the_table_is_whole() -> None:
    names = [row["form"] for row in FORMS]
    assert len(names) >= 40 and len(names) == len(set(names))
    assert RULES.keys() == DISAGREEMENTS.keys()
    assert all(verdicts.keys() == set(names) for verdicts in RULES.values()), "record the forms anew"


def test_every_right_form_is_read_and_no_other(lenient: dict[str, bool]) -> None:
    assert lenient == {row["form"]: row["right"] for row in FORMS}


def test_what_is_paid_strictly_is_paid_leniently(lenient: dict[str, bool]) -> None:
    strict = verdicts(read_strictly)
    assert {form for form, paid in strict.items() if paid} < {form for form, paid in lenient.items() if paid}


@pytest.mark.parametrize("rule", RULES)
def test_evaluators_agree_but_where_a_reason_is_known(rule: str, lenient: dict[str, bool]) -> None:
    compared: list[dict[str, Any]] = [row for row in FORMS if ONLY.get(rule, "") in row["completion"]]
    differing = {row["form"] for row in compared if RULES[rule][row["form"]] != lenient[row["form"]]}
    assert differing == DISAGREEMENTS[rule]


@pytest.mark.parametrize("rule", ONLY)
def test_rules_of_one_form_read_no_other(rule: str) -> None:
    assert not [row["form"] for row in FORMS if ONLY[rule] not in row["completion"] and RULES[rule][row["form"]]]
