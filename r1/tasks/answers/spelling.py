"""One spelling for an answer: Unicode as LaTeX, LaTeX without its variants, no dress around it.

A layer before math-verify's parser, which reads none of `5.`, `**5**` (Math-Verify issue 76), `$5$ cm`, `(1，2)` or
`\\cfrac`, and drops a roman i as a unit (`NormalizationConfig(units=True)`). No rule repeats a repetition, so that no
answer of bounded length takes long.
"""

import re

MAX_DEPTH = 10
"""Of braces in each other. No answer needs more, and the grammar of latex2sympy2 takes exponential time in it."""

_UNICODE = {
    **dict(zip("（）［］｛｝，；：。！？、＝＋＜＞｜％＄／＊＾＿＂｀～", "()[]{},;:.!?,=+<>|%$/*^_\"`~", strict=True)),
    **dict.fromkeys("－﹣‐‑‒–—−", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2009\u202f\u3000", " "),
    **dict.fromkeys("’‘′", "'"),
    **dict.fromkeys("“”″", '"'),
    **dict.fromkeys("×·⋅∙", "\\cdot "),
    **dict(zip("½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞", (f" \\frac{{{n}}}{{{d}}}" for n, d in (
        (1, 2), (1, 3), (2, 3), (1, 4), (3, 4), (1, 5), (2, 5), (3, 5), (4, 5), (1, 6), (5, 6), (1, 8), (3, 8),
        (5, 8), (7, 8))), strict=True)),
    "∶": ":", "÷": "\\div ", "≤": "\\le ", "⩽": "\\le ", "≥": "\\ge ", "⩾": "\\ge ", "≠": "\\ne ", "≈": "\\approx ",
    "±": "\\pm ", "∓": "\\mp ", "∞": "\\infty ", "∈": "\\in ", "∪": "\\cup ", "∩": "\\cap ", "∅": "\\emptyset ",
    "∖": "\\setminus ", "∠": "\\angle ", "△": "\\triangle ", "→": "\\to ", "⇒": "\\Rightarrow ", "∴": "\\therefore ",
    "≡": "\\equiv ", "…": "\\ldots ", "ℝ": "\\mathbb{R}", "ℤ": "\\mathbb{Z}", "ℚ": "\\mathbb{Q}", "ℕ": "\\mathbb{N}",
    "ℂ": "\\mathbb{C}", "⟨": "\\langle ", "⟩": "\\rangle ", "⌊": "\\lfloor ", "⌋": "\\rfloor ", "⌈": "\\lceil ",
    "⌉": "\\rceil ", "√": "\\sqrt ", "∣": "|",
}  # fmt: skip
_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "upsilon": "υ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Delta": "Δ", "Omega": "Ω", "Sigma": "Σ", "Phi": "Φ",
}  # fmt: skip
_UNICODE |= {letter: f"\\{name} " for name, letter in _GREEK.items()}
_TABLE = str.maketrans(_UNICODE)
_RAISED, _LOWERED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "₀₁₂₃₄₅₆₇₈₉₊₋"
_LEVELS = str.maketrans(_RAISED + _LOWERED, "0123456789+-" * 2)

