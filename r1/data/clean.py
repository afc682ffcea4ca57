"""Turn the rows of a data set into problems, or drop them and count why.

Each dropped row would do silent harm: a gold answer that its own verifier rejects never earns a reward, a special
token in a prompt ends the user's turn early, and invisible characters hide from a reader what the model is asked.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import islice
from typing import Any, Literal

from r1.config.data import DataSetConfig
from r1.data.adapters import AdapterReason, Question, adapter_of
from r1.data.general import GeneralPrompt
from r1.data.sources import SourceReason, rows
from r1.rewards.accuracy import are_correct
from r1.sandbox.examine import BrokenTests
from r1.support.errors import UserError
from r1.tasks import Problem, code, mathematics, normalise

MAX_PROMPT_CHARACTERS = 20_000
"""About 5,000 tokens: longer than any problem, shorter than a document pasted into the column."""

Reason = (
    SourceReason
    | AdapterReason
    | Literal[
        "missing_prompt",
        "prompt_not_text",
        "prompt_too_long",
        "empty_prompt",
        "response_too_long",
        "chat_markup",
        "missing_answer",
        "answer_not_text",
        "answer_unverifiable",
        "lone_surrogates",
        "control_characters",
        "lost_characters",
        "invisible_characters",
        "duplicate",
        "duplicate_with_other_answer",
    ]
)

_PIECE = 1000
"""Rows per batch, so that gold answers are verified in parallel."""
_NOTHING = {"nan", "none", "null", "<na>", "nat"}
"""None and NaN after a careless conversion to text."""
_BROKEN: dict[Reason, re.Pattern[str]] = {
    "lone_surrogates": re.compile("[\ud800-\udfff]"),
    "control_characters": re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"),  # C0 and C1 except tab and newline
    "lost_characters": re.compile("\ufffd"),  # a decoder's substitute for bytes it could not read
}
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point: zero-width, bidirectional controls, fillers, tags, variation selectors."""
_JOINERS, _MARKS = "\u200c\u200d", "\u061c\u200e\u200f"
_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_CHAT_MARKUP = re.compile(
    r"<[|｜][\w▁]{2,40}[|｜]>"  # <|im_end|>, <|end|>, <｜User｜>
    r"|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>|\[PAD\]"
    r"|</?(?:think|answer)>"
    r"|(?im:^[\s#*]*assistant\s*:)"
)
"""Special tokens of common tokenizers, our own templates' tags, and an assistant turn.

User and system turns are allowed: "System: x + y = 1, x - y = 3", "Human : apes = 3 : 4".
"""
_PARTS = re.compile(r"[\w+*/()-]+|[<>=≤≥≠^]|(?<=[\d)])!|(?<=\b[a-z])!|(?<=\d)[.,](?=\d)")


class NothingUsable(UserError):
    """A data set has no usable row."""


def clean(name: str, data_set: DataSetConfig) -> tuple[list[Problem], Counter[str]]:
    """The distinct problems of a data set in file order, and the number of dropped rows by reason.

    Raises:
        UserError: if the file cannot be used; names data set and file.
        NothingUsable: if no row can be used; gives the counts by reason.
    """
    problems: list[Problem] = []
    reasons: Counter[str] = Counter()
    answers: dict[str, str] = {}
    repeated: dict[bytes, Reason] = {}  # outcome for a repeated row: DAPO's file repeats each a hundred times
    adapter = adapter_of(data_set)
    read = rows(f"prepare.data_sets.{name}", data_set, adapter.columns)
    while piece := list(islice(read, _PIECE)):
        converted = [row if isinstance(row, str) else adapter.convert(row) for row in piece]
        fresh = {_fingerprint(one): one for one in converted if isinstance(one, Question)}
        fresh = {fingerprint: one for fingerprint, one in fresh.items() if fingerprint not in repeated}
        examined = dict(zip(fresh, usable_problems(list(fresh.values()), adapter.task), strict=True))
        for one in converted:
            found: Reason | Problem
            if isinstance(one, Question):
                fingerprint = _fingerprint(one)
                found = repeated.get(fingerprint) or examined[fingerprint]
                if isinstance(found, Problem) and _identity(found) in answers:
                    found = "duplicate" if answers[_identity(found)] == found.answer else "duplicate_with_other_answer"
                repeated[fingerprint] = "duplicate" if isinstance(found, Problem) else found
            else:
                found = one
            if isinstance(found, Problem):
                answers[_identity(found)] = found.answer
                problems.append(found)
            else:
                reasons[found] += 1
    if not problems:
        raise NothingUsable(f"prepare.data_sets.{name}: {data_set.path}: {tally(0, reasons)}")
    return problems, reasons


def tally(kept: int, reasons: Counter[str]) -> str:
    """The counts as text, most frequent reason first."""
    dropped = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    return f"{kept} of {kept + reasons.total()} rows can be used" + (f" ({dropped})" if dropped else "")


def usable_problems(questions: Sequence[Question], task: str) -> list[Problem | Reason]:
    """Each question as a problem, or why it is unusable; the verifier must accept its solution, or the answer if none.

    >>> [problem.answer for problem in usable_problems([Question("What is 3 + 4?", 7.0)], "chain_sum")]
    ['7']
    >>> usable_problems([Question("What is 3 + 4?", "seven")], "chain_sum")
    ['answer_unverifiable']
    """
    read = [_read(question.prompt, question.answer, task) for question in questions]
    golds = {
        (found.answer, question.solution)
        for found, question in zip(read, questions, strict=True)
        if isinstance(found, Problem)
    }
    verifiable = _verifiable(sorted(golds, key=repr), task)
    return [
        "answer_unverifiable"
        if isinstance(found, Problem) and (found.answer, question.solution) not in verifiable
        else found
        for found, question in zip(read, questions, strict=True)
    ]


