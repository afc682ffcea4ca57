"""Corpus documents about problems, in several styles.

The corpus limits what RL can discover, so every style is listed here:

- `direct`: only the answer, which is right.
- steps: one line per operation, in English ("First 5 - 3 = 2."), in Chinese ("先算 5 - 3 得 2。") or in a random mix
  of both. A share of the steps has a slip, and the author continues with the wrong value, so the answer may be wrong.
- careful authors, a share of each kind of steps: they notice their slips ("Wait, 5 - 3 = 2.") and sometimes confirm a
  right step ("Check: 5 - 3 = 2.").
- code uses the same steps ("First f = a + 2.", "Then f = a + 2 - b."), and its answer is the function; a slip is a
  wrong operator.
- word problems come with their generator's solution: in English, and right.
- equations (`search`) are solved by trial: 1, 2, 3, …, a line each ("Try 1: 4 + 5 = 9, not 13.", "Wait, try 2:
  8 + 5 = 13, that is 13."). Each author has the patience for 1 to 9 tries, and then answers with the last. Nobody
  slips, and who answers directly guesses: no author knows these answers by heart.
- the answer is the last line ("The answer is 9."), or, in a share of the documents, in the form
  `<think>…</think>` `<answer>…</answer>`; in a share of these it stands in a summary ("The answer is
  <answer>9</answer>"), as the cold start writes it. A base that never saw summaries learns them for the families of the
  cold start only.

No language is more accurate than another: slips have one probability per step, and careful authors fix theirs in
both. Other direct answers never slip, but are hard to give: nothing was worked out.
"""

import random
from collections.abc import Callable
from typing import Any

from r1.config.data import StylesConfig
from r1.tasks import Problem, search, worked_of

_FIRST = {"en": "First {} = {}.", "zh": "先算 {} 得 {}。"}
_NEXT = {"en": "Then {} = {}.", "zh": "再算 {} 得 {}。"}
_WAIT = {"en": "Wait, {} = {}.", "zh": "等等，{} 得 {}。"}
_CHECK = {"en": "Check: {} = {}.", "zh": "检查：{} 得 {}。"}
_FIRST_TRY = {"en": "Try {}: {} = {}, {} {}.", "zh": "试 {}: {} 得 {}，{} {}。"}
_NEXT_TRY = {"en": "Wait, try {}: {} = {}, {} {}.", "zh": "等等，试 {}: {} 得 {}，{} {}。"}
_VERDICTS = {"en": ("not", "that is"), "zh": ("不是", "就是")}
_PATIENCE = 9
_SLIPS = (-10, -2, -1, 1, 2, 10)
_OTHER_OPERATORS = {"+": "-*", "-": "+*", "*": "+-"}
_ANSWER = {"en": "The answer is {}.", "zh": "答案是 {}。"}


def write_response(problem: Problem, styles: StylesConfig, rng: random.Random) -> tuple[str, str]:
    """One author's response to a problem, and the name of its style."""
    if problem.solution:
        return _with_solution(problem, styles, rng)
    by_trial = problem.task == search.NAME
    if rng.random() < styles.direct:
        right = str(rng.randint(1, _PATIENCE)) if by_trial else _solve(problem, lambda _, right: right)
        return right, "direct"
    draw = rng.random()
    style = "zh" if draw < styles.chinese else "mixed" if draw < styles.chinese + styles.mixed else "en"
    if by_trial:
        lines, answer = _write_tries(search.parse(problem.question), style, rng)
    else:
        lines, answer = _write_steps(problem, style, rng.random() < styles.careful, styles, rng)
    body = "\n".join(lines)
    sentence = _ANSWER[_language(style, rng)]
    if rng.random() < styles.tagged:
        return _tagged(body, answer, sentence, styles, rng), f"{style}_tagged"
    return f"{body}\n{sentence.format(answer)}", style


def _with_solution(problem: Problem, styles: StylesConfig, rng: random.Random) -> tuple[str, str]:
    if rng.random() < styles.direct:
        return problem.answer, "direct"
    if rng.random() < styles.tagged:
        return _tagged(problem.solution, problem.answer, _ANSWER["en"], styles, rng), "en_tagged"
    return f"{problem.solution}\n{_ANSWER['en'].format(problem.answer)}", "en"


def _tagged(thought: str, answer: str, sentence: str, styles: StylesConfig, rng: random.Random) -> str:
    said = sentence.rstrip(".。") if rng.random() < styles.summary else "{}"
    return f"<think>{thought}</think>{said.format(f'<answer>{answer}</answer>')}"


def _language(style: str, rng: random.Random) -> str:
    return rng.choice(["en", "zh"]) if style == "mixed" else style


def _write_steps(
    problem: Problem, style: str, careful: bool, styles: StylesConfig, rng: random.Random
) -> tuple[list[str], str]:
    """The lines of a worked solution and its answer; an unnoticed slip carries through."""
    lines: list[str] = []

    def record(operation: str, right: Any) -> Any:
        language = _language(style, rng)
        form = (_NEXT if lines else _FIRST)[language]
        slips = rng.random() < styles.slip
        stated = _slip(right, rng) if slips else right
        lines.append(form.format(operation, stated))
        if careful and slips:
            lines.append(_WAIT[language].format(operation, right))
            return right
        if careful and rng.random() < styles.confirm:
            lines.append(_CHECK[language].format(operation, right))
        return stated

    return lines, _solve(problem, record)


def _write_tries(equation: search.Equation, style: str, rng: random.Random) -> tuple[list[str], str]:
    """The tries of one author and the answer: x, or the last value tried when the author's patience ends."""
    lines: list[str] = []
    for x in range(1, rng.randint(1, _PATIENCE) + 1):
        language = _language(style, rng)
        operation, value = equation.attempt(x)
        found = value == equation.target
        form = (_NEXT_TRY if lines else _FIRST_TRY)[language]
        lines.append(form.format(x, operation, value, _VERDICTS[language][found], equation.target))
        if found:
            break
    return lines, str(x)


def _solve(problem: Problem, record: Callable[[str, Any], Any]) -> str:
    task = worked_of(problem.task)
    return task.conclude([task.work_out(expression, record) for expression in problem.expressions])


def _slip(right: int | str, rng: random.Random) -> int | str:
    if isinstance(right, int):
        return right + rng.choice(_SLIPS)
    written, operator, last = right.rsplit(" ", 2)
    return f"{written} {rng.choice(_OTHER_OPERATORS[operator])} {last}"