ROW = "\u00a6"
"""Stands for the end of a row, in a matrix or a system."""
_ROW = re.compile(r"\\\\(?:\[[^\[\]]*\])?")
_SPACES = r"\\(?:[,:; ]|(?:thin|med|thick|en)space(?![A-Za-z])|q?quad(?![A-Za-z])|hspace\*?\{[^{}]*\})|~|\{\\[,:; ]\}"
_TEXT = re.compile(
    r"\\(?:text(?:normal|bf|it|rm|sf|tt)?|math(?:rm|bf|it|sf|tt|normal)|mbox|hbox|operatorname\*?|rm)\s*\{([^{}]*)\}"
)
_WORDS_OF_MATHEMATICS = r"sinh|cosh|tanh|arcsin|arccos|arctan|sin|cos|tan|cot|sec|csc|ln|log|lg|exp|sqrt|pi|infty"
_RULES: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), replacement)
    for pattern, replacement in [
        (r"\s+", " "),
        (r"\\!\s*", ""),
        (r"\\(?:displaystyle|limits|nolimits|bigl?|bigr|Bigl?|Bigr|biggl?|biggr)(?![A-Za-z])", ""),
        (r"\\m?(?:left|right)(?![A-Za-z])\s*\.?", ""),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\(?:degree|textdegree)(?![A-Za-z])|\^\s*\{?\s*\\circ(?![A-Za-z])\s*\}?", "°"),
        (r"\^ ?\{? ?\\prime ?\\prime ?\}?", "''"),
        (r"\^ ?\{? ?\\prime(?![A-Za-z]) ?\}?", "'"),
        (r"\(? ?\\?[pb]?mod(?![A-Za-z]) ?(?:\{ ?(\w+) ?\}|(\w+)) ?\)?", r"\\pmod{\1\2}"),
        (r"(?<![A-Za-z])per cent(?![A-Za-z])", "percent"),
        (r"\\(?:lbrace|\{)", r"\\{"),
        (r"\\(?:rbrace|\})", r"\\}"),
        (r"\\lbrack(?![A-Za-z])", "["),
        (r"\\rbrack(?![A-Za-z])", "]"),
        (r"\\(?:[lr]?vert|mid)(?![A-Za-z])", "|"),
        (r"\\colon(?![A-Za-z])", ":"),
        (r"\\(?:leqslant|leq|le)(?![A-Za-z])|(?<![<=])<=(?!=)", r"\\le "),
        (r"\\(?:geqslant|geq|ge)(?![A-Za-z])|(?<![>=])>=(?!=)", r"\\ge "),
        (r"\\neq(?![A-Za-z])", r"\\ne "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\(?:backslash|smallsetminus)(?![A-Za-z])", r"\\setminus "),
        (r"\\varnothing(?![A-Za-z])", r"\\emptyset "),
        (r"\\(?:dots|cdots|dotsc|dotsb)(?![A-Za-z])|\.\.\.", r"\\ldots "),
        (r"\\(?:times|ast)(?![A-Za-z])", r"\\cdot "),
        (r"\\mathbb\s*([A-Z])(?![A-Za-z])|\\(?:Bbb|bold)\s*\{([A-Z])\}", r"\\mathbb{\1\2}"),
        (r"\\(?:d?bar|overline)\s*(?=\{)", r"\\overline"),
        (r"\*\*", "^"),
        (r"(?<![\\A-Za-z])infinity(?![A-Za-z])", r"\\infty "),
        (rf"(?<![\\A-Za-z])({_WORDS_OF_MATHEMATICS})(?![A-Za-z])", r"\\\1 "),
        (r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"\\sqrt\s*(\d+|[A-Za-z]|\\pi(?![A-Za-z]))", r"\\sqrt{\1}"),
        (r"\\frac\s*(\d|[A-Za-z])\s*(\d|[A-Za-z])", r"\\frac{\1}{\2}"),
        (r"\\frac\s*(\d|[A-Za-z])\s*\{", r"\\frac{\1}{"),
        (r"\\frac\s*(\{[^{}]*\})\s*(\d|[A-Za-z])", r"\\frac\1{\2}"),
        (r"([\^_])\s*(\\[A-Za-z]+(?!\s*\{|[A-Za-z])|-?\d+|[A-Za-z])", r"\1{\2}"),
        (r"([\^_])\s*\{\s*([^{}]*?)\s*\}", r"\1{\2}"),
        (r"\\lg(?![A-Za-z])\s*", r"\\log_{10} "),
        (r"\*", r"\\cdot "),
        (r"(?<=\d)\{,\}(?=\d{3}(?!\d))", ","),
        (r"(?<=\d)\{,\}(?=\d)", "."),
        (r"\{,\}", ","),
        (r" +", " "),
    ]
]
_ENDS = {
    "$$": "$$",
    "$": "$",
    "\\(": "\\)",
    "\\[": "\\]",
    "**": "**",
    "*": "*",
    "__": "__",
    "`": "`",
    "'": "'",
    '"': '"',
    "{": "}",
}
_BEFORE = re.compile(
    r"#{2,4}(?= )|(?:(?:so|thus|therefore|hence),? )?(?:the )?(?:final |correct )?answer(?: is:?|:| =)(?=[ \d\\$(])"
    r"|(?:故|所以)?(?:最终)?(?:答案|结果) ?(?:是|为|:)+|答 ?:|等于|为(?=\d)|共(?:有)?(?=\d)"
    r"|\\(?:therefore|Rightarrow|implies|approx)(?![A-Za-z])|(?:=|≈|~)(?![=~])",
    re.IGNORECASE,
)
_AFTER = re.compile(r"(?:(?<![.\\])\.|(?<!\\)[,;:]|\\\\|(?<=[A-Za-z ])!)$")
_CONTROL = re.compile(rf"[\0-\x08\x0e-\x1f\x7f-\x9f{ROW}]")
_BOX = re.compile(r"\\f?box(?:ed)?\s*(?=\{)")


