"""A completion's reasoning and answer, told apart while it streams in."""

from collections.abc import Iterator, Sequence
from typing import Literal

Part = Literal["think", "answer"]
_TAGS: dict[str, Part] = {"<think>": "think", "</think>": "answer", "<answer>": "answer", "</answer>": "answer"}


class Parts:
    """Splits streamed text at R1's tags, which it leaves out; text without tags is the answer.

    >>> parts = Parts()
    >>> [*parts.feed("<thi"), *parts.feed("nk>2 + 2</think><answer>4</ans"), *parts.feed("wer>"), *parts.finish()]
    [('think', '2 + 2'), ('answer', '4')]
    """

    def __init__(self, opened: bool = False, hidden: Sequence[str] = ()) -> None:
        """Args: whether the generation prompt has opened the think block; strings to leave out, such as stop tokens."""
        self.part: Part = "think" if opened else "answer"
        self.marks: dict[str, Part | None] = {**dict.fromkeys(filter(None, hidden)), **_TAGS}
        self.kept = ""

    def feed(self, text: str) -> Iterator[tuple[Part, str]]:
        """Yield what is certain after more text; what may become a tag waits."""
        self.kept += text
        while found := min(((self.kept.find(mark), mark) for mark in self.marks if mark in self.kept), default=None):
            start, mark = found
            if start:
                yield self.part, self.kept[:start]
            self.kept = self.kept[start + len(mark) :]
            self.part = self.marks[mark] or self.part
        certain = len(self.kept) - self._waiting()
        if certain:
            yield self.part, self.kept[:certain]
            self.kept = self.kept[certain:]

    def finish(self) -> Iterator[tuple[Part, str]]:
        """Yield what waited for the rest of a tag that never came."""
        if self.kept:
            yield self.part, self.kept
            self.kept = ""

    def _waiting(self) -> int:
        """Length of the longest end that a tag may begin with."""
        longest = max(map(len, self.marks)) - 1
        ends = range(min(longest, len(self.kept)), 0, -1)
        return next((n for n in ends if any(mark.startswith(self.kept[-n:]) for mark in self.marks)), 0)


def split(text: str, opened: bool = False, hidden: Sequence[str] = ()) -> dict[Part, str]:
    """A whole completion's parts, each without white space around it."""
    parts = Parts(opened, hidden)
    joined: dict[Part, str] = {"think": "", "answer": ""}
    for part, piece in (*parts.feed(text), *parts.finish()):
        joined[part] += piece
    return {part: piece.strip() for part, piece in joined.items()}
