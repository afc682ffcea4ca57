"""Rewards: what they pay for, what they do not, and that nothing a model writes can break them."""

import json
import math
import pickle
from typing import Any, get_args

import pytest

from r1.config.rewards import RuleRewardName
from r1.rewards import REWARDS, build_rewards
from r1.rewards.preference import final_summary
from r1.support.errors import ConfigurationError
from tests.conftest import compose

OPTIONS = compose().rl.reward_options
LENGTH = 20
CODE = ("code_reward", "binary_code_reward", "code_format_reward")
each_reward = pytest.mark.parametrize("name", REWARDS)


def pay(name: RuleRewardName, completions: list[Any], **columns: Any) -> list[float | None]:
    """What a reward gives, with TRL's columns; by default one prompt, task chain_sum, gold 4, five tokens."""
    functions, _ = build_rewards({name: 1.0}, OPTIONS, LENGTH)
    count = len(completions)
    defaults = {
        "prompts": [[{"role": "user", "content": "What is 1 + 3?"}]] * count,
        "completion_ids": [[1, 2, 3, 4, 5]] * count,
        "task": ["chain_sum"] * count,
        "answer": ["4"] * count,
        "kind": [""] * count,
    }
    return functions[0](completions=completions, **(defaults | columns))


def tagged(answer: str) -> str:
    return f"<think>1 + 3</think><answer>{answer}</answer>"


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


# --- the registry -----------------------------------------------------------


def test_the_registry_holds_every_reward_that_the_configuration_may_name() -> None:
    assert set(REWARDS) == set(get_args(RuleRewardName))


def test_build_rewards_keeps_the_order_and_leaves_out_weight_zero() -> None:
    weights = {"format_reward": 0.5, "tag_count_reward": 0.0, "accuracy_reward": 2.0}
    functions, kept = build_rewards(weights, OPTIONS, LENGTH)
    assert [function.__name__ for function in functions] == ["format_reward", "accuracy_reward"]
    assert kept == [0.5, 2.0]


def test_build_rewards_takes_what_the_caller_made() -> None:
    def made(**_: Any) -> list[float | None]:
        return []

    assert build_rewards({"preference_reward": 1.0}, OPTIONS, LENGTH, preference_reward=made) == ([made], [1.0])
    assert made.__name__ == "preference_reward"
    with pytest.raises(KeyError):
        build_rewards({"preference_reward": 1.0}, OPTIONS, LENGTH)


@each_reward
def test_a_reward_survives_pickling(name: RuleRewardName) -> None:
    """TRL's asynchronous trainer sends rewards to another process."""
    (reward,), _ = build_rewards({name: 1.0}, OPTIONS, LENGTH)
    again = pickle.loads(pickle.dumps(reward))
    more, less = MORE_AND_LESS[name]
    columns = {
        "completions": [more[0], less[0]],
        "completion_ids": [more[1], less[1]],
        "prompts": ["What is 1 + 3?"] * 2,
        "task": ["code" if name in CODE else "chain_sum"] * 2,
        "answer": [FOUR if name in CODE else "4"] * 2,
    }
    assert again.__name__ == name
    assert again(**columns) == reward(**columns)


# --- accuracy ---------------------------------------------------------------


@pytest.mark.parametrize("task", ["chain_sum", "basic_arithmetic"])
@pytest.mark.parametrize(
    "completion",
    [
        pytest.param(tagged("4"), id="r1-form"),
        pytest.param(tagged(" 4\n"), id="white-space"),
        pytest.param("<think></think><answer>4</answer>", id="empty-think"),
        pytest.param("<think>5? No.</think>So it is <answer>4</answer>", id="summary-between"),
        pytest.param("4", id="answer-alone"),
        pytest.param("First 1 + 3 = 4.\nThe answer is 4.", id="untagged"),
        pytest.param("答案是 4。", id="chinese"),
    ],
)
def test_accuracy_pays_one_right_answer(completion: str, task: str) -> None:
    assert pay("accuracy_reward", [completion, said(completion)], task=[task] * 2) == [1.0, 1.0]


