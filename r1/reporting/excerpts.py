"""Text of models on the page: shortened, and with its words of reflection marked."""

import re

from markupsafe import Markup, escape

from r1.rewards.response import REFLECTION_WORDS

_WORDS = sorted({word.lower() for word in REFLECTION_WORDS}, key=len, reverse=True)
_REFLECTION = re.compile("|".join(rf"\b{word}\b" if word.isascii() else word for word in _WORDS), re.IGNORECASE)


def shorten(text: str, limit: int) -> str:
    """Leave out the middle of a text that is longer than `limit` characters, and say how much.

    >>> shorten("0123456789", 4)
    '01 […6 characters…] 89'
    """
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]} […{len(text) - 2 * half:,} characters…] {text[-half:]}"


def reflections(text: str) -> int:
    """Count the words of reflection that `marked` marks."""
    return len(_REFLECTION.findall(text))


def marked(text: str) -> Markup:
    """Escape a text for HTML and mark its words of reflection.

    >>> marked("<b> Wait, no.")
    Markup('&lt;b&gt; <mark>Wait</mark>, no.')
    """
    parts, end = [], 0
    for found in _REFLECTION.finditer(text):
        parts += [escape(text[end : found.start()]), Markup("<mark>"), escape(found[0]), Markup("</mark>")]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])
