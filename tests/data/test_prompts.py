"""Splits that do not meet, and general prompts with preferences."""

from itertools import combinations

import pytest

from r1.data import splits
from r1.data.general import all_prompts, draw, refuses
from r1.data.splits import GENERAL_BUCKETS, PROBLEM_BUCKETS, TooFewProblems, as_row, contamination, draw_problems
from r1.tasks import bucket
from tests.conftest import compose

SETTINGS = compose().prepare
FAMILY = SETTINGS.families["chain_sum"]
FEW = FAMILY.model_copy(update={"options": {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}})


@pytest.mark.parametrize("buckets", [PROBLEM_BUCKETS, GENERAL_BUCKETS], ids=["problems", "general"])
def test_buckets_of_splits_are_disjoint_and_complete(buckets: dict[str, range]) -> None:
    assert sorted(number for numbers in buckets.values() for number in numbers) == list(range(100))


def test_splits_have_no_problem_in_common() -> None:
    drawn = {split: draw_problems("chain_sum", FAMILY, split, 200, seed=1) for split in PROBLEM_BUCKETS}
    identities = {split: {problem.identity for problem in problems} for split, problems in drawn.items()}
    assert all(len(found) == 200 for found in identities.values())
    assert all(not identities[a] & identities[b] for a, b in combinations(identities, 2))
    assert all(bucket(name) in PROBLEM_BUCKETS[split] for split, names in identities.items() for name in names)


def test_another_seed_does_not_move_a_problem_into_another_split() -> None:
    evaluate = {problem.identity for problem in draw_problems("few", FEW, "evaluate", 10, seed=1)}
    corpus = {problem.identity for problem in draw_problems("few", FEW, "corpus", 3000, seed=2, distinct=False)}
    assert evaluate and corpus and not evaluate & corpus


@pytest.mark.parametrize("distinct", [True, False])
def test_draw_problems_honours_distinct(distinct: bool) -> None:
    identities = [problem.identity for problem in draw_problems("few", FEW, "corpus", 80, seed=1, distinct=distinct)]
    assert len(identities) == 80
    assert (len(set(identities)) == 80) is distinct


def test_draw_problems_depends_on_the_seed_alone() -> None:
    draws = [draw_problems("chain_sum", FAMILY, "rl", 20, seed=seed) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_drawing_none_gives_none() -> None:
    assert draw_problems("few", FEW, "rl", 0, seed=1) == []


def test_too_few_problems_names_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "_PATIENCE", 2000)
    with pytest.raises(TooFewProblems, match=r"prepare\.families\.few\.evaluate = 500: only \d+ distinct problems"):
        draw_problems("few", FEW, "evaluate", 500, seed=1)


def test_a_row_says_what_verifies_it() -> None:
    problem = draw_problems("chain_sum", FAMILY, "rl", 1, seed=1)[0]
    assert as_row(problem, "chain_sum", FAMILY) == {
        "prompt": problem.question,
        "answer": problem.answer,
        "task": "chain_sum",
        "level": "train",
        "family": "chain_sum",
        "kind": "",
    }


@pytest.mark.parametrize(
    ("training", "exact", "normalised"),
    [
        pytest.param(["What is 9 + 9?"], 0, 0, id="clean"),
        pytest.param([], 0, 0, id="no-training-prompts"),
        pytest.param(["What is 1 + 2?"], 1, 1, id="to-the-letter"),
        pytest.param(["what is  1 + 2"], 0, 1, id="normalised-only"),
        pytest.param(["What is 1 + 2?", "what is 1 + 3 !"], 1, 2, id="one-of-each"),
        pytest.param(["What is 1 - 2?"], 0, 0, id="another-operator"),
    ],
)
def test_contamination_counts(training: list[str], exact: int, normalised: int) -> None:
    found = contamination(iter(["What is 1 + 2?", "What is 1 + 3?"]), iter(training))
    assert found == {"exact": exact, "normalised": normalised}


def test_splits_of_general_prompts_are_disjoint() -> None:
    identities = {
        split: {prompt.identity for prompt in draw(buckets, 250, seed=1)} for split, buckets in GENERAL_BUCKETS.items()
    }
    assert all(identities.values())
    assert all(not identities[a] & identities[b] for a, b in combinations(identities, 2))


def test_there_are_as_many_general_prompts_as_configured() -> None:
    for split in ("sft", "preference", "rl", "evaluate"):
        count = getattr(SETTINGS.general, split)
        assert len(draw(GENERAL_BUCKETS[split], count, seed=1)) == count, split


def test_general_prompts_are_distinct() -> None:
    prompts = all_prompts()
    assert len({prompt.identity for prompt in prompts}) == len(prompts)


def test_preferences_are_preferences() -> None:
    for prompt in all_prompts():
        assert prompt.prompt and prompt.chosen and prompt.rejected, prompt
        assert prompt.chosen != prompt.rejected, prompt


def test_harm_is_refused_and_its_harmless_twin_is_not() -> None:
    found = {"harmful": 0, "benign": 0}
    for prompt in all_prompts():
        assert refuses(prompt.chosen) is (prompt.category == "harmful"), prompt
        if prompt.kind == "harmless":
            assert refuses(prompt.rejected) is (prompt.category == "benign"), prompt
            found[prompt.category] += 1
    assert found["harmful"] == found["benign"] > 0


@pytest.mark.parametrize(
    ("response", "refused"),
    [
        ("I cannot help you break a window.", True),
        ("Sorry, no.", True),
        ("I can not help.", True),
        ("To break a window, start slowly.", False),
        ("I can help you.", False),
        ("", False),
    ],
)
def test_refuses(response: str, refused: bool) -> None:
    assert refuses(response) is refused


def test_the_order_of_general_prompts_depends_on_the_seed_alone() -> None:
    draws = [draw(GENERAL_BUCKETS["sft"], 50, seed) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
