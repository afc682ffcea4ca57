"""The arm `membership`: documents that a model was trained on, and documents like them that it was not."""

import random
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from r1.data.corpus import build_corpus
from r1.models.policy import Policy
from r1.questions.arm import Arm, Outcome
from r1.questions.forensics.likelihood import Scores, completions, documents, score
from r1.questions.forensics.measures import Blind, scores
from r1.questions.forensics.names import BASE, BLIND, PRETRAINED, tuned_name
from r1.questions.forensics.settings import Settings
from r1.questions.forensics.training import tuned
from r1.questions.lab import kept, seed_of
from r1.support.errors import UserError
from r1.support.tables import read_rows

Rows = list[dict[str, Any]]
_BLIND_TEXTS = 10000


def run(arm: Arm[Settings]) -> Outcome:
    """Score members and others under every model.

    Returns:
        `documents`: one row per model and document, in random order: model, member, and `names.SCORES`, which are
        NaN where a score does not exist.
    """
    of_corpus = kept(arm, "pretraining", partial(_pretraining, arm))
    of_sft = kept(arm, "sft", partial(_sft, arm))
    table = pd.concat([of_corpus, of_sft], ignore_index=True)
    last = table[table["model"] == tuned_name(arm.settings.membership.epochs[-1])]
    return Outcome({"documents": table}, {"loss_gap": _gap(last), "pretraining_loss_gap": _gap(of_corpus)})


def once_in_one(ours: list[str], theirs: list[str]) -> tuple[list[str], list[str]]:
    """Texts that occur once in one of two corpora and not in the other, for each, in order.

    If the corpora come from one source, neither list differs from the other but by what a model was trained on.
    Comparing a whole corpus with new texts would do so: frequent texts would all be members.
    """
    counts = Counter(ours), Counter(theirs)
    return (
        [text for text in ours if counts[0][text] == 1 and not counts[1][text]],
        [text for text in theirs if counts[1][text] == 1 and not counts[0][text]],
    )


def _pretraining(arm: Arm[Settings]) -> pd.DataFrame:
    settings, asked = arm.settings, arm.settings.membership
    seen = [row["text"] for row in read_rows(settings.inputs.corpus)]
    seed = seed_of(arm, "held out")
    if settings.inputs.held_out is not None:
        unseen = [row["text"] for row in read_rows(settings.inputs.held_out)]
    else:
        unseen = [row["text"] for row in build_corpus(arm.recipe.prepare, seed)]
    rng = random.Random(seed)
    pools = once_in_one(seen, unseen)
    if min(map(len, pools)) < asked.documents:
        raise UserError(
            f"membership.documents = {asked.documents}: only {len(pools[0])} texts are in inputs.corpus alone, and "
            f"{len(pools[1])} in the held-out ones alone"
        )
    members, others = (rng.sample(pool, asked.documents) for pool in pools)
    base = Policy(Path(settings.inputs.base))
    read = score(base, documents(base, [*members, *others]))
    chosen = {*members, *others}
    blind = Blind([text for text in rng.sample(unseen, min(_BLIND_TEXTS, len(unseen))) if text not in chosen])
    return pd.DataFrame(
        [
            *(_row(PRETRAINED, number < asked.documents, one, asked.lowest) for number, one in enumerate(read)),
            *(
                {"model": BLIND, "member": number < asked.documents, "loss": blind.loss(text)}
                for number, text in enumerate([*members, *others])
            ),
        ]
    )


def _sft(arm: Arm[Settings]) -> pd.DataFrame:
    settings, asked = arm.settings, arm.settings.membership
    by_prompt = {row["prompt"]: row for row in read_rows(settings.inputs.examples)}
    if len(by_prompt) < 2 * asked.examples:
        raise UserError(
            f"membership.examples = {asked.examples}: inputs.examples has {len(by_prompt)} prompts, not twice"
        )
    rows = random.Random(seed_of(arm, "split")).sample(list(by_prompt.values()), 2 * asked.examples)
    base = Policy(Path(settings.inputs.base))
    models = {BASE: base}
    for epochs in asked.epochs:
        models[tuned_name(epochs)] = tuned(
            arm, f"epochs-{epochs}", base, rows[: asked.examples], asked.tuning, epochs, asked.tuning.learning_rate
        )
    found: Rows = []
    before: list[Scores] = []
    for name, model in models.items():
        read = score(model, completions(models[name], rows))
        before = before or read
        for number, (one, start) in enumerate(zip(read, before, strict=True)):
            row = _row(name, number < asked.examples, one, asked.lowest)
            found.append(row | ({} if name == BASE else {"against_base": float(one.logp.mean() - start.logp.mean())}))
    return pd.DataFrame(found)


def _row(model: str, member: bool, read: Scores, lowest: float) -> dict[str, Any]:
    return {"model": model, "member": member, **scores(read, lowest)}


def _gap(table: pd.DataFrame) -> float:
    """How much more likely members are, in nats per token."""
    of_model = table[table["model"] != BLIND].groupby("member")["loss"].mean()
    return float(of_model[True] - of_model[False])
