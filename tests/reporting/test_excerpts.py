"""Model text on the page: shortened in the middle, escaped, its words of reflection marked."""

import pytest

from r1.reporting.excerpts import marked, reflections, shorten
from r1.rewards.response import REFLECTION_WORDS, count_reflections


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("3 - 2 = 1", "3 - 2 = 1"),
        ("Wait, 1.", "<mark>Wait</mark>, 1."),
        ("WAIT. 等等，再 check", "<mark>WAIT</mark>. <mark>等等</mark>，再 <mark>check</mark>"),
        ("await checked", "await checked"),
        ("<mark>wait</mark>", "&lt;mark&gt;<mark>wait</mark>&lt;/mark&gt;"),
        ("<script>check()</script>", "&lt;script&gt;<mark>check</mark>()&lt;/script&gt;"),
    ],
)
def test_words_of_reflection_are_marked_and_all_else_is_escaped(text: str, shown: str) -> None:
    assert marked(text) == shown


@pytest.mark.parametrize("word", REFLECTION_WORDS)
def test_what_rewards_count_is_marked(word: str) -> None:
    text = f"so {word}, 4" if word.isascii() else f"得{word}得"
    assert reflections(text) == 1 and "<mark>" in marked(text)
    assert word.lower().endswith("re") or word.lower().endswith("double") or count_reflections(text) == 1


@pytest.mark.parametrize(("length", "limit"), [(0, 4), (4, 4), (5, 4), (1000, 10)])
def test_a_long_text_loses_its_middle_and_says_so(length: int, limit: int) -> None:
    text = "".join(chr(ord("a") + place % 26) for place in range(length))
    short = shorten(text, limit)
    if length <= limit:
        assert short == text
    else:
        assert short.startswith(text[: limit // 2]) and short.endswith(text[-(limit // 2) :])
        assert f"{length - limit:,} characters" in short
