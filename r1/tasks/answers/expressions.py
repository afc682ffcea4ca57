"""Which LaTeX sympy may be asked about, as latex2sympy2 reads it."""

import re

from r1.tasks.answers.kinds import Expression
from r1.tasks.answers.quantities import unit_of

_GREEK = (
    "alpha|beta|gamma|delta|epsilon|varepsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|rho|sigma|tau|upsilon|phi|"
    "varphi|chi|psi|omega|Delta|Omega|Sigma|Phi"
)
_COMMANDS = (
    rf"frac|sqrt|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|ln|log|exp|pi|infty|cdot|div|binom|"
    rf"lfloor|rfloor|lceil|rceil|{_GREEK}"
)
_TOKENS = re.compile(
    rf"(?:\\(?:{_COMMANDS})(?![A-Za-z])|(?<![A-Za-z])[A-Za-z]{{1,3}}(?![A-Za-z])"
    rf"|\d++(?:\.\d++)?+|\.\d++(?![.\d])|[-+/^_(){{}}\[\]|! °])++"
)
_SUBSCRIPT = r"(?:(?<=\\log)|(?<=[A-Za-z])) ?_ ?\{[A-Za-z0-9+-]+\}"
_MISREAD = re.compile(
    r"\d \d|\d \.|!!|\.\d*\.|(?<![A-Za-z\\])[fghFGH]\(|[-+] ?[-+]|[A-Za-z0-9)}]\\infty|[{(^+/-]$|^[/^_]"
    r"|\\(?:infty|pi)_|\\(?:cdot|div) ?$"
)
_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![A-Za-z])")
_DEGREES = re.compile(r"(\d+(?:\.\d+)?) ?°")
_UNIT_BEHIND = re.compile(r"(?P<latex>.*(?:[\d})!]|\\pi)) (?P<unit>\(?[A-Za-z]{2,}.*)")


def expression(text: str) -> Expression | None:
    """The expression as latex2sympy2 is to read it, or None if it would not read what stands there.

    >>> expression("2\\\\sqrt{3} cm"), expression("\\\\gcd(m,n)"), expression("f(3)")
    (Expression(latex='2\\\\sqrt{3}', unit='cm'), None, None)
    """
    unit = ""
    if (behind := _UNIT_BEHIND.fullmatch(text)) and (named := unit_of(" " + behind["unit"])):
        text, unit = behind["latex"], named
    latex = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    latex = re.sub(r"\+ ?-", "-", latex)
    if _TRIGONOMETRY.search(latex):
        latex = _DEGREES.sub(r"(\1\\cdot\\frac{\\pi}{180})", latex)
    latex = latex.replace("°", "").strip()
    if _TOKENS.fullmatch(latex) is None or _MISREAD.search(latex) or latex.count("|") % 2:
        return None
    if "_" in re.sub(_SUBSCRIPT, "", latex) or _brackets(latex):
        return None
    # ABC is a triangle, or a word; with an operator beside it, it is a product.
    if re.fullmatch(r"[A-Za-z ]{2,}", latex) or not re.search(r"[A-Za-z0-9]", latex):
        return None
    return Expression(latex, unit)


def _brackets(latex: str) -> bool:
    """True if brackets do not match in kind."""
    stack: list[str] = []
    pairs = {")": "(", "]": "[", "}": "{"}
    for bracket in re.findall(r"[(){}\[\]]", latex):
        if bracket in pairs:
            if not stack or stack.pop() != pairs[bracket]:
                return True
        else:
            stack.append(bracket)
    return bool(stack)
