"""The lenient reading: siblings of the table of forms, texts made to be slow, and code."""

import time

import pytest

from r1.rewards.accuracy import are_correct
from r1.rewards.lenient import lenient_answer
from r1.rewards.reading import read_leniently, read_strictly
from r1.tasks import code

READ = {
    # Claims: the last one stands.
    "The answer is 4. We check: \\boxed{4}": "4",
    "\\boxed{3}\nThe answer is 4.": "4",
    "The answer to the problem is 4.": "4",
    "Therefore, the answer is therefore 4.": "4",
    "The answer is 4, not 5.": "4",
    "Answer: 4 (since 2 + 2 = 4)": "4",
    "The answer is 4 (because 2 + 2 = 4).": "4",
    "Answer: 4 (not 5)": "4",
    "The correct answer is: **4**.": "4",
    "- **Answer**: $4$": "4",
    "Answer = 4": "4",
    "The answer is:\n$$\n4\n$$": "4",
    "The answer is 4.5. That is all.": "4.5",
    "The answer is Tuesday.": "Tuesday",
    "The answer is (B).": "(B)",
    "If x = 3, then the answer is 4.": "4",
    "So the answer should be 4.": "4",
    "$\\text{The answer is } 4$": "4",
    "答：4": "4",
    "**答案**：4": "4",
    "【答案】4": "4",
    "因此，最终答案为：4。": "4",
    "\\boxed4": "4",
    "\\boxed{\\boxed{4}}": "4",
    "\\boxed{5 \\boxed{4}}": "5 \\boxed{4}",  # which no verifier accepts
    "\\boxed{\\text{no solution}}": "\\text{no solution}",
    "\\boxed{4} and \\boxed{4}": "4",
    "\\boxed{1}, \\boxed{2}, and \\boxed{3}": "1, 2, 3",
    "The value is \\boxed{4}, or equivalently \\boxed{\\frac{8}{2}}.": "\\frac{8}{2}",
    "I think not. So \\boxed{4}": "4",
    "#### Step 2: add\nSo it is 3.\n#### 4": "4",
    "Answer: Let's see. 3 + 1 = 4.": "4",
    # The last line, if it states a result.
    "So 3 + 1 = 4 apples.": "4 apples",
    "\\[ 3 \\times 2 - 2 = 4 \\]": "4",
    "The number of apples is $3 + 1 = 4$.": "4",
    "Hence 4.": "4",
    "In total, she pays $18 a day.": "$18",
    "4 is the answer.": "4",
    "It's 4.": "4",
    "Result: 4": "4",
    "\\begin{aligned}\n3 + 1 &= 4\n\\end{aligned}": "4",
    "一共4个": "4个",
    "f(3) = 4": "f(3) = 4",  # the verifier decides
    "```\n4\n```": "4",
    # Tags.
    "<answer></answer> is where it goes.\n<think>a</think><answer>4</answer>": "4",
    "<think>a</think>\n4\n</answer>": "4",
    "4</s>": "4",
    "<think>3 + 1. The answer is 4": "4",
}
UNPAID = [
    "Answer: 4 (or 5)",
    "Answer: 4 (and 5)",
    "Answer: 4 (5)",
    "Answer: 4 (not correct)",
    "Answer: 4 (not sure)",
    "Answer: 4 (if x = 2)",
    "Answer: 4 (but actually 5)",
    "Answer: 4 (not 5 but 6)",
    "Answer: 4 (since that is wrong)",
    "Answer: 4 (since it is not 4, it is 5)",
    "Answer: 4 (since 2 + 2 = 4) or 5",
    "Answer: 4 (since 2 + 2 = 4), no, 5",
]
"""None of them claims one value."""
UNDECIDED = [
    "",
    " \n ",
    "\\boxed{}",
    "The answer is probably 4.",
    "Perhaps the answer is 4.",
    "I don't think the answer is 4.",
    "The answer isn't 4.",
    "The answer cannot be 4.",
    "The answer is unknown.",
    "The answer is 4 if x is 2.",
    "The answer is 4, I guess.",
    "The answer is 4?",
    "One answer is 4, another answer is 5.",
    "Tom's answer is 4.",
    "The previous answer is 4.",
    "The answer is 4. Wait, that is wrong.",
    "\\boxed{4} is wrong.",
    "\\boxed{4}. Actually, no.",
    "It is not \\boxed{4}.",
    "Either \\boxed{4} or \\boxed{5}.",
    "\\boxed{4} or 5",
    "Maybe \\boxed{4}",
    "#### 4?",
    "答案可能是4还是5？",
    "It is false that the answer is 4.",
    "There is no answer: 4",
    "Let x = 4.",
    "Suppose x = 4",
    "是4吗？",
    "Is it 4?",
    "<think>so 3 + 1 = 4",
    "<think>The answer is 4.</think>",
]
FUNCTION = "def f(a, b):\n    return a + b"
PROGRAMS = {
    FUNCTION: FUNCTION,
    f"```python\n{FUNCTION}\n```": FUNCTION,
    f"Add them:\n\n```python\n{FUNCTION}\n```\n\nIt adds a and b.": FUNCTION,
    f"```python\ndef f(a, b): return a\n```\nBetter:\n```python\n{FUNCTION}\n```": FUNCTION,
    f"```python\n{FUNCTION}\n```\nFor example:\n```python\nprint(f(1, 2))\n```\n```text\n3\n```": FUNCTION,
    "```py\nprint(1)\n```\n```\nprint(input())\n```": "print(input())",
    f"~~~~\n{FUNCTION}\n~~~~": FUNCTION,
    f"```python\n{FUNCTION}": FUNCTION,
    "1. The code:\n   ```python\n   def f(a, b):\n       return a + b\n   ```": FUNCTION,
    f"Here it is:\n\n{FUNCTION}\n\nIt adds a and b.": FUNCTION,
    f"Sure.\nimport math\n{FUNCTION}\nThis works.": f"import math\n{FUNCTION}",
    f"import is not needed here.\n{FUNCTION}": FUNCTION,
    "    return a + b": "    return a + b",
    f"<think>```python\ndef f(a, b): return a\n```</think>\n```python\n{FUNCTION}\n```": FUNCTION,
    f"I add.</think><answer>```python\n{FUNCTION}\n```</answer>": FUNCTION,
    f"<think>a</think><answer>Here:\n```python\n{FUNCTION}\n```\nDone.</answer>": FUNCTION,
}
HOSTILE = [
    *(
        " (since ",
        "\\boxed{",
        "\\boxed{4}",
        "\\boxed{4} or ",
        "\\boxed{4}, ",
        "not \\boxed{4}, ",
        "the answer is ",
        "答案是",
        "####",
    ),
    *("#### 4\n", " ", "\n", "\n ", "=", "1+1=", "1 ", "so ", "a", "answer for ", "$", "{", "}", "```\n", "```", "~"),
    *("def f():\n", "<answer>", "<answer>a", "</think>", "\\", "*", "is ", "not ", "answer", "answer: _", "1,", "no"),
    *("Q:", "\nQuestion:", "<|", "!", "- ", "x. ", "\\boxed ", "'s ", "The answer is 4. ", "\\times 3", "\\frac", "$5"),
    *("that is ", "\u2028", "\0", "\ud800", ",", " or", "(", "`a", "**Answer**\n", "answer to x ", "import a", "@"),
]