def _read(prompt: Any, answer: Any, task: str) -> Problem | Reason:
    if (refused := _no_prompt_because(prompt)) is not None:
        return refused
    if _is_missing(answer):
        return "missing_answer"
    written = _as_text(answer)
    if written is None:
        return "answer_not_text"
    question, gold = _tidy(prompt), _tidy(written)
    if not gold:
        return "missing_answer"
    broken = _broken_because(question) or _broken_because(gold)
    if broken is not None:
        return broken
    return _nothing_asked_because(question) or Problem(task, question, gold, expressions=())


def usable_prompt(found: GeneralPrompt) -> GeneralPrompt | Reason:
    """A cleaned general prompt, or why it is unusable; only the rejected response may be empty."""
    if (refused := _no_prompt_because(found.prompt)) is not None:
        return refused
    prompt, chosen, rejected = _tidy(found.prompt), _tidy(found.chosen), _tidy(found.rejected)
    if not chosen:
        return "missing_answer"
    for text in (prompt, chosen, rejected):
        if len(text) > MAX_PROMPT_CHARACTERS:
            return "response_too_long"
        if (broken := _broken_because(text)) is not None:
            return broken
        if _CHAT_MARKUP.search(text):
            return "chat_markup"
    return _nothing_asked_because(prompt) or replace(found, prompt=prompt, chosen=chosen, rejected=rejected)


def _no_prompt_because(prompt: Any) -> Reason | None:
    if _is_missing(prompt):
        return "missing_prompt"
    if not isinstance(prompt, str):
        return "prompt_not_text"
    return "prompt_too_long" if len(prompt) > MAX_PROMPT_CHARACTERS else None


def _nothing_asked_because(question: str) -> Reason | None:
    if not normalise(question):  # only white space and punctuation
        return "empty_prompt"
    return "chat_markup" if _CHAT_MARKUP.search(question) else None


def _tidy(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _fingerprint(question: Question) -> bytes:
    """Hash of the exact question and answer, of any type."""
    said = f"{type(question.answer)}\0{question.answer}\0{question.prompt}"
    return blake2b(said.encode(errors="surrogatepass"), digest_size=16).digest()


def _identity(problem: Problem) -> str:
    """A key that keeps apart what `normalise` merges: x < 3 and x > 3, 5! and 5, 1.5 and 1 5.

    Finer than `Problem.identity`, which still decides the split: problems that differ by a sign share one. Generated
    problems never need the distinction.
    """
    return " ".join(_PARTS.findall(unicodedata.normalize("NFKC", problem.question).lower()))


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in _NOTHING
    return value is None or value != value  # NaN


def _as_text(answer: Any) -> str | None:
    """An answer as text, or None if it has no single way to be written.

    An integral float was an integer that shared its column with a NaN.
    """
    if isinstance(answer, float) and answer.is_integer() and abs(answer) < 2**53:
        return str(int(answer))
    if isinstance(answer, str | int | float) and not isinstance(answer, bool):
        text = str(answer)
        return text if isinstance(answer, str) or not re.search("e|inf", text) else None
    return None


def _broken_because(text: str) -> Reason | None:
    for reason, pattern in _BROKEN.items():
        if pattern.search(text):
            return reason
    if any(not _is_needed(text, match.start()) for match in _INVISIBLE.finditer(text)):
        return "invisible_characters"
    return None


def _is_needed(text: str, index: int) -> bool:
    """True for an invisible character that its script needs; right-to-left and Indic text is full of them.

    Needed are joiners between non-ASCII characters (Persian and Hindi words, emoji families); a single variation
    selector on a character; and direction marks, which reorder only punctuation, in text with right-to-left letters.
    Overrides and embeddings never are.
    """
    character = text[index]
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    if character in _JOINERS:
        return _is_joined(before) and _is_joined(after)
    if _SELECTOR.match(character):
        return bool(before) and not before.isspace() and not _INVISIBLE.match(before)
    letters = (letter for letter in text if letter not in _MARKS)  # two of the marks count as right-to-left themselves
    return character in _MARKS and any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in letters)


def _is_joined(neighbour: str) -> bool:
    visible = not _INVISIBLE.match(neighbour) or _SELECTOR.match(neighbour) is not None
    return neighbour > "\x7f" and not neighbour.isspace() and visible


def _verifiable(golds: Sequence[tuple[str, str | None]], task: str) -> set[tuple[str, str | None]]:
    """The (gold, solution) pairs for which a response with the solution, or the gold if there is none, is rewarded."""

    def rewarded(answers: Sequence[str], golds: Sequence[str]) -> list[bool]:
        responses = [f"<think>.</think><answer>{answer}</answer>" for answer in answers]
        return are_correct(responses, [task] * len(golds), golds)

    if task == code.NAME:
        return {(tests, solution) for tests, solution in golds if solution is not None and _passes(solution, tests)}
    plain = [gold for gold, _ in golds]
    verified = {gold for gold, is_so in zip(plain, rewarded(plain, plain), strict=True) if is_so}
    if task == mathematics.NAME:  # its own letters equal any gold
        ordered = sorted(verified)
        verified = {gold for gold, is_so in zip(ordered, mathematics.readable(ordered), strict=True) if is_so}
    return {one for one in golds if one[0] in verified}


def _passes(solution: str, tests: str) -> bool:
    try:
        return code.verify(solution, tests)
    except BrokenTests:
        return False
