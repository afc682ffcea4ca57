"""The claims about shorter chains of thought, and the page."""

from typing import Any

import numpy as np
import pandas as pd

from r1.questions.effects import Effect, Values, below, by_seed, claim, effect, exceeds, minus
from r1.questions.long_to_short.figure import Point, pareto
from r1.questions.long_to_short.settings import CONTROL, LONG, LONG_TRACES, SHORT, SHORT_TRACES, Merge, Settings
from r1.questions.page import Page, Results
from r1.reporting.tables import LEVELS, Table

TITLE = "How does a long chain of thought become short without becoming wrong?"


class Measured:
    """Tokens and accuracy of every model by seed and problem, paired: all models have the same problems."""

    def __init__(self, samples: pd.DataFrame) -> None:
        """Args: rows of `samples` of all arms."""
        by = ["model", "level", "seed", "problem"]
        self.table = samples.groupby(by, sort=True)[["tokens", "correct"]].mean().reset_index()
        self.models = list(dict.fromkeys(samples["model"]))

    def of(self, model: str, column: str, level: str | None = None) -> Values:
        """Seed -> mean of `tokens` or `correct` over a problem's completions; None: on all levels."""
        table = self.table[self.table["model"] == model]
        if level is not None:
            table = table[table["level"] == level]
        return by_seed(table.set_index("seed")[column].astype(float))

    def gain(self, model: str, other: str) -> Values:
        """pass@1 of a model minus another's."""
        return minus(self.of(model, "correct"), self.of(other, "correct"))

    def saved(self, model: str, other: str, of: str) -> Values:
        """Tokens that a model saves against another, as a share of a third one's mean."""
        whole = {seed: values.mean() for seed, values in self.of(of, "tokens").items()}
        saved = minus(self.of(other, "tokens"), self.of(model, "tokens"))
        return {seed: values / whole[seed] for seed, values in saved.items()}


def judged(results: Results[Settings]) -> Page:
    """Judge every method by the tokens that it saves and the accuracy that it costs, and what traces teach."""
    settings, bounds = results.settings, results.settings.bounds
    measured, data = Measured(results.table("samples")), results.table("data")

    def estimate(values: Values) -> Effect:
        return effect(values, bounds)

    excess = estimate(measured.saved(SHORT, LONG, SHORT))
    control = estimate(measured.saved(CONTROL, LONG, LONG))
    pays = estimate(measured.gain(LONG, SHORT))
    claims = [
        claim(
            "long_is_longer",
            "The long model writes more tokens than the short one, as a share of the short one's.",
            *(excess, bounds.shorter, exceeds(excess, bounds.shorter)),
            control=True,
        ),
        claim(
            "random_right_stays_long",
            f"Fine-tuned on random right completions ({CONTROL}), the long model does not save the share of its tokens "
            "that counts.",
            *(control, bounds.shorter, below(control, bounds.shorter)),
            control=True,
        ),
        claim(
            "long_pays", "The long model is more accurate than the short one (pass@1).", pays, 0.0, exceeds(pays, 0.0)
        ),
    ]
    for method in settings.methods:
        saved, lost = estimate(measured.saved(method, LONG, LONG)), estimate(measured.gain(method, LONG))
        claims += [
            claim(
                f"{method}_saves",
                f"{method} saves tokens of the long model, as a share.",
                *(saved, bounds.shorter, exceeds(saved, bounds.shorter)),
            ),
            claim(
                f"{method}_stays_right",
                f"{method} does not lose more pass@1 of the long model than the bound.",
                *(lost, -bounds.margin, exceeds(lost, -bounds.margin)),
            ),
        ]
    claims += _of_traces(measured, settings)
    verdicts = {one["id"]: one["verdict"] for one in claims}
    merged = next(list(arm.weights) for arm in settings.arms.values() if isinstance(arm, Merge))
    return Page(
        title=TITLE,
        answer=_answer(settings, verdicts),
        design=_design(settings),
        claims=claims,
        figure=pareto(_panels(measured, settings), [name for name in measured.models if name.startswith("merged_")]),
        caption="Every model's tokens per completion and pass@1: means over seeds and problems with intervals. Up and "
        f"to the left is better; the dashed line joins the models that none beats in both. Squares: weights of the "
        f"long model {', '.join(f'{weight:g}' for weight in merged[1:-1])}.",
        not_shown=[
            "The long model is long because it works out and tries what the short one guesses or gives up. A large "
            "model repeats itself too, which may be easier to leave out.",
            "Problems with one short answer; equations have a shortest chain of thought, since the tries before the "
            "right one are needed.",
            f"RL has {settings.max_steps} steps and every fine-tuning {settings.examples} examples: a method that does "
            "not shorten here may do so with more.",
            "Tokens are counted at one temperature and one limit; a completion that the limit cuts short is wrong.",
        ],
        tables=[_places(measured, settings), _learned_from(data, settings)],
    )


