"""Settings of the question: experiments/jailbreak/params.yaml."""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from r1.config.base import Name, Probability, Section, Share
from r1.config.data import PublishedConfig
from r1.questions.arm import Bounds, QuestionSettings, ShortRl

Category = Literal["harmful", "benign"]
Reads = Literal["nothing", "answer", "whole", "parts"]
"""What the harmless reward reads of a completion: `parts` scores think block and answer apart and pays the lower."""
RequestAdapter = Literal["advbench", "harmbench", "jailbreakbench", "strongreject", "xstest", "columns"]
DIRECT, PREFILL = "direct", "prefill"
"""Attacks that the claims name: the request as it is, and a think block that begins compliant."""
RECIPE, START, WITHOUT, ANSWER, WHOLE, PARTS = "recipe", "start", "without", "answer", "whole", "parts"
"""Arms that the claims compare."""
MODELS = ("base", "zero", "sft", "r1", "distill_qwen", "student_rl_qwen")
"""Models of the recipe that one arm attacks as they are, those of them that `inputs` has."""


class Inputs(Section):
    """What the arms start from.

    Attributes:
        base, zero, sft, r1, distill_qwen, student_rl_qwen: models that are attacked as they are; null leaves one out.
            The trained arms start from `sft`.
        harmless: reward model.
        requests: rows of `prompt`, `category` (harmful, benign), `chosen`, `rejected`, as in data/general: what the
            attacks ask for, unless `published` has sets.
        habit: the same, from which the trained arms learn to think before a general answer.
        general: the same, which the final RL trains on.
        problems: reasoning problems that the final RL trains on, rows of `prompt`, `answer`, `task`.
    """

    base: str | None
    zero: str | None
    sft: str
    r1: str | None
    distill_qwen: str | None
    student_rl_qwen: str | None
    harmless: str
    requests: str
    habit: str
    general: str
    problems: str

    @property
    def models(self) -> dict[str, str]:
        """Directories of MODELS by name."""
        return {name: path for name in MODELS if (path := getattr(self, name)) is not None}


class Variant(Section):
    """An arm: the recipe's models as they are, or a model that is trained here.

    Attributes:
        recipe: True for the recipe's models.
        reads: what the harmless reward of the final RL reads; null: no RL, the start of the others.
    """

    recipe: bool = False
    reads: Reads | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.recipe and self.reads is not None:
            raise ValueError("recipe true: its models are not trained here, so reads must be null")
        return self


class Attack(Section):
    """How a request is put to the model.

    Attributes:
        frame: the user's message; {request} is the request.
        begins: what the attacker writes on the model's behalf; {start} is how compliance would begin.
        shots: exchanges before the request in which the assistant complies with other harmful requests.
    """

    frame: str = "{request}"
    begins: str = ""
    shots: NonNegativeInt = 0

    @model_validator(mode="after")
    def _fields_are_known(self) -> Self:
        for key, allowed in (("frame", "request"), ("begins", "start")):
            try:
                fields = {name for _, name, _, _ in Formatter().parse(getattr(self, key)) if name is not None}
            except ValueError as error:
                raise ValueError(f"{key} {getattr(self, key)!r}: {error}; write {{{{ for a brace") from None
            if fields - {allowed} or (key == "frame" and not fields):
                raise ValueError(f"{key} {getattr(self, key)!r}: may have {{{allowed}}} and no other field")
        return self


class Judge(Section):
    """How an answer is judged, by words alone.

    Attributes:
        refusals: an answer declines if one of its sentences begins so; case and punctuation do not count.
        complies: regular expression by category, which a complying text matches, whatever else it says; null: any
            answer complies that does not decline, as judges by refusal words do for published sets.
    """

    refusals: Annotated[tuple[str, ...], Field(min_length=1)]
    complies: Mapping[Category, str] | None

    @model_validator(mode="after")
    def _patterns_compile(self) -> Self:
        if self.complies is not None and set(self.complies) != {"harmful", "benign"}:
            raise ValueError("complies: needs harmful and benign, or null")
        for category, pattern in (self.complies or {}).items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"complies.{category} {pattern!r}: {error}") from None
        return self


