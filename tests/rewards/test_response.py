"""What is read off a response: parts, language, reflection, readability."""

import time

import pytest

from r1.rewards.response import count_reflections, is_mixed, language_shares, parse_response, unreadable_because


@pytest.mark.parametrize(
    ("completion", "answer", "well_formed"),
    [
        pytest.param("<think>2 + 2 = 4.</think><answer>4</answer>", "4", True, id="r1-form"),
        pytest.param(" \n<think>a</think>\n<answer> 4 </answer>\n", "4", True, id="r1-form-with-white-space"),
        pytest.param("<think>a\nb</think><answer>15 + 3i</answer>", "15 + 3i", True, id="reasoning-over-lines"),
        pytest.param("<think>a</think>So it is <answer>4</answer>", "4", True, id="summary-between"),
        pytest.param("<think></think><answer>4</answer>", "4", True, id="empty-think"),
        pytest.param("<think>a</think><answer></answer>", None, True, id="empty-answer"),
        pytest.param("<think>a</think><answer> \n </answer>", None, True, id="blank-answer"),
        pytest.param("First 2 + 2 = 4.\n4", "4", False, id="untagged-last-line"),
        pytest.param("4", "4", False, id="answer-alone"),
        pytest.param("5 + 4 = 9\nThe answer is 9.", "9", False, id="english-lead"),
        pytest.param("So the final answer: 9", "9", False, id="final-answer-lead"),
        pytest.param("先算 5 + 4 得 9。\n答案是 9。", "9", False, id="chinese-lead"),
        pytest.param("The answer is 9.\n\n  \n", "9", False, id="trailing-blank-lines"),
        pytest.param("<answer>4</answer><answer>5</answer>", None, False, id="two-answers"),
        pytest.param("<think>a</think><answer>4</answer><answer>5</answer>", None, False, id="two-answers-after-think"),
        pytest.param("<think>a</think><answer>4</answer>5", None, False, id="text-after-answer"),
        pytest.param("It is <think>a</think><answer>4</answer>", None, False, id="text-before-think"),
        pytest.param("<think><think>a</think></think><answer>4</answer>", None, False, id="nested-think"),
        pytest.param("<think>a</think><answer><answer>4</answer></answer>", None, False, id="nested-answer"),
        pytest.param("<think>a</think><answer><think>4</think></answer>", None, False, id="think-inside-answer"),
        pytest.param("<think>a<answer>4</answer></think>", None, False, id="answer-inside-think"),
        pytest.param("<think>a<answer>4</answer></think><answer>5</answer>", None, False, id="answer-inside-and-after"),
        pytest.param("<answer>4</answer><think>a</think>", None, False, id="wrong-order"),
        pytest.param("<answer>4</answer>", None, False, id="answer-tag-without-think"),
        pytest.param("<think>a", None, False, id="unclosed-think"),
        pytest.param("<think>a</think><answer>4", None, False, id="unclosed-answer"),
        pytest.param("<think>a<answer>4</answer>", None, False, id="think-never-closed"),
        pytest.param("", None, False, id="empty"),
        pytest.param(" \n\t ", None, False, id="blank"),
        pytest.param("The answer is .", None, False, id="lead-without-answer"),
    ],
)
def test_parse_response_finds_the_one_answer(completion: str, answer: str | None, well_formed: bool) -> None:
    response = parse_response(completion)
    assert (response.answer, response.well_formed) == (answer, well_formed)


@pytest.mark.parametrize(
    ("completion", "reasoning", "summary"),
    [
        pytest.param("<think> a\nb </think><answer>4</answer>", "a\nb", "4", id="r1-form"),
        pytest.param("<think>a</think>It is <answer>4</answer>", "a", "It is\n4", id="summary-between"),
        pytest.param("a\nb\nThe answer is 9.", "a\nb", "The answer is 9.", id="untagged"),
        pytest.param("9", "", "9", id="answer-alone"),
        pytest.param("<think>a", "a", "", id="unclosed"),
    ],
)
def test_parse_response_parts(completion: str, reasoning: str, summary: str) -> None:
    response = parse_response(completion)
    assert (response.reasoning, response.summary) == (reasoning, summary)


@pytest.mark.parametrize(
    "completion",
    [
        pytest.param("\ud800", id="lone-surrogate"),
        pytest.param("\0<think>\0</think><answer>\0", id="nul"),
        pytest.param("<" * 100_000, id="angle-brackets"),
        pytest.param(" \n" * 50_000, id="white-space"),
        pytest.param("<think>" * 10_000, id="openers"),
        pytest.param("<think>a</think><answer>4</answer>" * 2_000, id="whole-responses"),
    ],
)
def test_parse_response_is_total(completion: str) -> None:
    assert not parse_response(completion).well_formed