def _of_traces(measured: Measured, settings: Settings) -> list[dict[str, Any]]:
    """The claim that a short model gains most from the long one's traces."""
    bounds = settings.bounds
    gain = effect(measured.gain(LONG_TRACES, SHORT), bounds)
    beats = effect(measured.gain(LONG_TRACES, SHORT_TRACES), bounds)
    most = effect(minus(measured.gain(LONG_TRACES, SHORT), measured.gain(CONTROL, LONG)), bounds)
    return [
        claim(
            "long_traces_teach",
            "Fine-tuned on the long model's right completions, the short model gains pass@1.",
            *(gain, 0.0, exceeds(gain, 0.0)),
        ),
        claim(
            "long_traces_teach_more",
            "It gains more from them than from as many right completions of its own.",
            *(beats, 0.0, exceeds(beats, 0.0)),
        ),
        claim(
            "short_gains_most",
            "It gains more from the long model's right completions than the long model does.",
            *(most, 0.0, exceeds(most, 0.0)),
        ),
    ]


def working(settings: Settings, verdicts: dict[str, str]) -> list[str]:
    """Methods that save tokens and stay right."""
    return [
        method
        for method in settings.methods
        if verdicts[f"{method}_saves"] == verdicts[f"{method}_stays_right"] == "supported"
    ]


def _answer(settings: Settings, verdicts: dict[str, str]) -> str:
    """One line that follows from the verdicts, whatever they are."""
    bounds, works = settings.bounds, working(settings, verdicts)
    needs = f"save {bounds.shorter:.0%} of the tokens for at most {100 * bounds.margin:g} points of pass@1"
    found = f"{len(works)} of {len(settings.methods)} methods {needs}" + (f": {', '.join(works)}" if works else "")
    traces = {
        "supported": "a short model learns more from the long one's traces than from its own",
        "not supported": "a short model does not learn more from the long one's traces than from its own",
        "inconclusive": "whether a short model learns more from the long one's traces than from its own is undecided",
    }[verdicts["long_traces_teach_more"]]
    return f"{found}; {traces}."


def _panels(measured: Measured, settings: Settings) -> dict[str, dict[str, Point]]:
    levels = [level for level in LEVELS if level in set(measured.table["level"])]
    return {
        f"{LEVELS[level]} level": {
            model: Point(
                effect(measured.of(model, "tokens", level), settings.bounds),
                effect(measured.of(model, "correct", level), settings.bounds),
            )
            for model in measured.models
        }
        for level in levels
    }


def _places(measured: Measured, settings: Settings) -> Table:
    """Tokens and accuracy of every model, and right answers per 1,000 tokens."""
    rows = []
    for model in measured.models:
        cells = [model]
        for column, scale in (("tokens", 1), ("correct", 100)):
            found = effect(measured.of(model, column), settings.bounds)
            mean, low, high = (scale * found[key] for key in ("effect", "low", "high"))
            cells.append(f"{mean:.1f} [{low:.1f}, {high:.1f}]")
        right, tokens = (np.mean([*measured.of(model, column).values()]) for column in ("correct", "tokens"))
        cells.append(f"{1000 * right / tokens:.1f}")
        rows.append(cells)
    return Table(
        "Tokens and accuracy",
        "Both levels together; means over seeds and problems with intervals, and right answers per 1,000 tokens.",
        ["model", "tokens per completion", "pass@1 %", "right per 1,000 tokens"],
        rows,
    )


def _learned_from(data: pd.DataFrame, settings: Settings) -> Table:
    """What the arms with examples learned from."""
    known = data[data["examples"] > 0]
    rows = []
    for arm in settings.arms:
        if len(of_arm := known[known["arm"] == arm]):
            means = of_arm[["examples", "tokens", "mean_tokens"]].mean()
            rows.append([arm, f"{means['examples']:.0f}", f"{means['tokens']:.1f}", f"{means['mean_tokens']:.1f}"])
    return Table(
        "What was learned from",
        "Examples or pairs, means over seeds: tokens of the completion to learn from, of dpo the chosen one, beside "
        "the mean of its problem's right completions.",
        ["arm", "examples", "tokens", "mean tokens of right ones"],
        rows,
    )


def _design(settings: Settings) -> list[str]:
    return [
        f"The long model is {settings.inputs.long}, the short one {settings.inputs.short}.",
        "merge averages the weights of both. length_reward is RL of the long model with Kimi k1.5's length reward, "
        f"{settings.max_steps} steps of {settings.rollouts} rollouts. shortest and {CONTROL}, its control, fine-tune "
        f"it on one of its own right completions per problem, of {settings.candidates} on each of {settings.problems} "
        "problems; dpo prefers the shortest right one to a wrong one that is longer, or a right one that is "
        f"{settings.longer:g} times as long. {LONG_TRACES} fine-tunes the short model on the examples of {CONTROL}, "
        f"{SHORT_TRACES} on as many of its own.",
        f"Every model is evaluated on {settings.evaluated} problems of each level, {settings.samples} completions each "
        f"of up to {settings.max_new_tokens} tokens. A method works if it saves {settings.bounds.shorter:.0%} of the "
        f"long model's tokens and loses at most {100 * settings.bounds.margin:g} points of pass@1, with confidence.",
    ]
