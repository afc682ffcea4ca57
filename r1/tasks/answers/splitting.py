"""Splits LaTeX where no bracket is open."""

import re

_BRACKETS = re.compile(r"\\begin(?![A-Za-z])|\\end(?![A-Za-z])|\\[{}]|[{}()\[\]]")
_OPENING = {"\\begin", "\\{", "{", "(", "["}


def depths(text: str) -> list[int]:
    """How many brackets are open before each character; the kind of a bracket makes no difference, as in [2, 5)."""
    levels, depth, at = [0] * len(text), 0, 0
    for bracket in _BRACKETS.finditer(text):
        levels[at : bracket.start()] = [depth] * (bracket.start() - at)
        at = bracket.start()
        depth += 1 if bracket[0] in _OPENING else -1
        levels[at] = max(depth, levels[at - 1] if at else 0) if bracket[0] in _OPENING else depth + 1
        levels[at : bracket.end()] = [levels[at]] * (bracket.end() - at)
        at = bracket.end()
    levels[at:] = [depth] * (len(text) - at)
    return levels


def split(text: str, separator: str) -> list[str]:
    """Parts between the separators outside all brackets.

    >>> split("(1, 2), 3 or 4", ",| or ")
    ['(1, 2)', ' 3', '4']
    """
    levels, parts, at = depths(text), [], 0
    for found in re.finditer(separator, text):
        if levels[found.start()] == 0:
            parts.append(text[at : found.start()])
            at = found.end()
    return [*parts, text[at:]]


def is_whole(inside: str) -> bool:
    """What stands between the first and the last bracket closes every bracket that it opens, and no other."""
    depth = 0
    for bracket in _BRACKETS.findall(inside):
        depth += 1 if bracket in _OPENING else -1
        if depth < 0:
            return False
    return depth == 0
