"""Any reasoning-gym family by name: its questions and answers, and its verifier as far as it can be trusted.

Source: reasoning-gym (arXiv 2505.24760). Instance: `reasoning_gym/gcd`, "Find the Greatest Common Divisor (GCD) of
these numbers: 26, 760. …" -> gold {"answer": "2", "options": {}, "seed": 17, "index": 0}.

Their verifiers score an answer against its entry, whose metadata does not fit in a table. But options, seed and index
determine an entry, so a gold answer here records them beside the answer itself.

Their verifiers give partial credit, which counts as wrong, and some can be fooled or run model output as Python. So an
answer passes only

- if it is the gold answer: the same lines, the same number, or the same JSON;
- or, for a family in `_CHECKED`, if it passes our own check;
- or, for a family in `_OWN`, if it has the form given there and their verifier gives it full credit.

An empty answer and one that repeats the question are always wrong. docs/reasoning_gym.md lists the families.

Long because it keeps the tables of how each family is verified beside the checks that they name.
"""

import ast
import json
import math
import operator
import random
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from r1.config.data import REASONING_GYM
from r1.support.errors import UserError
from r1.tasks.problem import Problem

REFUSED = {
    "composite": "name each of the families it would mix by itself",
    "boxnet": "it has no gold answer to try its verifier on",
    "propositional_logic": "any premise repeated would be a right conclusion",
    "rush_hour": "it has no gold answer to try its verifier on",
}
"""Unusable families, and why."""

CHUNK = 2000
"""Entries per data set; the next starts at a seed that repeats none."""
_TRIED = 200
"""Number of entries to try before giving up on a family none of whose gold answers verifies."""
_EXAMPLES = {"graph_color": "possible_answer", "rubiks_cube": "example_correct_answer"}
"""Families without a single gold answer, and the metadata key of a right one."""

