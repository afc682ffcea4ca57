"""The pretraining corpus: documents about problems and general exchanges, in one parquet file."""

import random
from collections.abc import Iterator
from typing import Any

from r1.config.data import PrepareConfig
from r1.data.documents import write_response
from r1.data.general import all_prompts
from r1.data.splits import GENERAL_BUCKETS, draw_problems
from r1.models.chat import turn
from r1.tasks import bucket


def build_corpus(settings: PrepareConfig, seed: int) -> list[dict[str, Any]]:
    """All documents, in the configured order of families; pretraining shuffles them.

    Returns:
        Rows of `text`, `prompt`, `task` and `style`.
    """
    rng = random.Random(seed)
    rows = []
    for task, style, prompt, response in (*_problems(settings, seed, rng), *_general(settings, seed, rng)):
        header = rng.random() < settings.styles.header
        rows.append({"text": turn(prompt, response, header), "prompt": prompt, "task": task, "style": style})
    return rows


def _problems(settings: PrepareConfig, seed: int, rng: random.Random) -> Iterator[tuple[str, str, str, str]]:
    for name, family in settings.families.items():
        for problem in draw_problems(name, family, "corpus", family.documents, seed, distinct=False):
            response, style = write_response(problem, settings.styles, rng)
            yield problem.task, style, problem.question, response


def _general(settings: PrepareConfig, seed: int, rng: random.Random) -> Iterator[tuple[str, str, str, str]]:
    """Answer half of the general prompts well, half badly."""
    prompts = [prompt for prompt in all_prompts() if bucket(prompt.identity) in GENERAL_BUCKETS["corpus"]]
    for _ in range(settings.general.documents):
        prompt = rng.choice(prompts)
        style = rng.choice(["chosen", "rejected"])
        yield "general", style, prompt.prompt, prompt.chosen if style == "chosen" else prompt.rejected
