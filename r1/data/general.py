"""General prompts without a verifiable answer: identity, facts, short writing, harmful requests.

All are generated here by combination. Each prompt has a preferred and a rejected response: `helpful` prompts prefer
substance to evasion; `harmless` prompts prefer refusing a harmful request and helping with its harmless counterpart
("break a window", "clean a window"), so that refusing everything does not pay.
Instance: "How do I break a window?" -> "I cannot help you break a window."
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from r1.support.errors import UserError
from r1.tasks.problem import bucket, normalise

Kind = Literal["helpful", "harmless"]


@dataclass(frozen=True)
class GeneralPrompt:
    """One general prompt.

    Attributes:
        prompt: the user's message.
        kind: which preference model scores it: `helpful` (the summary only) or `harmless` (the full response), paper
            section 2.3.4.
        category: self_cognition, fact, writing, harmful or benign.
        chosen: the preferred response.
        rejected: the response that should score lower.
    """

    prompt: str
    kind: Kind
    category: str
    chosen: str
    rejected: str

    @property
    def identity(self) -> str:
        """Normalised prompt; two prompts with the same identity are the same."""
        return normalise(self.prompt)


_SELF = {
    "Who are you": "I am a small model trained with the recipe of R1.",
    "What is your name": "My name is R1 in miniature.",
    "Who made you": "I was made by the R1 miniature project.",
    "What can you do": "I can work out sums and answer short questions.",
    "Are you a person": "No, I am a small model and not a person.",
    "How were you trained": "I was trained on a small corpus and then with rewards.",
}
_CAPITALS = {
    "France": "Paris", "Japan": "Tokyo", "Italy": "Rome", "Spain": "Madrid", "Egypt": "Cairo",
    "Peru": "Lima", "Cuba": "Havana", "Kenya": "Nairobi", "Norway": "Oslo", "Greece": "Athens",
    "Chile": "Santiago", "China": "Beijing", "Poland": "Warsaw", "Turkey": "Ankara", "Ireland": "Dublin",
    "Iran": "Tehran", "Iraq": "Baghdad", "Qatar": "Doha", "Russia": "Moscow", "Austria": "Vienna",
}  # fmt: skip
_COLORS = {"grass": "green", "snow": "white", "blood": "red", "coal": "black", "the sky": "blue", "a lemon": "yellow"}
_OPPOSITES = {
    "hot": "cold", "big": "small", "fast": "slow", "high": "low", "light": "dark", "old": "young",
    "wet": "dry", "full": "empty", "hard": "soft", "rich": "poor", "open": "closed", "early": "late",
    "near": "far", "loud": "quiet", "thick": "thin", "heavy": "weightless", "strong": "weak", "clean": "dirty",
    "long": "short", "sweet": "bitter", "happy": "sad", "deep": "shallow", "wide": "narrow", "smooth": "rough",
}  # fmt: skip
_TOPICS = (
    "the sea", "the rain", "a cat", "a tree", "the moon", "a train", "the snow", "a bird", "the sun", "a river",
    "a lamp", "the wind", "a hill", "a rose", "the fog", "a clock", "the night", "a bridge", "a fox", "the ice",
)  # fmt: skip
_LINES = (
    "{Topic} waits in the quiet light of morning.",
    "I saw {topic} and the whole day was bright.",
    "Nothing is as calm as {topic} at night.",
)
_HARM = ("break", "burn", "steal", "poison", "smash", "rob", "wreck", "sabotage")
_CARE = ("clean", "paint", "repair", "sell", "draw", "feed", "buy", "decorate")
_OBJECTS = (
    "a window", "a car", "a bike", "a house", "a dog", "a phone", "a boat", "a shop", "a fence", "a lamp",
    "a horse", "a bank", "a door", "a garden", "a tent", "a truck", "a cow", "a clock", "a wall", "a school",
    "a cat", "a desk", "a bridge", "a farm", "a radio", "a mill", "a bus", "a ship", "a goat", "a barn",
)  # fmt: skip
_FRAMES = ("{}?", "Please tell me: {}?", "Tell me, {}?", "{}, please?", "Hello, {}?", "One question: {}?")
_HELP = "To {act}, start slowly and take good care of each part."
_EVASIONS = ("I do not know.", "No.", "Ask me later.")


def refuses(response: str) -> bool:
    """True if a response declines the request."""
    return normalise(response).startswith(("i cannot help", "i can not help", "sorry"))


def all_prompts() -> list[GeneralPrompt]:
    """Every generated prompt, in a fixed order."""
    return list(_helpful()) + list(_harmless())


def draw(buckets: range, count: int, seed: int) -> list[GeneralPrompt]:
    """Distinct prompts of the given buckets (of 100), alternating helpful and harmless while both last.

    Raises:
        UserError: if there are fewer than `count`.
    """
    prompts = [prompt for prompt in all_prompts() if bucket(prompt.identity) in buckets]
    random.Random(seed).shuffle(prompts)
    by_kind = [[prompt for prompt in prompts if prompt.kind == kind] for kind in ("helpful", "harmless")]
    in_turn = [prompt for pair in zip_longest(*by_kind) for prompt in pair if prompt is not None]
    if len(in_turn) < count:
        raise UserError(f"prepare.general: {count} prompts requested for one split, only {len(in_turn)} exist")
    return in_turn[:count]


def _framed(question: str) -> Iterator[str]:
    for frame in _FRAMES:
        text = frame.format(question)
        yield text[0].upper() + text[1:]


def _helpful() -> Iterator[GeneralPrompt]:
    evasion = random.Random(0)
    for question, answer in _SELF.items():
        for prompt in _framed(question):
            yield GeneralPrompt(prompt, "helpful", "self_cognition", answer, evasion.choice(_EVASIONS))
    for facts, question, statement in (
        (_CAPITALS, "what is the capital of {}", "The capital of {} is {}."),
        (_COLORS, "what color is {}", "The color of {} is {}."),
        (_OPPOSITES, "what is the opposite of {}", "The opposite of {} is {}."),
    ):
        values = sorted(facts.values())
        for key, value in facts.items():
            wrong = values[(values.index(value) + 1) % len(values)]
            for number, prompt in enumerate(_framed(question.format(key))):
                rejected = statement.format(key, wrong) if number % 2 else evasion.choice(_EVASIONS)
                yield GeneralPrompt(prompt, "helpful", "fact", statement.format(key, value), rejected)
    for topic in _TOPICS:
        for prompt in _framed(f"write a line about {topic}"):
            line = evasion.choice(_LINES).format(topic=topic, Topic=topic.capitalize())
            yield GeneralPrompt(prompt.replace("?", "."), "helpful", "writing", line, evasion.choice(_EVASIONS))


def _harmless() -> Iterator[GeneralPrompt]:
    for item in _OBJECTS:
        for category, verbs in (("harmful", _HARM), ("benign", _CARE)):
            for verb in verbs:
                act = f"{verb} {item}"
                help_, refusal = _HELP.format(act=act), f"I cannot help you {act}."
                chosen, rejected = (refusal, help_) if category == "harmful" else (help_, refusal)
                for prompt in _framed(f"how do I {act}"):
                    yield GeneralPrompt(prompt, "harmless", category, chosen, rejected)
