"""At the end of `prepare`: how many prompts will not fit in the checkpoints' contexts, rather than hours later.

Later stages drop and count them (docs/data.md). Prompts are rendered by the base's chat template, without worked
examples: an estimate, as fine-tuned models may have another template. Bases pretrained here have no tokenizer yet and
are left out.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from r1.config.recipe import Config
from r1.recipe import BASES, TRAININGS, base_of
from r1.sampling.fitting import ContextExceeded, room

log = logging.getLogger(__name__)


class Lengths(NamedTuple):
    """Prompts that a model of some base completes: their file, and the stage's limits in tokens."""

    prompts: str
    key: str
    max_new_tokens: int
    max_prompt_length: int | None = None


def report_contexts(config: Config) -> None:
    """Warn of prompts that a stage will drop because of a checkpoint's context or `max_prompt_length`.

    Raises:
        ContextExceeded: if a stage would drop all of its prompts.
    """
    for base in BASES:
        settings = getattr(config, base)
        if settings.checkpoint is not None:
            _report(base, settings.checkpoint, settings.chat_template, list(lengths(config, base)))


def lengths(config: Config, base: str) -> Iterator[Lengths]:
    """All stages that sample models of a base."""
    problems, general = "data/prompts/{}.parquet", "data/general/{}.parquet"
    for model, training in TRAININGS.items():
        if training.method == "rl" and base_of(model) == base:
            stage = getattr(config, training.run)
            limits = stage.max_completion_length, stage.max_prompt_length
            yield Lengths(problems.format("rl"), training.run, *limits)
            if training.run == "final_rl":
                yield Lengths(general.format("rl"), training.run, *limits)
    if base == "base":
        sampling = config.cold_start_data.sampling
        yield Lengths(problems.format("cold_start"), "cold_start_data", sampling.max_new_tokens)
        sampling = config.rejection_sampling.sampling
        yield Lengths(problems.format("rejection"), "rejection_sampling", sampling.max_new_tokens)
    yield Lengths(problems.format("evaluate"), "evaluate", config.evaluate.sampling.max_new_tokens)
    yield Lengths(general.format("evaluate"), "evaluate", config.evaluate.general_max_new_tokens)


def _report(base: str, checkpoint: str, chat_template: str | None, stages: list[Lengths]) -> None:
    from transformers import AutoConfig

    from r1.models.chat import TEMPLATES, as_messages
    from r1.models.loading import context_length, load_tokenizer, prompt_ids
    from r1.support.tables import read_rows

    path = Path(checkpoint).expanduser()
    source = path if path.exists() else checkpoint
    try:  # of a hub id, only these files are downloaded
        context = context_length(AutoConfig.from_pretrained(source, trust_remote_code=False))
        tokenizer = load_tokenizer(source)
    except Exception as error:  # the stage `base` reports what is wrong with it
        log.warning("%s: no prompts measured, as its tokenizer cannot be read (%s)", checkpoint, type(error).__name__)
        return
    if chat_template is not None:
        tokenizer.chat_template = TEMPLATES[chat_template]
    measured: dict[str, list[int]] = {}
    for stage in stages:
        if stage.prompts not in measured:
            asked = [as_messages(row["prompt"]) for row in read_rows(stage.prompts)]
            measured[stage.prompts] = [len(ids) for ids in prompt_ids(tokenizer, asked)] if asked else []
        tokens = measured[stage.prompts]
        most = room(context, stage.max_new_tokens, stage.max_prompt_length)
        too_long = 0 if most is None else sum(length > most for length in tokens)
        if not too_long:
            continue
        line = (
            f"{stage.key} ({base}): {too_long} of {len(tokens)} prompts of {stage.prompts} exceed {most} tokens "
            f"(context {context}, {stage.max_new_tokens} for a completion, max_prompt_length {stage.max_prompt_length})"
        )
        if too_long == len(tokens):
            raise ContextExceeded(f"{line}: none is left")
        log.warning("%s: they are dropped", line)
