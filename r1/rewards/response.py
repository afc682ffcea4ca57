"""Properties of a model's response: its parts, language and readability.

Every function is total: it returns a value for any string, so that rewards never raise inside a training loop.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

Language = Literal["en", "zh"]

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
# Latin without × and ÷; Greek, which occurs in formulas.
_LATIN = r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u03ff\u1e00-\u1eff"
_WORD = re.compile(rf"(?P<zh>[{_HAN}])|(?P<en>[{_LATIN}]+)|(?P<other>[^\W\d_{_LATIN}{_HAN}]+)")
_TAG = re.compile(r"</?(?:think|answer)>")
_TAGS_IN_ORDER = ["<think>", "</think>", "<answer>", "</answer>"]
_IMAGINARY = re.compile(r"(?<=\d)i\b")
_ANSWER_LEAD = re.compile(r"^(?:so\s+)?(?:the\s+)?(?:final\s+)?answer(?:\s+is|:)\s*|^答案是\s*", re.IGNORECASE)
_REFLECTIVE = ("wait", "check", "recheck", "re-check", "verify", "however", "mistake", "reconsider")
_LET_ME = ("see", "double", r"re\w+")
_REFLECTIVE_ZH = ("等等", "检查", "验算")
_REFLECTION = re.compile(
    rf"\b(?:{'|'.join(_REFLECTIVE)}|let me (?:{'|'.join(_LET_ME)}))\b|{'|'.join(_REFLECTIVE_ZH)}", re.IGNORECASE
)
_TO_FORBID = (*_REFLECTIVE, "let me see", "let me double", "let me re")
REFLECTION_WORDS = (*_TO_FORBID, *(words.capitalize() for words in _TO_FORBID), *_REFLECTIVE_ZH)
"""What `count_reflections` counts, as words to forbid: lower-case and capitalised, whatever follows "let me re"."""


@dataclass(frozen=True)
class Response:
    """The parts of one completion.

    Attributes:
        reasoning: the chain of thought; in an untagged completion, all lines but the last.
        summary: what the user reads after the reasoning, without answer tags.
        answer: the final answer, or None if there is none or more than one.
        well_formed: True if the completion is exactly one `<think>…</think>` followed by one `<answer>…</answer>`
            (a summary may come between).
    """

    reasoning: str
    summary: str
    answer: str | None
    well_formed: bool


def parse_response(completion: str) -> Response:
    """Split a completion into reasoning, summary and final answer (R1-Zero's form, paper Table 1).

    In a completion without tags the last nonempty line is the answer ("The answer is 9." or "9"), so that a base model
    is not marked wrong only because it has not learned the form. A completion with broken, repeated or nested tags has
    no answer: otherwise a model could give several guesses and be paid for one.

    >>> parse_response("<think>2 + 2 = 4.</think><answer>4</answer>").answer
    '4'
    >>> parse_response("<answer>4</answer><answer>5</answer>").answer is None
    True
    """
    tags = _TAG.findall(completion)
    if tags == _TAGS_IN_ORDER:
        before, reasoning, between, answer, after = (part.strip() for part in _TAG.split(completion))
        if not before and not after:
            return Response(reasoning, f"{between}\n{answer}".strip(), answer or None, True)
    if tags:
        return Response(_TAG.sub(" ", completion).strip(), "", None, False)
    lines = [line.strip() for line in completion.splitlines() if line.strip()]
    if not lines:
        return Response("", "", None, False)
    answer = _ANSWER_LEAD.sub("", lines[-1]).rstrip(".。 ")
    return Response("\n".join(lines[:-1]), lines[-1], answer or None, False)


def language_shares(text: str) -> dict[str, float]:
    """Share of words per language; empty if the text has no words.

    A Han character counts as a Chinese word, a run of Latin or Greek letters as an English word; words in other scripts
    (Cyrillic, kana, …) count as neither, which lowers both shares. Digits, operators, tags and the imaginary unit are
    ignored. Letterlike symbols (ℝ, µ, 𝑥) count as their base letters.
    """
    bare = _IMAGINARY.sub("", _TAG.sub(" ", text))
    if not bare.isascii():
        bare = unicodedata.normalize("NFKC", bare)
    words = Counter(match.lastgroup for match in _WORD.finditer(bare))
    total = words.total()
    return {language: words[language] / total for language in get_args(Language)} if total else {}


def is_mixed(text: str, language: str = "en") -> bool:
    """True if any word is in a language other than `language`."""
    shares = language_shares(text)
    return bool(shares) and shares.get(language, 0.0) < 1.0


def count_reflections(text: str) -> int:
    """Count reflective words ('wait', 'check' and the like; paper supplement, Figure 9 (a))."""
    return len(_REFLECTION.findall(text))


def unreadable_because(text: str, language: str = "en", max_paragraph_words: int = 40) -> str | None:
    """Why a response is hard to read, or None: the filters of R1's rejection sampling (paper section 2.3.3).

    Args:
        text: the full response.
        language: the expected language.
        max_paragraph_words: maximum words and numbers in a line.

    Returns:
        'mixed_language', 'code_block', 'long_paragraph', 'repetition' or None.
    """
    if is_mixed(text, language):
        return "mixed_language"
    if "```" in text:
        return "code_block"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any(len(line.split()) > max_paragraph_words for line in lines):
        return "long_paragraph"
    if len(lines) >= 4 and len(set(lines)) <= len(lines) // 2:
        return "repetition"
    return None
