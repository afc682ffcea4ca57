"""Answers to verify: ordinary ones, and families of adversarial ones."""

import random
from collections.abc import Callable


def ordinary(rng: random.Random) -> tuple[str, str, str]:
    """A gold answer as data sets have it, the same otherwise written, and a wrong one."""
    a, b, n = rng.randint(2, 9_999), rng.randint(2, 9_999), rng.randint(2, 9)
    forms = [
        (f"{a}", f"{a}.0", f"{a + 1}"),
        (f"{a}", f"${a}$", f"{a}.5"),
        (f"{a * 1000}", f"{a * 1000:,}", f"{a * 100}"),
        (f"\\frac{{{a}}}{{{b}}}", f"{a}/{b}", f"\\frac{{{a}}}{{{b + 1}}}"),
        (f"{a / 8}", f"\\frac{{{a}}}{{8}}", f"\\frac{{{a}}}{{9}}"),
        (f"{n}\\sqrt{{{b}}}", f"\\sqrt{{{n * n * b}}}", f"{n + 1}\\sqrt{{{b}}}"),
        (f"x^{n} + {a}x - {b}", f"{a}x - {b} + x^{n}", f"x^{n} - {a}x - {b}"),
        (f"(x + {n})^2", f"x^2 + {2 * n}x + {n * n}", f"x^2 + {n}x + {n * n}"),
        (f"({a}, {b})", f"\\left({a},{b}\\right)", f"({b + 1}, {a})"),
        (f"[{a}, \\infty)", f"\\left[{a},\\infty\\right)", f"({a}, \\infty)"),
        (f"\\{{{a}, {b}, 1\\}}", f"\\{{1, {b}, {a}\\}}", f"\\{{1, {b}\\}}"),
        (f"\\frac{{{a}\\pi}}{{{n}}}", f"{a}\\pi/{n}", f"\\frac{{{a + 1}\\pi}}{{{n}}}"),
        (f"{a} \\text{{ cm}}", f"{a}", f"{a + 1} \\text{{ cm}}"),
        (
            f"\\begin{{pmatrix}} {a} & {b} \\\\ 1 & {n} \\end{{pmatrix}}",
            f"\\begin{{pmatrix}}{a}&{b}\\\\1&{n}\\end{{pmatrix}}",
            f"\\begin{{pmatrix}}{a}&{b}\\\\2&{n}\\end{{pmatrix}}",
        ),
    ]
    return rng.choice(forms)


def _nested(opening: str, core: str, closing: str) -> Callable[[random.Random], str]:
    def nested(rng: random.Random) -> str:
        depth = int(10 ** rng.uniform(1, 5))
        return opening * depth + core + closing * depth

    return nested


def _one_of(*templates: str) -> Callable[[random.Random], str]:
    """N is a number of one to ten digits, M one of two or three."""

    def filled(rng: random.Random) -> str:
        text = rng.choice(templates).replace("N", str(rng.randint(2, 10 ** rng.randint(1, 10))))
        return text.replace("M", str(rng.randint(20, 400)))

    return filled


def _garbage(rng: random.Random) -> str:
    tokens = [
        "\\frac",
        "{",
        "}",
        "\\sqrt",
        "^",
        "_",
        "$",
        "\\left(",
        "\\right",
        "\\begin{cases}",
        "\\\\",
        "&",
        "4",
        "x",
    ]
    return "".join(rng.choices(tokens, k=rng.randint(1, 60)))


def _unicode(rng: random.Random) -> str:
    return "".join(chr(rng.choice([0, 8, 0x200B, 0x202E, 0x661, 0xD800, 0xDFFF, 0xFF14, 0x1D7D2])) for _ in range(20))