@pytest.mark.parametrize(("completion", "answer"), READ.items())
def test_read(completion: str, answer: str) -> None:
    assert lenient_answer(completion) == answer


@pytest.mark.parametrize("completion", UNDECIDED)
def test_undecided(completion: str) -> None:
    assert lenient_answer(completion) is None


@pytest.mark.parametrize("completion", UNPAID)
@pytest.mark.parametrize("gold", ["4", "5", "6"])
def test_a_value_in_doubt_is_right_for_no_gold(completion: str, gold: str) -> None:
    assert are_correct([completion] * 2, ["math", "chain_sum"], [gold] * 2, read_leniently) == [False, False]


@pytest.mark.parametrize(("completion", "program"), PROGRAMS.items())
def test_programs(completion: str, program: str) -> None:
    assert lenient_answer(completion, code.NAME) == program


def test_no_program() -> None:
    assert lenient_answer(" \n", code.NAME) is None


def test_a_board_of_many_lines_is_left_as_it_is() -> None:
    board = "1 2\n3  4 = 4"
    assert lenient_answer(f"<think>a</think><answer>\n{board}\n</answer>", "reasoning_gym/mini_sudoku") == board


def test_strict_reads_a_fence_in_the_answer_and_no_other() -> None:
    fenced = f"```python\n{FUNCTION}\n```"
    assert read_strictly(f"<think>a</think><answer>{fenced}</answer>", code.NAME) == fenced
    assert read_strictly(f"{fenced}\n<answer>", code.NAME) is None


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_take_no_time(text: str) -> None:
    """100 kB each; a pattern that is quadratic in them takes minutes."""
    hostile = text * (100_000 // len(text.encode(errors="replace")))
    started = time.process_time()
    for before in ("", "<answer>", "The answer is ", "so 4 = "):
        for task in ("math", code.NAME, "reasoning_gym/x"):
            read_leniently(before + hostile, task)
    assert time.process_time() - started < 12