def test_chain_sum_compares_decimal_numbers() -> None:
    assert pay("accuracy_reward", [tagged("4.0"), tagged("4.5")]) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("predicted", "gold", "value"),
    [
        pytest.param("\\frac{1}{2}", "0.5", 1.0, id="fraction"),
        pytest.param("\\dfrac{2}{4}", "\\frac{1}{2}", 1.0, id="another-fraction"),
        pytest.param("0.5", "0.5", 1.0, id="decimal"),
        pytest.param("4", "4", 1.0, id="integer"),
        pytest.param("\\frac{1}{3}", "0.5", 0.0, id="wrong"),
        pytest.param("\\dfrac{-1}{2}", "-\\frac{1}{2}", 1.0, id="negative-fraction"),
        pytest.param("2\\frac{1}{2}", "2.5", 1.0, id="mixed-number"),
        pytest.param("\\$18,000", "18000", 1.0, id="money"),
        pytest.param("1.5 \\times 10^{3}", "1500", 1.0, id="scientific"),
        pytest.param("x = 4", "4", 1.0, id="named"),
        pytest.param("4 \\text{ cm}", "4", 1.0, id="with-its-unit"),
        pytest.param("\\boxed{4}", "4", 1.0, id="boxed"),
        pytest.param("(x + 1)(x - 1)", "x^2 - 1", 1.0, id="factored"),
        pytest.param("f(x) = x^2 - 1", "x^2 - 1", 1.0, id="named-function"),
        pytest.param("y = 2x + 1", "y = 2x + 1", 1.0, id="equation"),
        pytest.param("\\frac{2}{\\sqrt{2}}", "\\sqrt{2}", 1.0, id="root"),
        pytest.param("", "0.5", 0.0, id="empty"),
        pytest.param("4.0000001", "4", 0.0, id="nearly"),
    ],
)
def test_math_goes_through_math_verify(predicted: str, gold: str, value: float) -> None:
    assert pay("accuracy_reward", [tagged(predicted)], task=["math"], answer=[gold]) == [value]


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [
        *[("10000", text) for text in (r"10{,}000", r"10,\!000")],
        *[
            ("4", text)
            for text in (r"4\text{ m/s}", r"4\ \text{cm}", r"4\,\text{cm}", r"4\;", r"\(4\)", r"$\boxed{4}$")
        ],
        *[("4", text) for text in (r"\text{4}", r"\textbf{4}", r"\mathbf{4}", "x_1 = 4", r"\theta = 4", "AB = 4")],
        ("5", r"5\text{ cm}^2"),
        ("5", r"5\text{ cm}^{3}"),
        ("30", r"\angle ABC = 30^\circ"),
        ("e^{x^2}", "e^{x^2}"),
        ("2^{2023}", "2^{2023}"),
        ("x^4 + 2x^2 + 1", "(x^2 + 1)^2"),
        ("n!", "n!"),
        (r"e^{-\frac{x^{2}}{2}}", r"e^{-\frac{x^{2}}{2}}"),
    ],
)
def test_math_takes_a_right_answer_however_it_is_dressed(gold: str, predicted: str) -> None:
    assert pay("accuracy_reward", [tagged(predicted)], task=["math"], answer=[gold]) == [1.0]


@pytest.mark.parametrize(("gold", "predicted"), [("4", r"2\text{}^2"), ("4", r"2\text{ cm}^2"), ("4", r"8\text{m}/2")])
def test_a_unit_hides_no_operation(gold: str, predicted: str) -> None:
    assert pay("accuracy_reward", [tagged(predicted)], task=["math"], answer=[gold]) == [0.0]


@pytest.mark.parametrize("name", ["accuracy_reward", "format_reward", "len_reward", "cosine_scaled_reward"])
def test_general_prompts_are_left_to_others(name: RuleRewardName) -> None:
    values = pay(name, [tagged("4"), tagged("4")], task=["", "chain_sum"], answer=["", "4"])
    assert values[0] is None and values[1] is not None


# --- every reward -----------------------------------------------------------

JUNK: dict[str, Any] = {
    "empty": "",
    "no-message": [],
    "no-content": [{"role": "assistant", "content": None}],
    "no-content-key": [{"role": "assistant"}],
    "empty-message": [{}],
    "message-is-none": [None],
    "message-is-a-list": [[]],
    "message-is-a-number": [4],
    "content-in-parts": [{"role": "assistant", "content": [{"type": "text", "text": "4"}]}],
    "not-in-a-list": {"role": "assistant", "content": "4"},
    "none": None,
    "number": 4,
    "lone-surrogate": "\ud800",
    "lone-surrogate-as-answer": tagged("\ud800"),
    "nul": "\0",
    "nul-as-answer": tagged("\0"),
    "100k-letters": "x" * 100_000,
    "100k-digits-as-answer": tagged("9" * 100_000),
    "100k-of-white-space": " \n" * 50_000,
    "100k-of-openers": "<think>" * 14_000,
    "100k-of-responses": tagged("4") * 3_000,
    "100k-of-steps": "First 1 + 3 = 4.\n" * 6_000,
    "braces": tagged("}}{{\\boxed{{"),
}


