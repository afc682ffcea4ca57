"""The questions' part of the docs: each page's result, and a line per question."""

from pathlib import Path

from r1.support.artifacts import read_json

PAGES = Path("docs/questions")
ANSWER = "answer.json"
"""In a question's report: title, answer and minutes."""


def names(root: Path) -> list[str]:
    """The questions with a page, in alphabetical order."""
    return sorted(path.stem for path in (root / PAGES).glob("*.md"))


def result(root: Path, name: str) -> str:
    """A question's report from its answer on, without its title, or that there is none."""
    report = Path("data/questions") / name / "report"
    if not (root / report / "report.md").is_file():
        return "Not run yet."
    _, _, text = (root / report / "report.md").read_text().partition("\n")
    return text.replace("](figure.svg)", f"](../../{report}/figure.svg)").strip()


def answers(root: Path) -> str:
    """A line per question: its title, which links to its page, and its answer."""
    lines = []
    for name in names(root):
        title = (root / PAGES / f"{name}.md").read_text().partition("\n")[0].removeprefix("# ")
        file = root / "data" / "questions" / name / "report" / ANSWER
        answer = read_json(file)["answer"] if file.is_file() else "Not run yet."
        lines.append(f"- [{title}](questions/{name}.md) {answer}")
    return "\n".join(lines)
