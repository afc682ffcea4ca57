"""Write requirements/LICENSES.md: what the installed packages of the lock say their licences are.

    .venv/bin/python requirements/licences.py

Run it after `make lock` in an environment made from the new lock. What a package
says is taken as it is: its License-Expression, else its classifiers, else the
first line of its License field.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

HERE = Path(__file__).resolve().parent
UNKNOWN = "unknown"
# Worth a look before anything is passed on with the package in it; using it here asks for nothing.
FLAGS = {
    UNKNOWN: re.compile(rf"^{UNKNOWN}$"),
    "copyleft": re.compile(r"\b(?:[AL]?GPL|MPL|EPL|EUPL|CDDL|GNU|Mozilla)", re.IGNORECASE),
    "proprietary": re.compile(r"proprietary|end user|nvidia", re.IGNORECASE),
}
HEAD = """# Licences of the locked packages

Written by `requirements/licences.py` from what the packages of `cpu.lock`, and torch, say of themselves.
They are installed from PyPI (torch from its own index) and not distributed with this project.
"""


def document() -> str:
    """The whole file: the flagged ones first, then all."""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", (HERE / "cpu.lock").read_text(), re.MULTILINE))
    rows = sorted((name, version, licence(name, version)) for name, version in (pins | {"torch": None}).items())
    flagged = [(name, said, flag) for name, _, said in rows for flag, sign in FLAGS.items() if sign.search(said)]
    lines = [
        HEAD,
        f"## To be looked at: {len({name for name, *_ in flagged})} of {len(rows)}",
        "",
        *table("package | licence | why", [(name, said, flag) for name, said, flag in flagged]),
        "",
        "## All",
        "",
        *table("package | version | licence", [(name, distribution(name).version, said) for name, _, said in rows]),
    ]
    return "\n".join(lines) + "\n"


def table(header: str, rows: list[tuple[str, str, str]]) -> list[str]:
    """Lines of a Markdown table of three columns."""
    return [f"| {header} |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]


def licence(name: str, version: str | None) -> str:
    """What a package says its licence is, in a line."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        sys.exit(f"{name} is not installed: run this in an environment made from the lock")
    if version not in (None, found.version):
        sys.exit(f"{name} is {found.version}, the lock has {version}: run this in an environment made from the lock")
    fields = {name: found.metadata.get_all(name) or [] for name in ("License-Expression", "Classifier", "License")}
    classes = [line.rpartition(" :: ")[2] for line in fields["Classifier"] if line.startswith("License ::")]
    classified = ", ".join(line for line in classes if line != "OSI Approved")
    text = " ".join(fields["License-Expression"]) or classified or " ".join(fields["License"]).strip()
    return (text or UNKNOWN).splitlines()[0].replace("|", "or")


if __name__ == "__main__":
    (HERE / "LICENSES.md").write_text(document())
