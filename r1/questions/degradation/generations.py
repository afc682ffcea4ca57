"""One arm: every generation fine-tunes the same base on what the generation before it wrote."""

import random
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from r1.data.documents import write_response
from r1.data.splits import draw_problems
from r1.evaluation.verdicts import read_both_ways
from r1.models.policy import Policy
from r1.questions.arm import Arm, Outcome
from r1.questions.degradation.settings import Settings
from r1.questions.lab import by_level, finetuned, kept, resized, sampled, seed_of
from r1.support.tables import as_rows, read_rows

Rows = list[dict[str, Any]]


def run(arm: Arm[Settings]) -> Outcome:
    """Run all generations of an arm.

    Returns:
        `samples`: one row per evaluation completion, with `generation`. `data`: one row per generation: examples, and
        the share of them that is wrong and original.
    """
    settings = arm.settings
    problems = _some(read_rows(settings.inputs.problems), settings.problems, arm.seed)
    asked = by_level(read_rows(settings.inputs.evaluate), settings.evaluated)
    config = resized(arm.recipe.sft, settings.batch_size, epochs=settings.epochs, learning_rate=settings.learning_rate)
    base = model = Policy(Path(settings.inputs.base))
    samples, data = [], []
    for generation in range(settings.generations + 1):
        examples = kept(arm, f"examples-{generation}", partial(_examples, arm, model, problems, generation))
        model = finetuned(arm, f"generation-{generation}", base, as_rows(examples), config)
        evaluated = kept(arm, f"samples-{generation}", partial(_evaluated, arm, model, asked))
        samples.append(evaluated.assign(generation=generation))
        data.append(
            {
                "generation": generation,
                "examples": len(examples),
                "original": float(examples["original"].mean()),
                "wrong": float((~examples["correct"]).mean()),
            }
        )
    return Outcome(
        {"samples": pd.concat(samples, ignore_index=True), "data": pd.DataFrame(data)},
        {"pass_at_1": float(samples[-1]["correct"].mean()), "wrong": data[-1]["wrong"]},
    )


def _examples(arm: Arm[Settings], model: Policy, problems: Rows, generation: int) -> pd.DataFrame:
    count, share = arm.settings.examples, arm.settings.arms[arm.name].original
    of_people = count if generation == 0 else round(count * share)
    rows = original(arm, of_people, generation) + written(arm, model, problems, count - of_people, generation)
    return pd.DataFrame(rows, columns=["prompt", "completion", "correct", "original"])


def original(arm: Arm[Settings], count: int, generation: int) -> Rows:
    """Examples by people: of the file, or right worked solutions in every style by the corpus's authors.

    Every generation gets others. The authors' problems are in the corpus's split, which no prompt is in.
    """
    rng = random.Random(seed_of(arm, "original", generation))
    if arm.settings.inputs.original is not None:
        chosen = _some(read_rows(arm.settings.inputs.original), count, rng.random())
        return [
            {"prompt": row["prompt"], "completion": row["completion"], "correct": True, "original": True}
            for row in chosen
        ]
    config = arm.recipe.prepare
    families = {name: family for name, family in config.families.items() if family.level == "train"}
    styles = config.styles.model_copy(update={"direct": 0.0, "slip": 0.0})
    rows: Rows = []
    for number, (name, family) in enumerate(families.items()):
        share = (count + number) // len(families)
        drawn = draw_problems(name, family, "corpus", 4 * share, rng.randrange(2**31), distinct=False)
        texts = [write_response(problem, styles, rng)[0] for problem in drawn]
        tasks, answers = [problem.task for problem in drawn], [problem.answer for problem in drawn]
        right = [
            {"prompt": problem.question, "completion": text, "correct": True, "original": True}
            for problem, text, verdict in zip(drawn, texts, read_both_ways(texts, tasks, answers), strict=True)
            if verdict["correct"]
        ]
        rows += right[:share]
    return rows


def written(arm: Arm[Settings], model: Policy, problems: Rows, count: int, generation: int) -> Rows:
    """Examples by the model of the generation before, as the arm's source keeps them; fewer if too few are kept."""
    if not count:
        return []
    settings, source = arm.settings, arm.settings.arms[arm.name]
    seed = seed_of(arm, "written", generation)
    each = settings.candidates if source.verified else -(-count // len(problems))  # of everything, no more is needed
    table = sampled(arm.recipe.evaluate, model, problems, seed, temperature=settings.temperature, num_samples=each)
    rng = random.Random(seed)
    accepted = [bool(right) != (rng.random() < source.errs) for right in table["correct"]]
    table = table[accepted] if source.verified else table[~table["truncated"]]
    rows = as_rows(table[["prompt", "completion", "correct"]].assign(original=False))
    return _some(rows, count, seed)


def _evaluated(arm: Arm[Settings], model: Policy, asked: Rows) -> pd.DataFrame:
    # The same seed for every generation, so that generations differ by their models alone.
    table = sampled(arm.recipe.evaluate, model, asked, seed_of(arm, "evaluate", 0), num_samples=arm.settings.samples)
    return table[
        [
            "problem",
            "family",
            "level",
            "completion",
            "predicted",
            "correct",
            "tokens",
            "truncated",
            "mixed",
            "reflections",
        ]
    ]


def _some(rows: Rows, count: int, seed: float) -> Rows:
    return random.Random(seed).sample(rows, min(count, len(rows)))