_ANY = re.compile(r".+", re.DOTALL)
_OWN: Mapping[str, re.Pattern[str]] = {
    "advanced_geometry": re.compile(r"[-+\d.,()/\s°]+"),
    "bitwise_arithmetic": re.compile(r"[-+]?(?:0x[\da-f]+|0b[01]+|\d+)", re.IGNORECASE),
    "color_cube_rotation": _ANY,
    "complex_arithmetic": re.compile(r"[-+\d.ij()\s]+"),  # their verifier accepts "nan"
    "cryptarithm": re.compile(r"[A-Z\d=,\s]+", re.ASCII),
    "decimal_arithmetic": re.compile(r"[-+]?\d+(?:\.\d+)?", re.ASCII),
    "dice": _ANY,
    "family_relationships": _ANY,
    "fraction_simplification": re.compile(r"\$?\s*(?:\\d?frac\s*\{\s*\d+\s*\}\s*\{\s*\d+\s*\}|\d+\s*/\s*\d+)\s*\$?"),
    "graph_color": _ANY,
    "group_anagrams": _ANY,
    "jugs": _ANY,
    "kakurasu": re.compile(r"[01\s]+"),
    "knight_swap": _ANY,
    "knights_knaves": re.compile(r"[A-Za-z\s,.()]+"),
    "needle_haystack": _ANY,
    "palindrome_generation": _ANY,
    "palindrome_partitioning": _ANY,
    "polynomial_equations": re.compile(r"[-+\d.,\s]+"),
    "pool_matrix": re.compile(r"[-+\d.\s]+"),
    "power_function": re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d{1,3})?", re.ASCII | re.IGNORECASE),
    "prime_factorization": re.compile(r"[\d\s×]+"),
    "quantum_lock": re.compile(r"[ABC](?:\s*→\s*[ABC])*"),  # theirs picks A, B and C out of any text
    "rubiks_cube": re.compile(r"[FBLRUD]'?(?:\s+[FBLRUD]'?)*"),  # "U999999999" exhausts memory
    "shortest_path": _ANY,
    "sokoban": re.compile(r"[UDLR]+"),  # theirs ignores anything that is not a move
    "time_intervals": re.compile(r"\d+ days?(?:, [\d:.]+)?|[\d:.]+"),
    "tower_of_hanoi": _ANY,
    "tsumego": _ANY,
    "word_ladder": _ANY,
    "word_sorting": _ANY,
    "zebra_puzzles": _ANY,
}
"""Families whose verifier accepts several answers and has been reviewed, and the form an answer must have."""

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_FUNCTIONS: Mapping[str, Callable[[float], float]] = {
    **{name: getattr(math, name) for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "asin", "acos", "atan")},
    **{name: getattr(math, name) for name in ("sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
    "Abs": abs,
}
_NUMBER = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?", re.ASCII)


class ReasoningGymFamily:
    """One family; see Task. `name` is reasoning_gym/<family>."""

    def __init__(self, name: str) -> None:
        from reasoning_gym.factory import DATASETS  # two seconds for all families: not for stages that use none

        self.name, self.family = name, name.removeprefix(REASONING_GYM)
        if self.family in REFUSED:
            raise ValueError(f"{name} cannot be used: {REFUSED[self.family]}")
        if self.family not in DATASETS:
            close = get_close_matches(self.family, DATASETS, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise ValueError(f"reasoning-gym has no family {self.family!r}{hint}")

    def generate(self, options: dict[str, Any], seed: int) -> Iterator[Problem]:
        """Yield problems whose gold answer verifies, without end; options are the family's.

        Raises:
            ValueError: if the family does not have an option, its value is invalid, or no gold answer verifies.
        """
        written = json.dumps(options, sort_keys=True)
        tried = found = 0
        while True:
            for index in range(CHUNK):
                entry, answer = _entry(self.family, written, seed, index)
                tried += 1
                gold = json.dumps(
                    {"answer": answer, "options": options, "seed": seed, "index": index}, ensure_ascii=False
                )
                if self.verify(answer, gold):
                    found += 1
                    yield Problem(self.name, entry["question"].strip(), gold)
                if tried == _TRIED and not found:
                    raise ValueError(f"of {tried} problems of {self.name} no gold answer is verified")
            seed += CHUNK

    def verify(self, predicted: str, gold: str) -> bool:
        """True for a right answer with full credit; an answer on which their verifier raises is wrong.

        Raises:
            UserError: if the gold answer is not in our format, or the installed reasoning-gym has another entry there.
        """
        try:
            told = json.loads(gold)
            options = json.dumps(told["options"], sort_keys=True)
            entry, answer = _entry(self.family, options, told["seed"], told["index"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"the gold answer of {self.name} does not lead to its problem: {error}") from error
        if answer != told["answer"]:
            raise UserError(f"{self.name} gives other answers than when the prompts were made: run prepare again")
        said, question = predicted.strip(), entry["question"].strip()
        if not said or question in said:
            return False
        try:
            return self._is_right(said, answer, entry, _data_set(self.family, options, told["seed"]))
        except Exception:  # model output can raise anything
            return False

    def _is_right(self, said: str, answer: str, entry: dict[str, Any], data_set: Any) -> bool:
        if self.family in _CHECKED:
            return _CHECKED[self.family](said, entry)
        if _same(said, answer):
            return True
        form = _OWN.get(self.family)
        return form is not None and form.fullmatch(said) is not None and data_set.score_answer(said, entry) == 1.0


@lru_cache(maxsize=256)
def _data_set(family: str, options: str, seed: int) -> Any:
    import reasoning_gym

    try:
        return reasoning_gym.create_dataset(family, size=CHUNK, seed=seed, **json.loads(options))
    except (AssertionError, TypeError) as error:
        raise ValueError(f"options {options} of reasoning-gym's {family}: {error}") from error


@lru_cache(maxsize=4096)
def _entry(family: str, options: str, seed: int, index: int) -> tuple[dict[str, Any], str]:
    """An entry and its gold answer, as text."""
    entry: dict[str, Any] = _data_set(family, options, seed)[index]
    answer = entry["metadata"][_EXAMPLES[family]] if family in _EXAMPLES else entry["answer"]
    return entry, (answer if isinstance(answer, str) else json.dumps(answer)).strip()


def _same(said: str, answer: str) -> bool:
    """True for the same lines up to spaces, the same plain number, or the same JSON."""
    if _lines(said) == _lines(answer):
        return True
    if _NUMBER.fullmatch(said) and _NUMBER.fullmatch(answer):
        return Decimal(said.replace(",", "")) == Decimal(answer.replace(",", ""))
    if answer[:1] in "[{" and said[:1] == answer[:1]:
        try:
            return json.dumps(json.loads(said), sort_keys=True) == json.dumps(json.loads(answer), sort_keys=True)
        except ValueError:
            return False
    return False


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.strip().splitlines()]


def _evaluate(node: ast.expr, names: Mapping[str, float]) -> float:
    """The value of an expression in floats, whose powers are fast; sympy would compute them exactly, or run the text.

    Raises:
        ValueError: if it contains anything but numbers, these names, + - * / ** and functions of one argument.
    """
    match node:
        case ast.Constant(value=int(value) | float(value)) if not isinstance(value, bool):
            return float(value)
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand, names)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            value = _OPERATORS[type(op)](_evaluate(left, names), _evaluate(right, names))
            if not isinstance(value, float):  # root of a negative number
                raise ValueError("not real")
            return value
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](_evaluate(argument, names))
    raise ValueError("not an expression of numbers")