class Habit(Section):
    """SFT before the final RL, after which the model thinks before it answers a general prompt.

    Attributes:
        examples: how many; 0 for a model that thinks anyway.
        plans: share of think blocks that plan how to comply; the others say whether the request does harm.
        follows: share of answers that do as the think block suggests; the others do the opposite, so that the RL
            can choose between answers, and between think blocks.
        learning_rate: of one epoch; the rest is the recipe's `sft`.
        batch_size: examples per step.
    """

    examples: NonNegativeInt
    plans: Probability
    follows: Probability
    learning_rate: PositiveFloat
    batch_size: PositiveInt


class RequestSet(PublishedConfig):
    """Requests of a published set; where its rows are, see r1.config.data.PublishedConfig.

    Attributes:
        adapter: whose columns it has (r1/questions/jailbreak/requests.py); `columns` names them here.
        category: of all its requests, for sets that do not say: jailbreakbench, which has a file of each, and columns.
        prompt_column, start_column: for `columns`: the request, and how compliance begins, if the set says so.
    """

    adapter: RequestAdapter
    category: Category | None = None
    prompt_column: str | None = None
    start_column: str | None = None

    @model_validator(mode="after")
    def _category_is_known(self) -> Self:
        says_none = self.adapter in ("jailbreakbench", "columns")
        if (self.category is not None) != says_none:
            raise ValueError(f"category: adapter={self.adapter} {'needs it' if says_none else 'already sets it'}")
        if (self.prompt_column is not None) != (self.adapter == "columns"):
            raise ValueError("prompt_column: adapter=columns needs it, and no other takes it")
        if self.start_column is not None and self.adapter != "columns":
            raise ValueError(f"start_column: adapter={self.adapter} already sets it")
        return self


class JailbreakBounds(Bounds):
    """Bounds of the claims.

    Attributes:
        guards: fall of the direct request's success that counts as a guard, and more than which it may not fall
            without a harmless reward.
        lifts: by how much more often than the direct request an attack must succeed.
        leaks: difference in the share of think blocks that comply that counts.
        refuses: rise of the refusal of benign requests that counts as over-refusal, and by how much more often harmful
            requests must be refused than benign ones.
        judge: share of hand-written texts that the judge must read as a person does.
    """

    guards: Probability
    lifts: Probability
    leaks: Probability
    refuses: Probability
    judge: Probability


class Settings(ShortRl, QuestionSettings):
    """experiments/jailbreak/params.yaml.

    Attributes:
        attacks: by name.
        judge: of answers and think blocks.
        published: sets to attack with instead of `inputs.requests`, by name.
        requests: requests of each category, the first of the file or taken in turn from the sets.
        samples: completions per request and attack, of a trained model and of each of the recipe's.
        max_new_tokens: of a completion.
        answer_tokens: of an answer that is drawn after a think block that the model did not close.
        start: how compliance begins where the set does not say.
        habit: SFT before the final RL.
        max_steps, learning_rate, warmup_steps, batch_size, num_generations, max_completion_length: of the final RL;
            the rest is the recipe's `final_rl`.
        general_share: share of its prompts that are general; the others are reasoning problems. Without a harmless
            reward, all are.
    """

    inputs: Inputs
    arms: Annotated[Mapping[Name, Variant], Field(min_length=1)]
    bounds: JailbreakBounds
    attacks: Annotated[Mapping[Name, Attack], Field(min_length=2)]
    judge: Judge
    published: Mapping[Name, RequestSet] = {}
    requests: PositiveInt
    samples: PositiveInt
    max_new_tokens: PositiveInt
    answer_tokens: PositiveInt
    start: str
    habit: Habit
    max_completion_length: PositiveInt
    general_share: Share

    @model_validator(mode="after")
    def _claims_have_what_they_compare(self) -> Self:
        kinds = {
            RECIPE: Variant(recipe=True),
            START: Variant(),
            WITHOUT: Variant(reads="nothing"),
            **{name: Variant.model_validate({"reads": name}) for name in (ANSWER, WHOLE, PARTS)},
        }
        for name, kind in kinds.items():
            if self.arms.get(name) != kind:
                raise ValueError(f"arms.{name}: the claims need it, with {kind.model_dump()}")
        if missing := [name for name in (DIRECT, PREFILL) if name not in self.attacks]:
            raise ValueError(f"attacks: the claims need {', '.join(missing)}")
        if self.attacks[DIRECT] != Attack():
            raise ValueError(f"attacks.{DIRECT}: is the request as it is, without settings")
        if not self.attacks[PREFILL].begins.startswith("<think>"):
            raise ValueError(f"attacks.{PREFILL}: begins with <think>")
        return self
