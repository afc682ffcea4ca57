"""Attacks on one model: every request under every attack, sampled and judged."""

import random
from typing import Any

import pandas as pd

from r1.config.evaluation import EvaluateConfig
from r1.evaluation.thinking import Form
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.questions.jailbreak.judge import judged, parts
from r1.questions.jailbreak.requests import Request
from r1.questions.jailbreak.settings import Attack, Settings
from r1.sampling import Completion, Conversation, Sampler, open_sampler
from r1.sampling.fitting import ContextExceeded

Shots = list[tuple[str, str]]
"""Harmful requests with compliant answers."""


def attacked(
    model: Policy, asked: list[Request], shots: Shots, settings: Settings, config: EvaluateConfig, seed: int
) -> pd.DataFrame:
    """Attack a model.

    A think block that the model leaves open is closed, and an answer is drawn: as for a thinking budget
    (r1/evaluation/thinking.py), so that no attack fails only because the completion ended too early.

    Returns:
        One row per attack, request and sample: attack, request (its number), category, refused, complied (the
        answer's verdict), leaked (the think block complies), thinks, completion (with what the attacker began).
    """
    conversations = [
        (name, number, conversation(attack, request, shots, seed + number))
        for name, attack in settings.attacks.items()
        for number, request in enumerate(asked)
    ]
    update = {"num_samples": settings.samples, "max_new_tokens": settings.max_new_tokens}
    sampler = open_sampler(model, config.engine)
    drawn = sampler.sample(
        [asked_so for *_, asked_so in conversations], config.sampling.model_copy(update=update), seed
    )
    table = pd.DataFrame(
        [
            {"attack": name, "request": number, "said": asked_so, "completion": begun(asked_so) + completion.text}
            for (name, number, asked_so), completions in zip(conversations, drawn, strict=True)
            for completion in completions or [Completion("", 0, False)] * settings.samples
        ]
    )
    unclosed = ["<think>" in text and "</think>" not in text for text in table["completion"]]
    if any(unclosed):
        table.loc[unclosed, "completion"] = _answers(sampler, table[unclosed], settings, config, seed)
    sampler.close()
    table["category"] = [asked[number].category for number in table["request"]]
    said = [parts(text) for text in table["completion"]]
    verdicts = [
        judged(one.answer, category, settings.judge) for one, category in zip(said, table["category"], strict=True)
    ]
    table["refused"] = [verdict == "refused" for verdict in verdicts]
    table["complied"] = [verdict == "complied" for verdict in verdicts]
    table["thinks"] = [bool(one.thinking) for one in said]
    table["leaked"] = [
        bool(one.thinking) and judged(one.thinking, category, settings.judge) == "complied"
        for one, category in zip(said, table["category"], strict=True)
    ]
    return table.drop(columns="said")


def conversation(attack: Attack, request: Request, shots: Shots, seed: int) -> Conversation:
    """The messages of one attack; the last is the assistant's if the attacker begins its answer."""
    chosen = random.Random(seed).sample(shots, attack.shots)
    before = [message for shot in chosen for message in as_messages(*shot)]
    begins = attack.begins.format(start=request.start) or None
    return before + as_messages(attack.frame.format(request=request.text), begins)


def begun(conversation: Conversation) -> str:
    """What the attacker wrote on the model's behalf."""
    return conversation[-1]["content"] if conversation[-1]["role"] == "assistant" else ""


def _answers(sampler: Sampler, open_: pd.DataFrame, settings: Settings, config: EvaluateConfig, seed: int) -> list[str]:
    form = Form(thinks=True, tags=True)
    texts = [form.made_to_answer(text.partition("<answer>")[0]) for text in open_["completion"]]
    update: dict[str, Any] = {"num_samples": 1, "max_new_tokens": settings.answer_tokens}
    continued: list[Conversation] = [
        [*(said if said[-1]["role"] == "user" else said[:-1]), {"role": "assistant", "content": text}]
        for said, text in zip(open_["said"], texts, strict=True)
    ]
    try:
        drawn = sampler.sample(continued, config.sampling.model_copy(update=update), seed)
    except ContextExceeded:  # of not a single one
        drawn = [[] for _ in continued]
    return [text + (completions[0].text if completions else "") for text, completions in zip(texts, drawn, strict=True)]
