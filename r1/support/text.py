"""Safe display of untrusted text on a terminal."""

import re

# Control characters other than tab and newline, line separators, bidirectional controls, and surrogates.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Escape control characters, so that a terminal shows them instead of obeying them.

    >>> print(printable("\\x1b[2Jgone"))
    \\x1b[2Jgone
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