FAMILIES: dict[str, Callable[[random.Random], str]] = {
    "nested braces": _nested("{", "4", "}"),
    "nested brackets": _nested("(", "x", ")"),
    "nested \\left(": _nested("\\left(", "x", "\\right)"),
    "nested fractions": _nested("\\frac{1}{1+", "x", "}"),
    "nested roots": _nested("\\sqrt{1+", "x", "}"),
    "nested powers": _nested("2^{", "x", "}"),
    "nested absolute values": _nested("|x+", "x", "|"),
    "nested signs": _nested("-", "x", ""),
    "unclosed": _nested("\\frac{", "4", ""),
    "towers": _one_of(
        "10^{10^{10}}", "10^10^10", "9^{9^{9^{9}}}", "9**9**9**9", "N^{N^N}", "((9^N)^N)^N", "2^{{{N}}}", "10^{10^{N}}x"
    ),
    "large powers": _one_of(
        "N^{N}", "N^N", "N^\\frac{N}{1}", "(1.0000001)^{N}", "(N)^{(N)}", "x^{N}", "9^\\left(N\\right)"
    ),
    "roots of large numbers": _one_of("\\sqrt[N]{N^{N}}", "\\sqrt{N^{M}}", "\\sqrt[M]{N!}"),
    "factorials": _one_of("N!", "(10^8)!", "N!!", "\\frac{N!}{N!}", "(M!)!"),
    "binomials, gcd, mod": _one_of(
        "\\binom{N}{N}", "\\binom{10^9}{10^8}", "\\gcd(N!, N!)", "N^{N} \\bmod N", "\\text{lcm}(N, N^{M})"
    ),
    "expansions": _one_of("(x+y+z+w)^{50}", "(x+y+z+w)^{M}", "(a+b+c+d+e+f)^{M}(a-b)^{M}", "((x+1)^{M}+y)^{M}"),
    "sums and products": _one_of(
        "\\sum_{i=1}^{N} i^{M}",
        "\\prod_{i=1}^{N} i",
        "\\sum_{i=1}^{N}\\sum_{j=1}^{N} \\frac{1}{i+j}",
        "\\sum_{i=1}^{N} i!",
    ),
    "integrals and limits": _one_of(
        "\\int_0^1 x^x dx",
        "\\int e^{\\sin(x^M)} dx",
        "\\int_0^{N} \\frac{\\sin^{M} x}{1+x^{M}} dx",
        "\\lim_{x\\to 0} \\frac{\\sin(\\sin(x^{M}))}{x^{M}}",
    ),
    "functions": _one_of(
        "\\sin(\\sin(\\sin(10^{N})))", "\\log_{N}(N^{N})", "\\cos^{M}(x)\\sin^{M}(x)", "e^{e^{e^{M}}}"
    ),
    "sets and intervals": _one_of(
        "[0, N] \\cup (N, \\infty) \\cup (-\\infty, N]",
        "\\{1, N, N^{N}\\}",
        "(-N, N) \\setminus \\{0\\}",
        "(1, 10^{10^{10}})",
    ),
    "matrices": _one_of(
        "\\begin{pmatrix}" + "\\\\".join(["&".join(["x"] * 9)] * 9) + "\\end{pmatrix}^{M}",
        "\\det\\begin{pmatrix}"
        + "\\\\".join("&".join(f"x_{i}^{j}" for j in range(7)) for i in range(7))
        + "\\end{pmatrix}",
        "\\begin{pmatrix} N^{N} & 1 \\\\ 0 & 1 \\end{pmatrix}",
    ),
    "long numbers": lambda rng: str(rng.randint(1, 9)) * rng.randint(200, 5_000),
    "long sums": lambda rng: "+".join(["x"] * rng.randint(100, 20_000)),
    "megabytes": lambda rng: (
        rng.choice(["4", "x+", "\\frac{", "{", "\\sqrt{2}", "4 or "]) * rng.randint(200_000, 1_000_000)
    ),
    "broken LaTeX": _garbage,
    "unicode, NUL, surrogates": _unicode,
    "format tags": _one_of(
        "<answer>4</answer>", "<think>4</think>", "</answer><answer>4", "\\boxed{4}} \\boxed{{5", "</think>"
    ),
    "broken LaTeX around the gold answer": _one_of("\\frac{4", "4}{", "\\left(4", "$4", "4 \\\\ 5", "\\text{4", "4 &"),
}
