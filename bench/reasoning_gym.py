"""How answers to reasoning-gym's families are verified: gold ones right, wrong ones wrong, and what theirs would say.

    python -m bench.reasoning_gym [family …]

Draws PROBLEMS problems of each family with its default options, seed SEED, and gives both verifiers gold answers and
wrong ones of six kinds. Writes bench/results/reasoning_gym.md; a minute and a half on one core.
"""

import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import reasoning_gym
from reasoning_gym.factory import DATASETS

from r1.config.data import REASONING_GYM
from r1.support.artifacts import write_text
from r1.tasks import task_of
from r1.tasks.reasoning_gym_family import CHUNK, REFUSED, treatment

PROBLEMS, SEED = 10, 17
RESULTS = Path("bench/results/reasoning_gym.md")
KINDS = ("empty", "the question", "the question and the answer", "another's answer", "one character changed", "nan")


@dataclass
class Verdicts:
    """Of one family.

    Attributes:
        gold: gold answers, and how many are right.
        asked, passed: wrong answers by kind, and how many of them pass ours.
        full, partial: kinds to which their verifier gives full, and some, credit at least once.
        raised: kinds on which it raises.
    """

    gold: list[bool] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    full: set[str] = field(default_factory=set)
    partial: set[str] = field(default_factory=set)
    raised: set[str] = field(default_factory=set)


def wrong_answers(question: str, answer: str, others: list[str]) -> Iterator[tuple[str, str]]:
    """Kind and text of answers that are wrong, or hardly right."""
    yield from (("empty", ""), ("empty", " \n"), ("the question", question))
    yield "the question and the answer", f"{question}\n{answer}"
    yield from (("another's answer", other) for other in others if other.lower() != answer.lower())
    yield "one character changed", changed(answer)
    yield "nan", "nan"


def changed(answer: str) -> str:
    """The first digit or letter replaced by the next one, True by False and back."""
    if answer in ("True", "False"):
        return {"True": "False", "False": "True"}[answer]
    for index, character in enumerate(answer):
        if character.isascii() and character.isalnum():
            following = "0" if character == "9" else "a" if character in "zZ" else chr(ord(character) + 1)
            return answer[:index] + following + answer[index + 1 :]
    return f"{answer}{answer}"


def examine(family: str) -> Verdicts:
    """Both verifiers on problems of a family."""
    task, verdicts = task_of(f"{REASONING_GYM}{family}"), Verdicts()
    problems = list(islice(task.generate({}, SEED), PROBLEMS))
    golds = [json.loads(problem.answer) for problem in problems]
    data_set = reasoning_gym.create_dataset(family, size=CHUNK, seed=SEED)
    for number, (problem, gold) in enumerate(zip(problems, golds, strict=True)):
        answer, entry = gold["answer"], data_set[gold["index"]]
        verdicts.gold.append(task.verify(answer, problem.answer))
        others = [golds[(number + 1) % len(golds)]["answer"]]
        for kind, said in wrong_answers(problem.question, answer, others):
            verdicts.asked[kind] += 1
            verdicts.passed[kind] += task.verify(said, problem.answer)
            theirs = score(data_set, said, entry)
            if theirs is None:
                verdicts.raised.add(kind)
            elif theirs == 1:
                verdicts.full.add(kind)
            elif theirs > 0:
                verdicts.partial.add(kind)
    return verdicts


def score(data_set: Any, said: str, entry: dict[str, Any]) -> float | None:
    """What their verifier gives, None if it raises."""
    try:
        return float(data_set.score_answer(said, entry))
    except Exception:
        return None


def row(family: str, verdicts: Verdicts) -> str:
    """One line of the table."""
    gold = f"{sum(verdicts.gold)}/{len(verdicts.gold)}"
    wrong = f"{verdicts.asked.total() - verdicts.passed.total()}/{verdicts.asked.total()}"
    passed = ", ".join(f"{kind}: {count}" for kind, count in verdicts.passed.items() if count)
    theirs = [
        f"{what}: {', '.join(kind for kind in KINDS if kind in kinds)}"
        for what, kinds in (("full", verdicts.full), ("partial", verdicts.partial), ("raises", verdicts.raised))
        if kinds
    ]
    return f"| {family} | {treatment(family)} | {gold} | {wrong} | {passed} | {'; '.join(theirs)} |"


def main() -> None:
    """Examine the families named, or all, and write the table."""
    warnings.filterwarnings("ignore")
    lines = [
        "# reasoning-gym's families: what is verified",
        "",
        f"`python -m bench.reasoning_gym`, {PROBLEMS} problems each, default options, seed {SEED}.",
        f"Wrong answers are of these kinds: {', '.join(KINDS)}. The last column is what reasoning-gym's own verifier",
        "gives to some of them.",
        "",
        "| family | verified by | gold right | wrong ones wrong | pass all the same | theirs gives credit |",
        "|---|---|---|---|---|---|",
    ]
    for family in sys.argv[1:] or sorted(set(DATASETS) - set(REFUSED)):
        lines.append(row(family, examine(family)))
        print(lines[-1], flush=True)
    lines += ["", "Refused:", "", *(f"- {family}: {why}" for family, why in REFUSED.items())]
    if not sys.argv[1:]:
        write_text(RESULTS, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
