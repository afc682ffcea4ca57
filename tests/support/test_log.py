"""Messages are one line each, progress too; other libraries' bars do not break them."""

import logging
import os
import subprocess
import sys

import pytest

from r1.support import log, progress


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_a_message_is_a_line_on_standard_output_with_its_level() -> None:
    done = run(
        "from r1.support.log import configure; import logging; configure(); configure()\n"
        "log = logging.getLogger('r1.rl.train'); log.info('step %d', 3); log.warning('too %s', 'long')\n"
        "logging.getLogger('somebody.else').info('not ours')"
    )
    first, second = done.stdout.splitlines()
    assert first.endswith(" step 3") and second.endswith(" warning: too long")
    assert len(first.split()[0]) == len("12:34:56"), "a log that is no terminal has the time"
    assert done.stderr == ""


def test_progress_of_a_log_is_lines_without_bars() -> None:
    done = run(
        "from r1.support.log import configure; configure()\n"
        "import r1.support.progress as p; p._EVERY = 0\n"
        "assert list(p.track(range(3), 'sampling', 'batch')) == [0, 1, 2]"
    )
    lines = done.stdout.splitlines()
    assert "\r" not in done.stdout + done.stderr and "█" not in done.stdout + done.stderr
    assert lines and all(" sampling: " in line and "/3" in line for line in lines)
    assert "3/3" in lines[-1]


def test_a_library_that_is_given_our_bar_logs_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """As vLLM does: total, then updates, a postfix, close."""
    log.configure()
    shown = progress.bar(total=2, desc="Processed prompts", postfix="est. speed: 0", dynamic_ncols=True)
    shown.update(1)
    shown.update(1)
    shown.close()
    assert "Processed prompts: 2/2" in capsys.readouterr().out


def test_libraries_are_quiet_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_DISABLE_PROGRESS_BARS", raising=False)
    monkeypatch.setenv("VLLM_LOGGING_LEVEL", "DEBUG")
    log.configure()
    assert os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == "1"
    assert os.environ["VLLM_LOGGING_LEVEL"] == "DEBUG", "the user's own wish"
    assert logging.getLogger("r1").level == logging.INFO


@pytest.mark.parametrize("module", ["r1", "stages"])
def test_nothing_prints_past_the_log(module: str) -> None:
    """`print` is for commands that answer on the terminal."""
    import ast
    from pathlib import Path

    commands = {"r1/pipeline/cli.py", "r1/pipeline/launch.py", "r1/pipeline/stage.py", "r1/doctor.py"}
    commands |= {"r1/talk/chat.py", "r1/talk/serve.py", "r1/watch/server.py"}
    allowed = {*commands, "r1/support/log.py", "r1/sandbox/inside.py"}
    found = [
        f"{path}:{node.lineno}"
        for path in sorted(Path(module).rglob("*.py"))
        if path.as_posix() not in allowed
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not found
