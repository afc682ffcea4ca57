"""The tutorial's checks accept right solutions and reject the usual wrong ones; its pages and its exercises match."""

import ast
import doctest
import math
import random
import re
from collections import Counter
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from docs.tutorial import check
from tests.conftest import ROOT

TUTORIAL = ROOT / "docs" / "tutorial"
PAGES = sorted(TUTORIAL.glob("*.md"))
Words = Callable[..., Any]


# --- solutions, which the tutorial does not show ---


def pack(documents: list[list[int]], length: int) -> list[list[int]]:
    blocks: list[list[int]] = []
    for document in sorted(documents, key=len, reverse=True):
        fits = [block for block in blocks if len(block) + len(document) <= length]
        if fits:
            max(fits, key=len).extend(document)
        else:
            blocks.append(list(document))
    return blocks


def pack_by_cutting(documents: list[list[int]], length: int) -> list[list[int]]:
    stream = [token for document in documents for token in document]
    return [stream[at : at + length] for at in range(0, len(stream), length)]


def pack_in_order(documents: list[list[int]], length: int) -> list[list[int]]:
    blocks: list[list[int]] = [[]]
    for document in documents:
        if len(blocks[-1]) + len(document) > length:
            blocks.append([])
        blocks[-1].extend(document)
    return blocks


def pack_and_lose(documents: list[list[int]], length: int) -> list[list[int]]:
    return [block for block in pack(documents, length) if len(block) == length]


def advantages(rewards: list[float]) -> list[float]:
    mean = sum(rewards) / len(rewards)
    deviation = math.sqrt(sum((reward - mean) ** 2 for reward in rewards) / (len(rewards) - 1))
    return [(reward - mean) / (deviation + 1e-6) for reward in rewards]


def advantages_centred(rewards: list[float]) -> list[float]:
    return [reward - sum(rewards) / len(rewards) for reward in rewards]


def advantages_of_a_population(rewards: list[float]) -> list[float]:
    scale = math.sqrt((len(rewards) - 1) / len(rewards))
    return [value / scale for value in advantages(rewards)]


def advantages_without_a_guard(rewards: list[float]) -> list[float]:
    mean = sum(rewards) / len(rewards)
    deviation = math.sqrt(sum((reward - mean) ** 2 for reward in rewards) / (len(rewards) - 1))
    return [(reward - mean) / deviation for reward in rewards]


def advantages_reversed(rewards: list[float]) -> list[float]:
    return [-value for value in advantages(rewards)]


def advantages_by_rank(rewards: list[float]) -> list[float]:
    return advantages([float(sorted(rewards).index(reward)) for reward in rewards])


def in_form(completion: str) -> bool:
    tags = re.findall(r"</?(?:think|answer)>", completion)
    found = re.fullmatch(r"\s*<think>(.*)</think>.*<answer>(.*)</answer>\s*", completion, re.DOTALL)
    ordered = tags == ["<think>", "</think>", "<answer>", "</answer>"]
    return bool(ordered and found and all(any(map(str.isalnum, part)) for part in found.groups()))


def in_form_by_search(completion: str) -> bool:
    return bool(re.search(r"<think>.*</think>.*<answer>.*</answer>", completion, re.DOTALL))


def in_form_by_fullmatch(completion: str) -> bool:
    return bool(re.fullmatch(r"\s*<think>.+</think>.*<answer>.+</answer>\s*", completion, re.DOTALL))


def in_form_by_counting(completion: str) -> bool:
    return all(completion.count(tag) == 1 for tag in ("<think>", "</think>", "<answer>", "</answer>"))


def consistency(reasoning: str) -> float:
    words = re.findall(r"[A-Za-z]+|[\u4e00-\u9fff]", reasoning)
    return sum(word.isascii() for word in words) / len(words) if words else 0.0


def consistency_of_characters(reasoning: str) -> float:
    letters = [char for char in reasoning if char.isalpha()]
    return sum(map(str.isascii, letters)) / len(letters) if letters else 0.0


def consistency_of_silence(reasoning: str) -> float:
    return consistency(reasoning) if re.search(r"[A-Za-z\u4e00-\u9fff]", reasoning) else 1.0


def consistency_by_spaces(reasoning: str) -> float:
    words = reasoning.split()
    return sum(map(str.isascii, words)) / len(words) if words else 0.0


