"""Decontamination: find training prompts that share n consecutive words with an evaluation prompt.

The standard test, with n from 8 (open-r1, github.com/huggingface/open-r1, scripts/decontaminate.py) to 13 (GPT-3,
arXiv 2005.14165, appendix C). It finds what comparing full prompts misses: a problem quoted in a longer one, or with
another last sentence. It compares words, not meaning: "Let a, b and c be positive real numbers such that" is ten words
of many problems, and a row is dropped for it; a paraphrase passes.

Unlike open-r1's, it uses the words of `normalise`, so that punctuation, LaTeX's backslashes and Unicode variants hide
nothing; and it compares prompts of fewer than n words in full, where open-r1 skips them.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

from r1.tasks import normalise

_PRIME = 2**64 - 59
_BASE = 0x9E3779B97F4A7C15
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao; Burmese; Khmer
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # kana, Han
)
"""Characters of scripts without spaces between words."""


def words(text: str) -> list[str]:
    """The words of `normalise`, without brackets and Markdown's asterisks around letters: "(see" is "see", "(5" stays.

    In a script without spaces each character is a word; otherwise a full Chinese clause would be one. So n consecutive
    words are a shorter stretch of Chinese than of English, and more is dropped.

    >>> words("What is 5 - 3,\\nTom?"), words("小明有 15 个苹果。")
    (['what', 'is', '5', '-', '3', 'tom'], ['小', '明', '有', '15', '个', '苹', '果'])
    """
    if not text.isascii():
        text = _SPACELESS.sub(r" \g<0> ", unicodedata.normalize("NFKC", text))
    return [bare if (bare := word.strip("*()")).isalpha() else word for word in normalise(text).split()]


class EvaluationNgrams:
    """The word n-grams of evaluation prompts, as 64-bit hashes; prompts checked against them are streamed.

    The hash is Rabin-Karp's: a polynomial in the words' own hashes modulo a prime, which rolls by one word in constant
    time. Two different n-grams collide with a probability near 2**-64: 10 million n-grams against 300,000 collide once
    in six million runs. Memory grows with the evaluation prompts only: a word in none of them cannot be part of a
    shared n-gram, and is not stored.

    >>> ngrams = EvaluationNgrams(8)
    >>> ngrams.add("test", ["Tom has five red apples and eats two of them. How many are left?"])
    >>> ngrams.shared_by("Solve: tom has FIVE red apples, and eats two.")
    ['test']
    >>> ngrams.shared_by("Tom has five red apples and eats one.")
    []
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.names: list[str] = []
        self._codes: dict[str, int] = {}
        self._sets: dict[int, int] = {}  # hash to a bit mask of names; small integers are shared objects, sets are not

    def add(self, name: str, prompts: Iterable[str]) -> None:
        """Add an evaluation set, or more prompts to one."""
        if name not in self.names:
            self.names.append(name)
        bit = 1 << self.names.index(name)
        for prompt in prompts:
            codes = [self._codes.setdefault(word, _code(word)) for word in words(prompt)]
            for hashed in _hashes(codes, self.n):
                self._sets[hashed] = self._sets.get(hashed, 0) | bit

    def shared_by(self, prompt: str) -> list[str]:
        """Names of the evaluation sets that share an n-gram with a prompt, or all its words if it has fewer than n."""
        codes = [self._codes.get(word) for word in words(prompt)]
        bits = 0
        for hashed in _hashes(codes, self.n):
            bits |= self._sets.get(hashed, 0)
        return [name for index, name in enumerate(self.names) if bits >> index & 1]

    def find_shared(self, prompts: Iterable[str]) -> tuple[list[bool], dict[str, int]]:
        """Whether each prompt shares an n-gram, and how many do by evaluation set (only sets with any)."""
        contaminated: list[bool] = []
        by_set: Counter[str] = Counter()
        for prompt in prompts:
            shared = self.shared_by(prompt)
            contaminated.append(bool(shared))
            by_set.update(shared)
        return contaminated, dict(sorted(by_set.items()))

    def count(self, prompts: Iterable[str]) -> dict[str, Any]:
        """Count the prompts, those that share an n-gram, and those that share one with each evaluation set."""
        contaminated, by_set = self.find_shared(prompts)
        return {"prompts": len(contaminated), "contaminated": sum(contaminated), "contaminated_by": by_set}


def _code(word: str) -> int:
    """A 64-bit hash of a word, the same in every process, unlike Python's own."""
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big")


def _hashes(codes: Sequence[int | None], n: int) -> Iterator[int]:
    """The hash of each n consecutive codes without a None; of all codes, if there are fewer than n."""
    n = min(n, len(codes))
    leaving = pow(_BASE, n - 1, _PRIME) if n else 0  # factor of a window's first code
    rolled = known = 0
    for index, code in enumerate(codes):
        if code is None:
            rolled = known = 0
            continue
        if known == n:
            first = codes[index - n]
            assert first is not None  # the last n are known
            rolled -= first * leaving
        else:
            known += 1
        rolled = (rolled * _BASE + code) % _PRIME
        if known == n:
            yield rolled
