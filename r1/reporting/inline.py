"""A page that carries its style, script and data, and the content security policy that admits these and no more."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def asset(name: str) -> str:
    """Text of a style sheet or a script beside this module."""
    return (Path(__file__).parent / name).read_text()


def policy(style: str, script: str) -> str:
    """Content security policy of a page with one inline style and one inline script: no request, no other code.

    Args:
        style: what stands between the style tags, to the byte.
        script: the same of the script.
    """
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def as_json(value: Any) -> str:
    """Compact JSON that is safe inside a script element: it holds no `<`, so no `</script>` and no comment.

    >>> as_json({"a": "</script>"})
    '{"a":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES)


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