def keep(candidates: list[dict[str, Any]], most: int) -> list[bool]:
    kept: set[tuple[str, str]] = set()
    counts: Counter[str] = Counter()
    verdicts = []
    for one in candidates:
        key = (one["prompt"], one["completion"])
        verdicts.append(one["good"] and key not in kept and counts[one["prompt"]] < most)
        if verdicts[-1]:
            kept.add(key)
            counts[one["prompt"]] += 1
    return verdicts


def keep_duplicates(candidates: list[dict[str, Any]], most: int) -> list[bool]:
    return keep([{**one, "completion": str(number) * 9} for number, one in enumerate(candidates)], most)


def keep_counting_the_bad(candidates: list[dict[str, Any]], most: int) -> list[bool]:
    allowed = keep([{**one, "good": True} for one in candidates], most)
    return [allows and one["good"] for allows, one in zip(allowed, candidates, strict=True)]


def keep_the_good(candidates: list[dict[str, Any]], most: int) -> list[bool]:
    return [one["good"] for one in candidates]


def completion_loss(logprobs: list[list[float]], completion: list[list[int]]) -> float:
    pairs = zip(list(chain(*logprobs)), list(chain(*completion)), strict=True)
    said = [value for value, counts in pairs if counts]
    return -sum(said) / len(said)


def completion_loss_by_example(logprobs: list[list[float]], completion: list[list[int]]) -> float:
    each = [completion_loss([one], [mask]) for one, mask in zip(logprobs, completion, strict=True)]
    return sum(each) / len(each)


def completion_loss_with_prompts(logprobs: list[list[float]], completion: list[list[int]]) -> float:
    return completion_loss(logprobs, [[1] * len(mask) for mask in completion])


def preference_loss(chosen: list[float], rejected: list[float]) -> float:
    margins = [good - bad for good, bad in zip(chosen, rejected, strict=True)]
    each = [max(-margin, 0.0) + math.log1p(math.exp(-abs(margin))) for margin in margins]
    return sum(each) / len(each)


def preference_loss_that_overflows(chosen: list[float], rejected: list[float]) -> float:
    margins = [good - bad for good, bad in zip(chosen, rejected, strict=True)]
    return sum(math.log(1 + math.exp(-margin)) for margin in margins) / len(margins)


def preference_loss_reversed(chosen: list[float], rejected: list[float]) -> float:
    return preference_loss(rejected, chosen)