FOUR = json.dumps({"prompt": "", "entry_point": "f", "tests": "def check(candidate): assert candidate() == 4"})


@each_reward
@pytest.mark.parametrize("task", ["chain_sum", "complex_arithmetic", "math", "code", "no_such_task", ""])
def test_junk_never_raises_and_is_given_one_value_each(name: RuleRewardName, task: str) -> None:
    junk = list(JUNK.values())
    ids = [[], [1], *[[1, 2, 3] * 7] * (len(junk) - 2)]
    gold = FOUR if task == "code" else "4"
    values = pay(name, junk, completion_ids=ids, task=[task] * len(junk), answer=[gold] * len(junk))
    assert len(values) == len(junk)
    for case, value in zip(JUNK, values, strict=True):
        assert value is None or (isinstance(value, float) and math.isfinite(value)), case


@each_reward
def test_no_completions_give_no_values(name: RuleRewardName) -> None:
    assert pay(name, []) == []


@each_reward
def test_conversations_are_read_like_strings(name: RuleRewardName) -> None:
    written = [tagged("4"), "First 1 + 3 = 4.\n先算。\n4", "5"]
    assert pay(name, [said(text) for text in written]) == pay(name, written)


# reward -> (completion, tokens) that earns more and that earns less
MORE_AND_LESS: dict[RuleRewardName, tuple[tuple[str, list[int]], tuple[str, list[int]]]] = {
    "accuracy_reward": ((tagged("4"), [1]), (tagged("5"), [1])),
    "code_reward": ((tagged("def f(): return 4"), [1]), (tagged("def f(): return 5"), [1])),
    "binary_code_reward": ((tagged("def f(): return 4"), [1]), (tagged("def f(): return 5"), [1])),
    "code_format_reward": ((tagged("```python\nx = 1\n```"), [1]), (tagged("x = 1"), [1])),
    "format_reward": ((tagged("5"), [1]), ("4", [1])),
    "tag_count_reward": (("<think>a</think>4", [1]), ("4", [1])),
    "reasoning_steps_reward": (("First 1 + 3 = 4.\n4", [1]), ("4", [1])),
    "len_reward": ((tagged("4"), [1]), (tagged("4"), [1, 2, 3])),
    "cosine_scaled_reward": ((tagged("4"), [1]), (tagged("5"), [1])),
    "repetition_penalty_reward": (("4", [1, 2, 3, 4, 5]), ("4", [1, 1, 1, 1, 1])),
    "soft_overlong_punishment": (("4", [1]), ("4", [1] * LENGTH)),
    "language_consistency_reward": (("First 1 + 3 = 4.\n4", [1]), ("先算 1 + 3 得 4。\n4", [1])),
}


@each_reward
def test_no_reward_is_constant(name: RuleRewardName) -> None:
    more, less = MORE_AND_LESS[name]
    columns = {"task": ["code"] * 2, "answer": [FOUR] * 2} if name in CODE else {}
    values = pay(name, [more[0], less[0]], completion_ids=[more[1], less[1]], **columns)
    assert values[0] is not None and values[1] is not None
    assert values[0] > values[1]


# --- one by one -------------------------------------------------------------


@pytest.mark.parametrize(
    ("completion", "value"),
    [
        pytest.param("<think>a</think><answer>4</answer>", 1.0, id="form"),
        pytest.param("<think>a</think>So <answer>4</answer>", 1.0, id="summary-between"),
        pytest.param("<think><think>a</think></think><answer>4</answer>", 0.0, id="nested"),
        pytest.param("<think>a</think><answer>∞</answer>", 1.0, id="infinity"),
        pytest.param("<think>a</think><answer>∅</answer>", 1.0, id="empty-set"),
        pytest.param("<think>a</think><answer>...</answer>", 0.0, id="dots"),
        pytest.param("<think>a</think><answer>=</answer>", 0.0, id="a-sign-between-nothing"),
        pytest.param("<think>a</think>4", 0.0, id="no-answer-tag"),
        pytest.param("<answer>4</answer><think>a</think>", 0.0, id="wrong-order"),
        pytest.param("4", 0.0, id="no-tag"),
    ],
)
def test_format_reward(completion: str, value: float) -> None:
    assert pay("format_reward", [completion]) == [value]