@pytest.mark.parametrize(
    "completion",
    [
        pytest.param("<think>a</think><answer>4</answer>" * 250 + "x", id="whole-responses"),
        pytest.param("<think>" + "</think>" * 250 + "<answer>" * 250 + "</answer>" * 250 + "x", id="tags-by-kind"),
    ],
)
def test_parse_response_takes_no_cubic_time(completion: str) -> None:
    """Tag spam of under 10,000 characters must not stall a training loop: time over length is to stay linear."""
    start = time.perf_counter()
    parse_response(completion)
    assert time.perf_counter() - start < 0.2


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        pytest.param("First add them", {"en": 1.0, "zh": 0.0}, id="english"),
        pytest.param("先算", {"en": 0.0, "zh": 1.0}, id="chinese"),
        pytest.param("First 先算 2", {"en": 1 / 3, "zh": 2 / 3}, id="mixed-word-by-word"),
        pytest.param("First先", {"en": 0.5, "zh": 0.5}, id="without-a-space"),
        pytest.param("<think>先</think><answer>2</answer>", {"en": 0.0, "zh": 1.0}, id="tags-do-not-count"),
        pytest.param("2 + 2 = 4.", {}, id="digits-and-operators"),
        pytest.param("3 × 4 = 12, 12 ÷ 4 = 3", {}, id="signs-among-the-letters"),
        pytest.param("", {}, id="empty"),
        pytest.param("\ud800\0", {}, id="junk"),
    ],
)
def test_language_shares(text: str, shares: dict[str, float]) -> None:
    assert language_shares(text) == pytest.approx(shares)


def test_the_imaginary_unit_has_no_language() -> None:
    assert language_shares("8 + 7 = 15\n15 + 3i") == {}


@pytest.mark.parametrize(
    ("text", "language", "mixed"),
    [
        pytest.param("First 2 + 2", "en", False, id="english-to-english"),
        pytest.param("先算 2 + 2", "zh", False, id="chinese-to-chinese"),
        pytest.param("先算 2 + 2", "en", True, id="chinese-to-english"),
        pytest.param("First 先", "en", True, id="one-word-astray"),
        pytest.param("First 先", "zh", True, id="one-word-astray-of-chinese"),
        pytest.param("2 + 2 = 4", "en", False, id="no-words"),
        pytest.param("It is 5 µm long", "en", False, id="micro-sign"),
        pytest.param("x ∈ ℝ so 2ⁿ and 𝑥 are done", "en", False, id="letters-of-formulas"),
        pytest.param("ﬃ 1ª 2º", "en", False, id="ligatures-and-ordinals"),
        pytest.param("It is ещё 4", "en", True, id="russian-to-english"),
        pytest.param("", "en", False, id="empty"),
    ],
)
def test_is_mixed(text: str, language: str, mixed: bool) -> None:
    assert is_mixed(text, language) is mixed


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("First 2 + 2 = 4.", 0, id="none"),
        pytest.param("Wait, 2 + 2 = 4.\nCheck: 2 + 2 = 4.", 2, id="wait-and-check"),
        pytest.param("等等，2 + 2 得 4。检查：2 + 2 得 4。", 2, id="chinese"),
        pytest.param("However, let me see: a mistake. I recheck.", 4, id="other-words"),
        pytest.param("The waiter awaits a checkered mistaken cheque.", 0, id="inside-other-words"),
        pytest.param("", 0, id="empty"),
    ],
)
def test_count_reflections(text: str, count: int) -> None:
    assert count_reflections(text) == count


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("First 2 + 2 = 4.\nThe answer is 4.", None, id="readable"),
        pytest.param("", None, id="empty"),
        pytest.param("First 先算 2 + 2 = 4.", "mixed_language", id="mixed"),
        pytest.param("So:\n```\nprint(4)\n```", "code_block", id="code"),
        pytest.param("word " * 11, "long_paragraph", id="one-word-too-many"),
        pytest.param("word " * 10, None, id="as-many-words-as-allowed"),
        pytest.param("2 + 2 = 4\n" * 4, "repetition", id="one-line-four-times"),
        pytest.param("a\nb\na\nb", "repetition", id="two-lines-twice"),
        pytest.param("a\na\na", None, id="three-lines-are-too-few-to-tell"),
        pytest.param("a\nb\nc\na", None, id="one-line-twice"),
    ],
)
def test_unreadable_because(text: str, reason: str | None) -> None:
    assert unreadable_because(text, max_paragraph_words=10) == reason


def test_readability_is_of_the_question_s_language() -> None:
    assert unreadable_because("先算 2 + 2 得 4。", language="zh") is None
