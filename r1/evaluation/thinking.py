"""Accuracy against a thinking budget: completions cut after some tokens and made to answer.

s1's budget forcing (arXiv 2501.19393, section 3.1) ends a chain of thought at a budget by appending the end of the
reasoning and the beginning of an answer. We apply it to completions that an evaluation has drawn, so every budget is
measured on the same thinking. A completion that ends with an answer within the budget stays as it is. Cut in its first
line, "<think>First 3 + 4 = 7.</think><answer>7</answer>" becomes "<think>First 3 + 4 =</think><answer>", and the model
completes it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from r1.config.evaluation import EvaluateConfig
from r1.evaluation.verdicts import read_both_ways
from r1.models.chat import as_messages
from r1.sampling import Completion, Conversation, Sampler
from r1.sampling.fitting import ContextExceeded
from r1.support.tables import as_rows

_TAGS = ("<think>", "</think>", "<answer>", "</answer>")
FirstTokens = Callable[[str, int], str]
"""Cuts a completion after so many of its tokens; see Policy.first_tokens."""


@dataclass(frozen=True)
class Form:
    """How a model writes, which decides how it is made to answer.

    Attributes:
        thinks: most of its completions open a `<think>`.
        tags: most of those that close it then open an `<answer>`; True if none closes it.
    """

    thinks: bool
    tags: bool

    @classmethod
    def of(cls, completions: Iterable[str]) -> "Form":
        """The form of most completions."""
        texts = list(completions)
        closed = [text for text in texts if "</think>" in text]
        return cls(
            thinks=2 * sum("<think>" in text for text in texts) > len(texts),
            tags=2 * sum("<answer>" in text for text in closed) >= len(closed),
        )

    def made_to_answer(self, text: str) -> str:
        """A cut completion, up to where the answer begins. It keeps its own form; an empty one gets the model's.

        Untagged text ends without a space: tokenizers put the space before a word into the word's token.

        >>> Form(thinks=True, tags=True).made_to_answer("<think>First 3 + 4 =")
        '<think>First 3 + 4 =</think><answer>'
        >>> Form(thinks=False, tags=True).made_to_answer("First 3 + 4 =")
        'First 3 + 4 =\\nThe answer is'
        """
        text = _without_broken_tag(text)
        if "<answer>" in text:
            return text
        if not text.strip() and self.thinks:
            text = "<think>"
        if "<think>" in text and "</think>" not in text:
            text += "</think>"
        if "</think>" in text and self.tags:
            return f"{text}<answer>"
        return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}The answer is"


def accuracy_by_budget(
    sampler: Sampler, first_tokens: FirstTokens, samples: pd.DataFrame, config: EvaluateConfig, seed: int
) -> pd.DataFrame:
    """Cut an evaluation's completions at each budget, make them answer, and verify the answers.

    A completion that ended within the budget with an answer keeps its verdicts; one that ended without is made to
    answer too, also at the limit. Answers are drawn with the evaluation's temperature and top_p.

    Args:
        sampler: the model that wrote them.
        first_tokens: cuts a completion.
        samples: rows of `r1.evaluation.evaluate.sample_problems`.
        config: budgets, number of problems, sampling parameters.
        seed: sampling seed.

    Returns:
        One row per problem and budget, budgets ascending: problem, family, level, budget (tokens), pass_at_1,
        lenient_pass_at_1, forced (share of completions that were made to answer).
    """
    form = Form.of(samples["completion"])
    chosen = samples[samples["problem"].isin(_first_problems(samples, config.thinking.problems))]
    tables = []
    for budget in (*config.thinking.budgets, config.sampling.max_new_tokens):
        cut = _cut(chosen, budget, form, first_tokens)
        if cut["asks"].any():
            cut.loc[cut["asks"], "text"] += _answers(sampler, cut[cut["asks"]], config, seed)
        if cut["cut"].any():
            again = cut[cut["cut"]]
            read = read_both_ways(again["text"].tolist(), again["task"].tolist(), again["answer"].tolist())
            for verdict in ("correct", "lenient_correct"):
                cut.loc[cut["cut"], verdict] = [bool(row[verdict]) for row in read]
        tables.append(_per_problem(cut, budget))
    return pd.concat(tables, ignore_index=True)


def _first_problems(samples: pd.DataFrame, count: int) -> pd.Series:
    """The first problems of each family."""
    return samples.drop_duplicates("problem").groupby("family", sort=False).head(count)["problem"]


def _cut(samples: pd.DataFrame, budget: int, form: Form, first_tokens: FirstTokens) -> pd.DataFrame:
    """The completions at a budget: `text`, whether it is `cut`, and whether it `asks` for an answer to be drawn."""
    texts, cut, asks = [], [], []
    for row in as_rows(samples):
        text, ended = row["completion"], not row["truncated"] and row["tokens"] <= budget
        is_cut = not row["too_long"] and not (ended and isinstance(row["lenient_predicted"], str))
        kept = first_tokens(text, budget) if is_cut else text
        answered = "</answer>" in kept
        texts.append(form.made_to_answer(kept) if is_cut and not answered else kept)
        cut.append(is_cut)
        asks.append(is_cut and not answered)
    return samples.assign(text=texts, cut=cut, asks=asks)


def _answers(sampler: Sampler, asked: pd.DataFrame, config: EvaluateConfig, seed: int) -> list[str]:
    """What the model writes after each text; empty where text and answer do not fit in its context."""
    limits = {"num_samples": 1, "max_new_tokens": config.thinking.answer_tokens}
    begun: list[Conversation] = [
        as_messages(prompt, text) for prompt, text in zip(asked["prompt"], asked["text"], strict=True)
    ]
    try:
        drawn = sampler.sample(begun, config.sampling.model_copy(update=limits), seed)
    except ContextExceeded:  # of not a single one
        drawn = list[list[Completion]]([[]] * len(begun))
    return [completions[0].text if completions else "" for completions in drawn]


def _per_problem(cut: pd.DataFrame, budget: int) -> pd.DataFrame:
    means = cut.groupby("problem").agg(
        family=("family", "first"),
        level=("level", "first"),
        pass_at_1=("correct", "mean"),
        lenient_pass_at_1=("lenient_correct", "mean"),
        forced=("asks", "mean"),
    )
    means.insert(2, "budget", budget)
    return means.reset_index()


def _without_broken_tag(text: str) -> str:
    """The text without the first characters of a tag at its end."""
    for tag in _TAGS:
        for length in range(len(tag) - 1, 0, -1):
            if text.endswith(tag[:length]):
                return text[:-length]
    return text