@pytest.mark.parametrize(
    ("completion", "value"),
    [
        pytest.param("<think>a</think><answer>4</answer>", 1.0, id="all"),
        pytest.param("<think>a</think>4", 0.5, id="half"),
        pytest.param("<think><think>a</think><answer>4</answer>", 0.75, id="one-twice"),
        pytest.param("4", 0.0, id="none"),
    ],
)
def test_tag_count_reward(completion: str, value: float) -> None:
    assert pay("tag_count_reward", [completion]) == [value]


@pytest.mark.parametrize(
    ("reasoning", "steps"),
    [
        pytest.param("First 1 + 1 = 2.", 1, id="one"),
        pytest.param("First 1 + 1 = 2.\nThen 2 + 2 = 4.", 2, id="two"),
        pytest.param("1. one\n2) two\n- three", 3, id="lists"),
        pytest.param("先算 1 + 1 得 2。\n再算 2 + 2 得 4。", 2, id="chinese"),
        pytest.param("First a.\nThen b.\nThen c.\nThen d.", 3, id="capped-at-the-target"),
        pytest.param("Firstly a.\nAnd then b.\nnothing", 0, id="no-step"),
        pytest.param("First 1 + 1 = 2.\n" * 9, 1, id="one-repeated"),
        pytest.param("First 1 + 1 = 2.\n  First 1 + 1 = 2.\n\tFirst 1 + 1 = 2.  ", 1, id="one-repeated-indented"),
        pytest.param("", 0, id="none"),
    ],
)
def test_reasoning_steps_count_once_each(reasoning: str, steps: int) -> None:
    assert OPTIONS.reasoning_steps_target == 3
    assert pay("reasoning_steps_reward", [f"<think>{reasoning}</think><answer>4</answer>"]) == [
        pytest.approx(steps / 3)
    ]


def test_len_reward_by_hand_within_groups() -> None:
    rows = [  # prompt, tokens, answer, value
        ("a", 2, "4", 0.5),
        ("b", 10, "4", 0.5),
        ("a", 4, "4", 0.0),
        ("a", 6, "4", -0.5),
        ("b", 20, "5", -0.5),
        ("a", 3, "5", 0.0),  # lambda 0.25, but wrong
        ("a", 6, "5", -0.5),
        ("c", 7, "4", 0.0),  # equal lengths
        ("c", 7, "5", 0.0),
    ]
    values = pay(
        "len_reward",
        [tagged(answer) for _, _, answer, _ in rows],
        prompts=[[{"role": "user", "content": prompt}] for prompt, *_ in rows],
        completion_ids=[[1] * tokens for _, tokens, *_ in rows],
    )
    assert values == pytest.approx([value for *_, value in rows])