def spelled(text: str) -> str | None:
    """The answer in its one spelling, without dress; None if it is broken: its braces, control characters, two boxes.

    >>> spelled("The answer is $\\\\boxed{\\\\dfrac12}$.")
    '\\\\frac{1}{2}'
    """
    if _CONTROL.search(text):
        return None
    text = re.sub(rf"[{_RAISED}]+", lambda found: f"^{{{found[0].translate(_LEVELS)}}}", text.strip())
    text = re.sub(rf"[{_LOWERED}]+", lambda found: f"_{{{found[0].translate(_LEVELS)}}}", text)
    text = text.translate(_TABLE).strip()
    if not _balanced(text):
        return None
    # Some data sets and JSON escape a backslash twice.
    text = _ROW.sub(ROW, text) if "\\begin" in text else re.sub(r"\\\\(?=[A-Za-z{}(\[%$])", r"\\", text)
    text = undressed(text)
    boxes = _BOX.findall(text)
    if len(boxes) > 1:
        return None
    text = _BOX.sub(" ", text)
    text = re.sub(rf"(?<=\d)(?:{_SPACES})(?=\d{{3}}(?!\d))", " ", text)
    text = re.sub(_SPACES, " ", text)
    for _ in range(MAX_DEPTH):
        text, changed = _TEXT.subn(_unwrapped, text)
        if not changed:
            break
    text = text.replace("\\%", "%")
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return undressed(_inline(text))


def _unwrapped(found: re.Match[str]) -> str:
    """A letter of a formula stays where it is, \\mathrm{e}^2; words stand apart."""
    command = re.search(r"\\[A-Za-z]+$", found.string[: found.start()])
    return f"{' ' if command else ''}{found[1]}" if len(found[1]) == 1 else f" {found[1]} "


def undressed(text: str) -> str:
    """Without the delimiters, boxes, emphasis, openings and stops around the whole.

    >>> undressed("**Answer: $5$.**")
    '5'
    """
    for _ in range(2 * MAX_DEPTH):
        before, text = text, text.strip()
        if opening := _BEFORE.match(text):
            text = text[opening.end() :]
        text = _AFTER.sub("", text).strip()
        for start, end in _ENDS.items():
            inner = text[len(start) : len(text) - len(end)]
            if inner and text == start + inner + end and _closes_only_there(inner, start, end):
                text = inner
                break
        if (box := _BOX.match(text)) and text.endswith("}") and _closes_only_there(text[box.end() + 1 : -1], "{", "}"):
            text = text[box.end() + 1 : -1]
        if text == before:
            break
    return text


def _closes_only_there(inner: str, start: str, end: str) -> bool:
    if start != "{":
        return start not in inner and end not in inner and not inner.endswith("\\")
    return not inner.endswith("\\") and _balanced(inner)


def _inline(text: str) -> str:
    """Formulas within a sentence are as good without their delimiters; a dollar that has no other is money."""
    text = re.sub(r"\\[()]|(?<!\\)\\[\[\]](?!\d)", " ", text).replace("\\$", "\0")
    if text.count("$") % 2 == 0:
        text = text.replace("$", " ")
    return re.sub(r" +", " ", text.replace("\0", "$"))


def _balanced(text: str) -> bool:
    """Every brace has its other, at no more than `MAX_DEPTH`."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        if not 0 <= depth <= MAX_DEPTH:
            return False
    return depth == 0
