"""Worked solutions of arithmetic expressions, and endless streams of reasoning-gym entries."""

import ast
import operator
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

_NUMBER = re.compile(r"\s*[+-]?\d+(?:\.\d+)?\s*", re.ASCII)
_OPERATORS: dict[type[ast.operator], tuple[str, Callable[[int, int], int]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
}


def work_out(expression: str, record: Callable[[str, int], int]) -> int:
    """Evaluate an expression of integers, `+ - *` and parentheses, one operation at a time.

    Args:
        expression: "5 - 2 * 3".
        record: called with each operation ("2 * 3") and its right result (6); returns the value to continue with, so
            that a slip carries through.

    Returns:
        The value of the expression, given the values that `record` returned.

    Raises:
        ValueError: if the expression contains anything else.

    >>> work_out("5 - 2 * 3", lambda operation, result: print(operation, "=", result) or result)
    2 * 3 = 6
    5 - 6 = -1
    -1
    """

    def evaluate(node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int(value)) if not isinstance(value, bool):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -evaluate(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                symbol, apply = _OPERATORS[type(op)]
                a, b = evaluate(left), evaluate(right)
                return record(f"{a} {symbol} {b}", apply(a, b))
        raise ValueError(f"not an expression of integers, + - * and parentheses: {expression!r}")

    try:
        parsed = ast.parse(expression, mode="eval")
    except SyntaxError as error:
        raise ValueError(f"not an expression: {expression!r}") from error
    return evaluate(parsed.body)


def entries(name: str, options: dict[str, Any], seed: int, chunk: int = 2000) -> Iterator[dict[str, Any]]:
    """Yield entries of a reasoning-gym family without end, in chunks that do not overlap.

    Raises:
        ValueError: if the family does not have an option, or its value is invalid.
    """
    import reasoning_gym  # two seconds: prepare alone generates, while a dozen stages verify

    while True:
        try:
            dataset = reasoning_gym.create_dataset(name, size=chunk, seed=seed, **options)
        except (AssertionError, TypeError) as error:
            raise ValueError(f"options {options} of reasoning-gym's {name}: {error}") from error
        yield from dataset
        seed += chunk  # entry i uses seed + i, so consecutive seeds would repeat entries


def same_number(predicted: str, gold: str) -> bool:
    """True if an answer is a plain ASCII decimal number, and equal to the gold one.

    Decimal alone also accepts "4_" and digits of any script.
    """
    return _NUMBER.fullmatch(predicted) is not None and Decimal(predicted) == Decimal(gold)
