"""Splits by a problem's identity, and a check that they do not overlap."""

from collections.abc import Iterable
from typing import Any, Literal

from r1.config.data import DataSetConfig, FamilyConfig, PromptSplit
from r1.support.errors import UserError
from r1.tasks import Problem, bucket, normalise, task_of

Split = PromptSplit | Literal["corpus"]

PROBLEM_BUCKETS: dict[Split, range] = {
    "evaluate": range(0, 10),
    "cold_start": range(10, 15),
    "rl": range(15, 35),
    "rejection": range(35, 50),
    "corpus": range(50, 100),
}
"""The buckets of each split, of 100 buckets of problem identities."""

GENERAL_BUCKETS: dict[str, range] = {
    "evaluate": range(0, 10),
    "sft": range(10, 35),
    "preference": range(35, 50),
    "rl": range(50, 60),
    "corpus": range(60, 100),
}

_PATIENCE = 200_000


class TooFewProblems(UserError):
    """A family or data set has fewer distinct problems in a split than requested."""


def draw_problems(
    name: str, family: FamilyConfig, split: Split, count: int, seed: int, distinct: bool = True
) -> list[Problem]:
    """Draw problems of one family that belong to one split.

    Args:
        name: the family's name in the configuration, for messages.
        family: task and options.
        split: the split they belong to.
        count: number of problems.
        seed: for the generator.
        distinct: never draw a problem twice; the corpus may repeat one.

    Raises:
        TooFewProblems: if the generator does not yield enough.
        UserError: if an option is unknown or impossible.
    """
    try:
        return _draw(name, family, split, count, seed, distinct)
    except ValueError as error:
        raise UserError(f"prepare.families.{name}: {error}") from error


def _draw(name: str, family: FamilyConfig, split: Split, count: int, seed: int, distinct: bool) -> list[Problem]:
    drawn: list[Problem] = []
    seen: set[str] = set()
    for tried, problem in enumerate(task_of(family.task).generate(family.options, seed)):
        if len(drawn) == count:
            break
        if tried > _PATIENCE + 20 * count:
            raise TooFewProblems(
                f"prepare.families.{name}.{split} = {count}: only {len(drawn)} distinct problems with these options"
            )
        identity = problem.identity
        if bucket(identity) in PROBLEM_BUCKETS[split] and not (distinct and identity in seen):
            seen.add(identity)
            drawn.append(problem)
    return drawn


def as_row(problem: Problem, name: str, family: FamilyConfig | DataSetConfig) -> dict[str, Any]:
    """A problem as a row of a prompts file."""
    return {
        "prompt": problem.question,
        "answer": problem.answer,
        "task": problem.task,
        "level": family.level,
        "family": name,
        "kind": "",
    }


def contamination(evaluation: Iterable[str], training: Iterable[str]) -> dict[str, int]:
    """Count evaluation prompts that are also training prompts: exactly, and normalised.

    Compares the texts themselves, independently of buckets.
    """
    prompts = list(evaluation)
    seen = set(training)
    seen_normalised = {normalise(prompt) for prompt in seen}
    return {
        "exact": sum(prompt in seen for prompt in prompts),
        "normalised": sum(normalise(prompt) in seen_normalised for prompt in prompts),
    }