def _value(text: str, names: Mapping[str, float]) -> float:
    return _evaluate(ast.parse(text, mode="eval").body, names)


def _points(entry: Mapping[str, Any]) -> Iterator[Callable[[], float]]:
    rng = random.Random(entry["question"])
    return (lambda: rng.uniform(0.3, 1.7) for _ in range(6))


def _combines(said: str, numbers: list[int], target: float) -> bool:
    """True if the expression uses each number once, with + - * / and parentheses, and gives the target."""
    if not re.fullmatch(r"[\d\s+\-*/()]+", said, re.ASCII) or re.search(r"\*\s*\*|/\s*/", said):
        return False
    used = sorted(map(int, re.findall(r"\d+", said)))
    return used == sorted(numbers) and math.isclose(_value(said, {}), target, rel_tol=1e-9, abs_tol=1e-9)


def _countdown(said: str, entry: dict[str, Any]) -> bool:
    """Theirs passes the answer to sympy, which runs it as Python."""
    return _combines(said, entry["metadata"]["numbers"], entry["metadata"]["target"])


def _puzzle24(said: str, entry: dict[str, Any]) -> bool:
    """Theirs accepts any four numbers, rounds 24.9 down, and runs the answer as Python."""
    return _combines(said, entry["metadata"]["numbers"], 24)


def _polynomial(said: str, entry: dict[str, Any]) -> bool:
    """True if expanded (no parentheses) and equal at some points; theirs runs the answer as Python."""
    if "(" in said:
        return False
    for point in _points(entry):
        names = {name: point() for name in entry["metadata"]["variables"]}
        if not math.isclose(_value(said, names), _value(entry["answer"], names), rel_tol=1e-9, abs_tol=1e-6):
            return False
    return True


def _antiderivative(said: str, entry: dict[str, Any]) -> bool:
    """True if its slope is the integrand at some points; theirs accepts `Integral(…)` and runs the answer as Python."""
    variable, step = entry["metadata"]["variable"], 1e-5
    constants = {"C": 0.0, "pi": math.pi, "E": math.e}
    for point in _points(entry):
        x = point()
        below, above = (_value(said, {**constants, variable: place}) for place in (x - step, x + step))
        right = _value(entry["metadata"]["integrand"], {**constants, variable: x})
        if not math.isclose((above - below) / (2 * step), right, rel_tol=1e-4, abs_tol=1e-12):
            return False
    return True


def _probability(said: str, entry: dict[str, Any]) -> bool:
    """True to three digits; theirs accepts 0 for a probability of 0.0001, and evaluates "1e999999999"."""
    if not re.fullmatch(r"\d+(?:\.\d+)?(?:\s*/\s*\d+)?", said, re.ASCII):
        return False
    above, _, below = said.partition("/")
    return math.isclose(float(above) / float(below or 1), float(entry["answer"]), rel_tol=1e-3)


def _sorted_numbers(said: str, entry: dict[str, Any]) -> bool:
    """True for exactly the same numbers; theirs accepts each that is off by 1."""
    numbers, right = json.loads(said.replace("'", '"')), json.loads(entry["answer"].replace("'", '"'))
    return isinstance(numbers, list) and [float(one) for one in numbers] == [float(one) for one in right]


def _queens(said: str, entry: dict[str, Any]) -> bool:
    """True for one of the solutions; theirs runs any other answer as Python."""
    return _lines(said) in [_lines(board) for board in entry["metadata"]["valid_answers"]]


_CHECKED: Mapping[str, Callable[[str, dict[str, Any]], bool]] = {
    "coin_flip": _probability,
    "countdown": _countdown,
    "intermediate_integration": _antiderivative,
    "n_queens": _queens,
    "number_sorting": _sorted_numbers,
    "polynomial_multiplication": _polynomial,
    "puzzle24": _puzzle24,
    "simple_integration": _antiderivative,
}
"""Families with our own check, since their verifier can be fooled or attacked."""


def treatment(family: str) -> str:
    """How a family's answers are verified, in a few words, for tables."""
    if family in REFUSED:
        return "refused"
    if family in _CHECKED:
        return "our own check"
    if family in _OWN:
        return "its own, full credit"
    return "the gold answer"
