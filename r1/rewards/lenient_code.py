"""The lenient reading of code: the program in a text, fenced or not, with prose around it.

LiveCodeBench's rule is the last fence. Models also show their function at work in a fence of its own, so that here the
last fence that defines something goes before the last one; a fence of another language (```text, ```bash) is none.
"""

import re
import textwrap

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^`]*$")
_PYTHON = {"", "py", "py3", "python", "python3", "python2"}
_DEFINES = re.compile(r"^(?:async +def|def|class) +\w|^\w+ *= *lambda\b", re.MULTILINE)
_CODE_BEGINS = re.compile(
    r"(?:async +def|def|class) +\w+ *[(:]|@\w|import +[\w.]+(?: +as +\w+)?(?= *(?:[,;#]|$))"
    r"|from +[\w.]+ +import\b|\w+ *= *lambda\b"
)
_CODE_GOES_ON = re.compile(
    r"\s|[#)\]}@]|(?:import|from|assert|return)\b"
    r"|(?:async|def|class|if|elif|else|for|while|try|except|finally|with)\b.*:"
    r"|[\w.\[\]'\"]+ *(?:[-+*/%]?=|\()"
)


def lenient_code(text: str) -> str | None:
    """The program in a text; None if there is nothing.

    >>> lenient_code("Add them:\\n```python\\ndef f(a, b): return a + b\\n```\\nIt adds.")
    'def f(a, b): return a + b'
    """
    fences = _fences(text)
    if fences:
        defining = [fence for fence in fences if _DEFINES.search(fence)]
        return textwrap.dedent((defining or fences)[-1])
    return _unfenced(text) if text.strip() else None


def _fences(text: str) -> list[str]:
    """Contents of the Python fences, in order; one that is cut off ends with the text."""
    found: list[str] = []
    mark, python, content = "", False, list[str]()
    for line in text.splitlines():
        fence = _FENCE.match(line)
        if fence and not mark:
            mark, python, content = fence[1], fence[2].lower() in _PYTHON, []
        elif fence and mark and fence[1].startswith(mark) and not fence[2]:
            if python and any(content):
                found.append("\n".join(content))
            mark = ""
        elif mark:
            content.append(line)
    if mark and python and any(content):
        found.append("\n".join(content))
    return found


def _unfenced(text: str) -> str:
    """From the first line that begins a program to the last that goes on with it; all, if none begins one.

    A text that begins indented is the body of a prompt's function and is left as it is.
    """
    lines = text.splitlines()
    begin = next((at for at, line in enumerate(lines) if _CODE_BEGINS.match(line)), None)
    if begin is None or next(line for line in lines if line.strip())[0].isspace():
        return text
    end = begin + 1
    while end < len(lines) and (not lines[end].strip() or _CODE_GOES_ON.match(lines[end])):
        end += 1
    return "\n".join(lines[begin:end]).rstrip()