def rl_steps(sft_tokens: int, step_tokens: int) -> int:
    return -(-6 * sft_tokens // (10 * step_tokens))


def rl_steps_rounded_down(sft_tokens: int, step_tokens: int) -> int:
    return 6 * sft_tokens // (10 * step_tokens)


def rl_steps_of_equal_tokens(sft_tokens: int, step_tokens: int) -> int:
    return -(-sft_tokens // step_tokens)


def pass_at_k(n: int, correct: int, k: int) -> float:
    return 1 - math.comb(n - correct, k) / math.comb(n, k)


def pass_at_k_with_bias(n: int, correct: int, k: int) -> float:
    return 1 - (1 - correct / n) ** k


def interval(correct: list[list[float]]) -> tuple[float, float]:
    return _percentiles([sum(row) / len(row) for row in correct], 0.025)


def interval_over_samples(correct: list[list[float]]) -> tuple[float, float]:
    return _percentiles(list(chain(*correct)), 0.025)


def interval_of_90_percent(correct: list[list[float]]) -> tuple[float, float]:
    return _percentiles([sum(row) / len(row) for row in correct], 0.05)


def _percentiles(values: list[float], tail: float) -> tuple[float, float]:
    rng = random.Random(1)
    means = sorted(sum(rng.choices(values, k=len(values))) / len(values) for _ in range(5000))
    return means[round(tail * 5000)], means[round((1 - tail) * 5000)]


SOLVED: dict[str, Words] = {
    "base": pack,
    "zero": advantages,
    "cold_start": in_form,
    "reasoning_rl": consistency,
    "rejection_sampling": keep,
    "sft": completion_loss,
    "final_rl": preference_loss,
    "distillation": rl_steps,
    "evaluation": pass_at_k,
    "claims": interval,
}
MISTAKEN: list[tuple[str, Words]] = [
    *(("base", function) for function in (pack_by_cutting, pack_in_order, pack_and_lose)),
    *(("zero", function) for function in (advantages_centred, advantages_of_a_population, advantages_reversed)),
    ("zero", advantages_by_rank),
    *(("cold_start", function) for function in (in_form_by_search, in_form_by_fullmatch, in_form_by_counting)),
    ("reasoning_rl", consistency_of_characters),
    *(("reasoning_rl", function) for function in (consistency_of_silence, consistency_by_spaces)),
    *(("rejection_sampling", function) for function in (keep_duplicates, keep_counting_the_bad, keep_the_good)),
    *(("sft", function) for function in (completion_loss_by_example, completion_loss_with_prompts)),
    ("final_rl", preference_loss_reversed),
    *(("distillation", function) for function in (rl_steps_rounded_down, rl_steps_of_equal_tokens)),
    ("evaluation", pass_at_k_with_bias),
    *(("claims", function) for function in (interval_over_samples, interval_of_90_percent)),
]
RAISING: list[tuple[str, Words, type[Exception]]] = [
    ("zero", advantages_without_a_guard, ZeroDivisionError),
    ("final_rl", preference_loss_that_overflows, OverflowError),
]


@pytest.mark.parametrize("name", check.CHECKS)
def test_a_right_solution_passes(name: str) -> None:
    check.CHECKS[name][1](SOLVED[name])


@pytest.mark.parametrize(("name", "function"), MISTAKEN, ids=lambda value: getattr(value, "__name__", value))
def test_a_usual_mistake_is_found(name: str, function: Words) -> None:
    with pytest.raises(check.Wrong):
        check.CHECKS[name][1](function)


@pytest.mark.parametrize(("name", "function", "error"), RAISING, ids=lambda value: getattr(value, "__name__", value))
def test_hostile_inputs_reach_what_breaks(name: str, function: Words, error: type[Exception]) -> None:
    with pytest.raises(error):
        check.CHECKS[name][1](function)


@pytest.mark.parametrize("name", check.CHECKS)
def test_the_example_of_an_exercise_is_right(name: str) -> None:
    function, _ = check.CHECKS[name]
    source = (check.FOLDER / f"{name}.py").read_text()
    (node,) = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    assert node.name == function
    examples = doctest.DocTestParser().get_doctest(
        ast.get_docstring(node) or "", {function: SOLVED[name]}, function, None, None
    )
    assert doctest.DocTestRunner(verbose=False).run(examples).failed == 0


def test_an_unsolved_exercise_says_what_to_fill_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(check.CHECKS) and all("not yet: fill in" in line for line in lines)


def test_what_a_student_wrote_is_judged(tmp_path: Path) -> None:
    (tmp_path / "evaluation.py").write_text("def pass_at_k(n, correct, k):\n    return n\n")
    assert "the library says" in str(check.verdict("evaluation", tmp_path))
    (tmp_path / "evaluation.py").write_text("def pass_at_k(n, correct, k):\n    return correct / 0\n")
    assert "raises ZeroDivisionError" in str(check.verdict("evaluation", tmp_path))
    (tmp_path / "evaluation.py").write_text(
        "from math import comb\npass_at_k = lambda n, c, k: 1 - comb(n - c, k) / comb(n, k)"
    )
    assert check.verdict("evaluation", tmp_path) is None


def test_an_unknown_exercise_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["zeroo"]) == 2
    assert "zeroo" in capsys.readouterr().out


def test_every_exercise_has_a_page_and_every_page_an_exercise() -> None:
    asked = {page.name: re.findall(r"^python docs/tutorial/check\.py (\w+)", page.read_text(), re.M) for page in PAGES}
    stages = {name: exercises for name, exercises in asked.items() if name != "README.md"}
    assert all(stages.values())
    assert sorted(chain(*stages.values())) == sorted(check.CHECKS)
    assert {path.stem for path in check.FOLDER.glob("*.py")} == set(check.CHECKS)


def test_the_index_leads_to_every_page_and_pages_are_short() -> None:
    index = (TUTORIAL / "README.md").read_text()
    for page in PAGES:
        assert page.name == "README.md" or f"({page.name})" in index
        assert len(page.read_text().splitlines()) <= 80
