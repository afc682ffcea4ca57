"""A page that carries its style and script, and the content security policy that admits these and nothing else."""

import base64
import hashlib
from pathlib import Path


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


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
