"""The program of one worker process, see r1/tasks/math_workers.py: requests in, what sympy finds out.

A request is a line of JSON on standard input: gold's LaTeX, an answer's, and what is asked of them, "equal" unless it
is said ("line": is one a multiple of the other, "side": a positive one). Its reply, a line on standard output, is
`[found, bytes]`: yes or no, and the most address space that this process ever took. Before the first comes an empty
line: ready.

The parser is math-verify's, latex2sympy2-extended. The comparison is not: math-verify compares floats at six digits
and chops at fifteen, so that 10^{-20} is 10^{-21}, and calls `simplify`, which may take forever. Here both are worked
out at random points to thirty digits, exactly where they are rational; what has no value is not equal.

Limits are the kernel's, since math-verify's own (`signal.alarm`, an exception) wait for C code to return, and the
exception is swallowed where sympy catches all: a timer of processor time that ends the process, and its address space.
"""

import json
import logging
import os
import random
import resource
import signal
import sys
from pathlib import Path
from typing import Any

_DIGITS = 30
_ENOUGH = 3
"""Points where both have a value; a polynomial that vanishes there by chance is nowhere else."""


def main(cpu_seconds: float, memory_bytes: int) -> None:
    """Reply until standard input ends.

    Args:
        cpu_seconds: processor time for one request; beyond it SIGPROF ends this process.
        memory_bytes: of address space; beyond it allocations fail.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    logging.disable()
    _amend_parser()
    found_of("x+1", "1+\\frac{2x}{2}")  # imports and first use take as long as some hundred answers
    for stream in (sys.stdout, sys.stderr):  # what libraries print is no reply
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    replies.write(b"\n")
    for line in sys.stdin.buffer:
        request = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        try:
            found = found_of(*request)
        except Exception:  # RecursionError, MemoryError, and whatever else sympy has
            found = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps([found, _peak()]).encode() + b"\n")


def _amend_parser() -> None:
    """Hydra pins ANTLR 4.9.3, and the parser generated for it lacks an attribute that the visitor of percentages asks.

    latex2sympy2-extended 1.11 (its pull request 2 added it): `atom.FUNC_GAMMA()` is called before
    `atom.PERCENT_NUMBER()`, so that every percentage raised. This process is a worker's own:
    nobody else's parser changes.
    """
    from latex2sympy2_extended.antlr_parser import PSParser

    if not hasattr(PSParser.AtomContext, "FUNC_GAMMA"):
        PSParser.AtomContext.FUNC_GAMMA = lambda _: None


def found_of(gold: str, predicted: str, asked: str = "equal") -> bool:
    """Whether it is so: see the module.

    >>> found_of("\\\\frac{x+2}{7}", "\\\\frac{x}{7}+\\\\frac{2}{7}"), found_of("x-y", "2y-2x", "side")
    (True, False)
    """
    one, other = _parsed(gold), _parsed(predicted)
    if one is None or other is None:
        return False
    if asked == "equal":
        return one == other or _agree(one, other)
    return _proportional(one, other, asked)


def _parsed(latex: str) -> Any:
    """A sympy expression, or None: floats exact, i the imaginary unit, letters as they are written."""
    import sympy
    from latex2sympy2_extended import latex2sympy
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig

    config = ConversionConfig(lowercase_symbols=False)
    found = latex2sympy(latex, is_real=None, convert_degrees=False, normalization_config=None, conversion_config=config)
    if not isinstance(found, sympy.Expr):
        return None
    found = found.replace(lambda part: part.is_Float, lambda part: sympy.Rational(str(part))).doit()
    return found.xreplace({symbol: sympy.I for symbol in found.free_symbols if symbol.name == "i"})


def _agree(one: Any, other: Any) -> bool:
    """Equal at every point where both have a value, as real functions if no i is in them."""
    import sympy

    if one.is_Rational and other.is_Rational:
        return bool(one == other)
    if one.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan) or other.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan):
        return False
    compared = 0
    points = _points(one, other)
    for point in points:
        ours, theirs = (_value(expression, point) for expression in (one, other))
        if ours is None or theirs is None:
            continue
        if _is_close(ours, theirs, one - other, point):
            compared += 1
        elif sympy.im(ours) == 0 or sympy.im(theirs) == 0 or one.has(sympy.I) or other.has(sympy.I):
            return False
    return compared >= min(_ENOUGH, len(points))


def _proportional(one: Any, other: Any, asked: str) -> bool:
    """Their quotient is the same number everywhere, not zero: two equations of one line."""
    import sympy

    if not one.free_symbols or one.free_symbols != other.free_symbols:
        return False
    ratios = []
    for point in _points(one, other):
        ours, theirs = (_value(expression, point) for expression in (one, other))
        if ours is not None and theirs is not None and ours != 0 and theirs != 0:
            ratios.append((theirs / ours).evalf(_DIGITS))
    if len(ratios) < _ENOUGH or sympy.im(ratios[0]) != 0:
        return False
    constant = all(abs(ratio - ratios[0]) < abs(ratios[0]) * sympy.Float(10) ** (10 - _DIGITS) for ratio in ratios)
    return bool(constant and (asked == "line" or ratios[0] > 0))


def _points(one: Any, other: Any) -> list[dict[Any, Any]]:
    """Values for all symbols, the same of every run; most are positive, where roots and logarithms are real."""
    import sympy

    symbols = sorted(one.free_symbols | other.free_symbols, key=str)
    if not symbols:
        return [{}]
    rng = random.Random(0)
    return [
        {symbol: sympy.Rational(rng.randint(500, 3_500) * sign, 997) for symbol in symbols}
        for sign in (1, 1, 1, 1, -1, 3, -3)
    ]


def _value(expression: Any, point: dict[Any, Any]) -> Any:
    value = expression.xreplace(point).evalf(_DIGITS, maxn=2_000)
    return value if value.is_number and value.is_finite and not value.free_symbols else None


def _is_close(ours: Any, theirs: Any, difference: Any, point: dict[Any, Any]) -> bool:
    import sympy

    size = max(abs(ours), abs(theirs))
    if size == 0:
        return True
    if abs(ours - theirs) > size * sympy.Float(10) ** (5 - _DIGITS):
        return False
    # Close is not equal: 1 + 10^{-40} is not 1.
    left = difference.xreplace(point).evalf(_DIGITS, maxn=400)
    return bool(abs(left) < size * sympy.Float(10) ** -90) or bool(left.is_comparable and left == 0)


def _peak() -> int:
    """Address space at its largest, in bytes (proc_pid_status(5), VmPeak)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmPeak:")[2].split()[0])


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
