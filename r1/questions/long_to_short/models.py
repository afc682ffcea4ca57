"""The long model, which a warm-up makes of the recipe's, and averages of its weights and the short one's."""

import random
from pathlib import Path
from typing import Any

from r1.config.finetuning import SftConfig
from r1.data.documents import write_response
from r1.data.splits import draw_problems
from r1.evaluation.verdicts import read_both_ways
from r1.models.loading import save
from r1.models.policy import Policy
from r1.questions.arm import Arm
from r1.questions.lab import finetuned, seed_of
from r1.questions.long_to_short.settings import Settings
from r1.support.artifacts import write_aside
from r1.support.errors import UserError
from r1.tasks import Problem

Rows = list[dict[str, Any]]


def long_model(arm: Arm[Settings]) -> Policy:
    """The long model: `inputs.long`, fine-tuned on solutions with checks. The same in all arms with a seed."""
    settings, start = arm.settings, Policy(Path(arm.settings.inputs.long))
    if not settings.warm_up:
        return start
    return finetuned(
        arm, "long", start, careful_solutions(arm, settings.warm_up), fine_tuning(arm, settings.warm_up_learning_rate)
    )


def fine_tuning(arm: Arm[Settings], learning_rate: float) -> SftConfig:
    """The recipe's `sft` with this question's sizes; every model keeps its own chat template."""
    batch = arm.settings.batch_size
    micro = max(size for size in range(1, arm.recipe.sft.micro_batch_size + 1) if batch % size == 0)
    sizes = {"epochs": arm.settings.epochs, "batch_size": batch, "micro_batch_size": micro}
    return arm.recipe.sft.model_copy(update={**sizes, "learning_rate": learning_rate, "chat_template": None})


def careful_solutions(arm: Arm[Settings], count: int) -> Rows:
    """Right solutions by the corpus's careful authors, who notice their slips and confirm steps: prompt, completion.

    Each author confirms a share of the steps that is drawn from 0 to `confirm`, so that lengths differ. Equations are
    solved by trial, as everywhere in the corpus; their lines are not checked. The problems are in the corpus's split,
    which no prompt is in.
    """
    rng = random.Random(seed_of(arm, "warm-up"))
    config = arm.recipe.prepare
    families = {name: family for name, family in config.families.items() if family.level == "train"}
    careful = config.styles.model_copy(update={"direct": 0.0, "careful": 1.0, "tagged": 1.0, "slip": arm.settings.slip})

    def solved(problem: Problem) -> str:
        own = careful.model_copy(update={"confirm": rng.uniform(0, arm.settings.confirm)})
        return write_response(problem, own, rng)[0]

    rows: Rows = []
    for number, (name, family) in enumerate(families.items()):
        share = (count + number) // len(families)
        drawn = draw_problems(name, family, "corpus", 4 * share, rng.randrange(2**31), distinct=False)
        texts = [solved(problem) for problem in drawn]
        tasks, answers = [problem.task for problem in drawn], [problem.answer for problem in drawn]
        right = [
            {"prompt": problem.question, "completion": text}
            for problem, text, verdict in zip(drawn, texts, read_both_ways(texts, tasks, answers), strict=True)
            if verdict["correct"]
        ]
        rows += right[:share]
    return rows


def merge(arm: Arm[Settings], name: str, short: Policy, long: Policy, weight: float) -> Policy:
    """Average the weights of two models; tokenizer and chat template are the long one's.

    Args:
        arm: in whose scratch folder the result lies.
        name: of the result.
        short, long: models of one architecture and tokenizer.
        weight: of the long one, 0 to 1.

    Raises:
        UserError: if the models' weights differ in names or shapes.
    """
    directory = arm.scratch / "models" / name
    if not directory.is_dir():
        model, theirs = long.load(), short.load().state_dict()
        ours = model.state_dict()
        if {key: value.shape for key, value in ours.items()} != {key: value.shape for key, value in theirs.items()}:
            raise UserError(f"cannot merge {short.directory} and {long.directory}: their weights have other shapes")
        model.load_state_dict({key: weight * value + (1 - weight) * theirs[key] for key, value in ours.items()})
        with write_aside(directory) as folder:
            save(model, long.tokenizer, folder)
    return Policy(directory)
