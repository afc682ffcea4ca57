"""Reasoning and answer are told apart, however the text is cut into pieces."""

import pytest

from r1.talk.parts import Parts, split

CASES = [
    ("<think>2 + 2</think><answer>4</answer>", False, "2 + 2", "4"),
    ("2 + 2</think>\n\nIt is 4.", True, "2 + 2", "It is 4."),
    ("It is 4.", False, "", "It is 4."),
    ("never closed", True, "never closed", ""),
    ("<think>a < b, <thin air</think>3 <answer", False, "a < b, <thin air", "3 <answer"),
    ("<think>so</think><answer>4</answer><|end|>", False, "so", "4"),
    ("", False, "", ""),
]


@pytest.mark.parametrize(("text", "opened", "think", "answer"), CASES)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_parts_do_not_depend_on_the_pieces(text: str, opened: bool, think: str, answer: str, size: int) -> None:
    parts = Parts(opened, ["<|end|>"])
    said = [pair for start in range(0, len(text), size) for pair in parts.feed(text[start : start + size])]
    said += parts.finish()
    joined = {part: "".join(piece for name, piece in said if name == part).strip() for part in ("think", "answer")}
    assert joined == {"think": think, "answer": answer} == split(text, opened, ["<|end|>"])


def test_text_is_not_kept_back_longer_than_a_tag_may_last() -> None:
    parts = Parts()
    assert [*parts.feed("4 <")] == [("answer", "4 ")]
    assert [*parts.feed(" 5")] == [("answer", "< 5")]