@pytest.mark.parametrize(
    ("tokens", "right", "wrong"),
    [
        pytest.param(0, 1.0, -1.0, id="empty"),
        pytest.param(LENGTH // 2, 0.75, -0.75, id="half"),
        pytest.param(LENGTH, 0.5, -0.5, id="full"),
        pytest.param(10 * LENGTH, 0.5, -0.5, id="beyond"),
    ],
)
def test_cosine_scaled_reward(tokens: int, right: float, wrong: float) -> None:
    values = pay("cosine_scaled_reward", [tagged("4"), tagged("5")], completion_ids=[[1] * tokens] * 2)
    assert values == pytest.approx([right, wrong])


def test_cosine_s_bounds_are_options() -> None:
    bounds = {"max_value_correct": 2.0, "min_value_correct": 1.0, "max_value_wrong": 0.0, "min_value_wrong": -3.0}
    options = OPTIONS.model_copy(update={f"cosine_{name}": value for name, value in bounds.items()})
    (reward,), _ = build_rewards({"cosine_scaled_reward": 1.0}, options, LENGTH)
    columns = {"completions": [tagged("4"), tagged("5")] * 2, "task": ["chain_sum"] * 4, "answer": ["4"] * 4}
    values = reward(**columns, completion_ids=[[], [], [1] * LENGTH, [1] * LENGTH])
    assert values == pytest.approx([2.0, -3.0, 1.0, 0.0])
    with pytest.raises(ConfigurationError, match=r"reward_options: cosine_min_value_wrong 0.5 exceeds"):
        compose("rl.reward_options.cosine_min_value_wrong=0.5")


@pytest.mark.parametrize(
    ("digits", "gold", "answer", "value"),
    [
        (None, "1/3", "0.333", 0.0),
        (3, "1/3", "0.333", 1.0),
        (3, "1/3", "0.334", 0.0),
        (4, "1/3", "0.333", 0.0),
        (3, "3.14159", "3.14", 1.0),
        (3, "-3.14159", "3.14", 0.0),
        (2, "0.0123", "0.012", 1.0),
        (2, "1234.5", "1200", 1.0),
        (3, "1234.5", "1200", 0.0),
        (3, "1000", "1001", 0.0),  # whole numbers are exact
        (3, "5.001 cm", "5.00 kg", 0.0),
        (1, "0", "0.3", 0.0),
    ],
)
def test_the_precision_of_numbers_is_an_option(digits: int | None, gold: str, answer: str, value: float) -> None:
    options = OPTIONS.model_copy(update={"math_digits": digits})
    (reward,), _ = build_rewards({"accuracy_reward": 1.0}, options, LENGTH)
    assert reward(completions=[tagged(answer)], task=["math"], answer=[gold]) == [value]


@pytest.mark.parametrize(
    ("ids", "value"),
    [
        pytest.param([1, 2, 3, 4, 5], 0.0, id="nothing-repeated"),
        pytest.param([1, 2], 0.0, id="shorter-than-an-n-gram"),
        pytest.param([1, 1, 1, 1], -0.5, id="one-of-two-trigrams"),
        pytest.param([1] * 12, -0.9, id="nine-of-ten-trigrams"),
    ],
)
def test_repetition_penalty(ids: list[int], value: float) -> None:
    assert pay("repetition_penalty_reward", ["4"], completion_ids=[ids]) == [pytest.approx(value)]


@pytest.mark.parametrize(("tokens", "value"), [(0, 0.0), (16, 0.0), (18, -0.5), (20, -1.0), (99, -1.0)])
def test_soft_overlong_punishment(tokens: int, value: float) -> None:
    assert OPTIONS.overlong_cache == 0.2
    assert pay("soft_overlong_punishment", ["4"], completion_ids=[[1] * tokens]) == [pytest.approx(value)]


@pytest.mark.parametrize(
    "completion",
    [
        pytest.param("", id="empty"),
        pytest.param("4", id="answer-alone"),
        pytest.param("1 + 3 = 4\nThe answer is 4.", id="untagged-without-words"),
        pytest.param("<think>1 + 3 = 4</think><answer>4</answer>", id="tagged-without-words"),
        pytest.param("<think></think><answer>4</answer>", id="empty-think"),
        pytest.param("<think>1 + 3 = 4</think>The answer is <answer>4</answer>", id="without-words-but-a-summary"),
        pytest.param("<think></think>The answer is <answer>4</answer>", id="empty-think-but-a-summary"),
        pytest.param("<think></think><answer>four</answer>", id="empty-think-but-a-word-as-answer"),
        pytest.param("先算 1 + 3 得 4。\n4", id="chinese"),
        pytest.param("<think>先算 1 + 3 得 4。</think>The answer is <answer>4</answer>", id="chinese-tagged"),
    ],
)
def test_language_pays_neither_silence_nor_chinese(completion: str) -> None:
    assert pay("language_consistency_reward", [completion]) == [0.0]


@pytest.mark.parametrize(
    ("completion", "value"),
    [
        pytest.param("First 1 + 3 = 4.\n4", 1.0, id="english"),
        pytest.param("<think>First 1 + 3 = 4.</think>答案<answer>4</answer>", 1.0, id="the-chain-of-thought-alone"),
        pytest.param("First 1 + 1 = 2.\n先算 2 + 2 = 4。\n4", 1 / 3, id="mixed"),
    ],
)
def test_language_pays_the_share_of_english(completion: str, value: float) -> None:
    assert pay("language_consistency_reward", [completion]) == [pytest.approx(value)]


@pytest.mark.parametrize(
    ("response", "summary"),
    [
        pytest.param("<think>secret</think>It is <answer>4</answer>", "It is\n4", id="tagged"),
        pytest.param("I am a small model.", "I am a small model.", id="untagged"),
        pytest.param("<think>a</think>I am", "<think>a</think>I am", id="broken"),
    ],
)
def test_the_user_reads_the_summary(response: str, summary: str) -> None:
    assert final_summary(response) == summary
