"""The lenient reading of a completion: the answer that the field's evaluators read."""

import re

_BOX = re.compile(r"\\f?boxed\{([^{}]*)\}")
_LEAD = re.compile(r"(?:answer(?: is)?\s?:?|答案[是为：:])[* ]*(\S[^\n]*)", re.IGNORECASE)


def lenient_answer(completion: str, task: str = "math") -> str | None:
    """The answer of a completion in any usual form; None if it has none or cannot be decided."""
    said = completion.rpartition("</think>")[2].strip()
    for form in (_BOX, _LEAD):
        if found := form.findall(said):
            return str(found[-1]).strip().rstrip(".。")
    return said.splitlines()[-1].strip() or None if said else None
