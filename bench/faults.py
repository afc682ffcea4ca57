"""Fault injection into the smoke DAG: kills, full disks, damaged files and stale locks must lose nothing.

    python -m bench.faults                     # everything, half an hour on two cores
    python -m bench.faults --stages zero sft   # only these stages

Runs the smoke DAG in a copy of the project and records the hash of every output.
Then, for each fault: re-runs one stage, disturbs it, checks that no artifact is
half-written, resumes with `dvc repro`, and compares every output with the
undisturbed run's. Full disks and read-only folders are mounts in a namespace of
their own, so that no privileges are needed. Prints a Markdown table; exit code 1
if anything was lost.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from bench.project import Project


@dataclass(frozen=True)
class Outcome:
    """Outcome of one fault.

    Attributes:
        stage, fault: the stage, and what was done to it.
        seen: what the user sees, in one line.
        lost: what was lost; empty if nothing.
    """

    stage: str
    fault: str
    seen: str
    lost: str


# --- kills ------------------------------------------------------------------


def kill(project: Project, stage: str, signum: signal.Signals, ready: Callable[[float], bool]) -> tuple[str, str]:
    """Run a stage and signal its process group once `ready(seconds since the stage began)` is true.

    Returns:
        What the user sees, and what is wrong with it.
    """
    output: list[str] = []
    with project.start("dvc", "repro", stage) as process:
        reader = Thread(target=output.extend, args=(process.stdout,))
        reader.start()
        while process.poll() is None and not any(line.startswith("Running stage") for line in output):
            time.sleep(0.01)
        started = time.perf_counter()
        while process.poll() is None and not ready(time.perf_counter() - started):
            time.sleep(0.0005)
        came_late = process.poll() is not None
        if not came_late:
            os.killpg(process.pid, signum)
        reader.join()
    while alive(process.pid):  # a process that outlives its group's leader must not write into the next run
        time.sleep(0.05)
    seen = next((line.strip() for line in output if line.startswith("interrupted")), "killed")
    seen += next(
        (", had resumed from " + line.split("/")[-1].strip() for line in output if "resuming from" in line), ""
    )
    if came_late:
        failed = f"dvc repro failed: {''.join(output)[-300:]}" if process.returncode else ""
        return "it had ended before the signal", failed
    if project.restore_lock():
        seen += ", dvc.lock truncated: restored from git"
    if any("Traceback" in line for line in output) and signum != signal.SIGKILL:
        return seen, "a stack trace"
    return seen, ""


def alive(group: int) -> bool:
    """True while a process group has a member."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def try_kills(project: Project, stage: str, thorough: bool) -> Iterator[Outcome]:
    """Kill a stage at several moments, one after the other without repair in between, then let it finish.

    Moments are shares of the time that the undisturbed stage took; a kill that comes too late is reported as such.
    """
    targets = [project.root / path for path in project.outs(stage) if not Path(path).suffix]

    def after(share: float) -> Callable[[float], bool]:
        return lambda seconds: seconds > share * project.seconds[stage]

    def writing(_: float) -> bool:
        return any(next(target.parent.glob(f".{target.name}.*.tmp"), None) for target in targets)

    moments: list[tuple[str, signal.Signals, Callable[[float], bool]]] = [
        ("while it writes", signal.SIGKILL, writing),
        ("halfway", signal.SIGTERM, after(0.5)),
    ]
    if thorough:
        moments += [
            ("at a tenth", signal.SIGKILL, after(0.1)),
            ("halfway", signal.SIGKILL, after(0.5)),
            ("once its artifact exists", signal.SIGKILL, lambda _: all(target.exists() for target in targets)),
            ("at four fifths", signal.SIGINT, after(0.8)),
        ]
    project.forget(stage)
    for moment, signum, ready in moments:
        seen, wrong = kill(project, stage, signum, ready)
        if "ended before" in seen and not wrong:  # it resumed from a checkpoint, and so had less to do
            project.forget(stage)
            seen, wrong = kill(project, stage, signum, ready)
        if "ended before" in seen:  # otherwise the next run would find nothing to do
            project.forget(stage)
        yield Outcome(stage, f"{signum.name} {moment}", seen, "; ".join([wrong, *project.half_written()]).strip("; "))
    yield Outcome(stage, "`dvc repro` after those", "it ends", project.resume(stage))


# --- mounts, damage and locks -----------------------------------------------


def try_mount(project: Project, stage: str, folder: str, mount: str, fault: str, message: str) -> Outcome:
    """Run a stage while a folder is another file system, mounted by the shell command `mount`; then without it."""
    project.forget(stage)
    script = (
        f'mkdir -p {folder} && saved=$(mktemp -d) && cp -a {folder}/. "$saved" && {mount} && exec dvc repro {stage}'
    )
    code, output = project.run("unshare", "--map-root-user", "--mount", "sh", "-c", script)
    shown = next((line for line in output.splitlines() if message in line.lower()), "")
    problem = "" if code else "the fault had no effect"
    if "Traceback" in output or (code and not shown):
        problem = f"no clear message: {output[-400:]}"
    problem = problem or "; ".join(project.half_written()) or project.resume(stage)
    return Outcome(stage, fault, shown.strip()[:160], problem)


def try_full_and_read_only(project: Project, stage: str) -> Iterator[Outcome]:
    """Run a stage on a disk that is too small for its output, then on a read-only one."""
    folder = os.path.dirname(next(path for path in project.outs(stage) if not Path(path).suffix))
    project.forget(stage)
    (project.root / folder).mkdir(parents=True, exist_ok=True)
    pages = sum(-(-file.stat().st_size // 4096) for file in (project.root / folder).rglob("*") if file.is_file())
    copied = f'cp -a "$saved"/. {folder} && rm -r "$saved"'
    full = f"mount -t tmpfs -o size={4 * pages + 4}k none {folder} && {copied}"
    yield try_mount(project, stage, folder, full, "disk full", "no space left")
    read_only = f"mount -t tmpfs none {folder} && {copied} && mount -o remount,ro {folder}"
    yield try_mount(project, stage, folder, read_only, "read-only output folder", "read-only")
    if stage in TRAINED:
        small = "mount -t tmpfs -o size=64k none data/.checkpoints"
        yield try_mount(project, stage, "data/.checkpoints", small, "disk full for checkpoints", "no space left")


@contextmanager
def damaged(path: Path, damage: Callable[[Path], None]) -> Iterator[None]:
    """Damage a file; at the end, restore it unless DVC has."""
    before = path.read_bytes()
    damage(path)
    try:
        yield
    finally:
        if not path.exists() or path.read_bytes() != before:
            path.write_bytes(before)


def halve(path: Path) -> None:
    """Truncate a file to half its size."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def flip(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


TRAINED = ("base@base", "zero", "reward_model@helpful", "final_rl")
"""Stages to run without room for checkpoints; the smoke DAG's other trainings end before writing one."""

CHECKPOINTS = ["rl", "base.pretraining", "base_qwen.pretraining", "base_llama.pretraining"]
CHECKPOINTS += ["cold_start", "sft", "reward_model", "distill_qwen", "distill_llama"]
"""Configuration sections with `checkpoint_steps`."""

UPSTREAM = {
    "base@base": (["stages/base.py", "model=base"], "data/corpus/corpus.parquet"),
    "zero": (["stages/zero.py"], "data/models/base/model.safetensors"),
    "cold_start_data": (["stages/cold_start_data.py"], "data/models/zero/model.safetensors"),
    "cold_start": (["stages/cold_start.py"], "data/cold_start/examples.parquet"),
    "reasoning_rl": (["stages/reasoning_rl.py"], "data/models/cold_start/tokenizer.json"),
    "rejection_sampling": (["stages/rejection_sampling.py"], "data/prompts/rejection.parquet"),
    "sft": (["stages/sft.py"], "data/sft/examples.parquet"),
    "reward_model@helpful": (["stages/reward_model.py", "model=reward_helpful"], "data/general/preference.parquet"),
    "final_rl": (["stages/final_rl.py"], "data/reward_models/helpful/model.safetensors"),
    "distill@qwen": (["stages/distill.py", "model=distill_qwen"], "data/models/base_qwen/config.json"),
    "student_rl@qwen": (["stages/student_rl.py", "model=student_rl_qwen"], "data/models/base_qwen/chat_template.jinja"),
    "evaluate@r1": (["stages/evaluate.py", "model=r1"], "data/reward_models/harmless/config.json"),
    "report": (["stages/report.py"], "data/evaluations/r1/manifest.json"),
}
"""Stage -> its command without DVC, and a file of an upstream artifact."""


def try_damage(project: Project, stage: str) -> Iterator[Outcome]:
    """Truncate, alter or delete an upstream file: the stage run without DVC must reject it, `dvc repro` restore it."""
    command, name = UPSTREAM[stage]
    path = project.root / name
    for fault, damage in (("truncated", halve), ("altered by hand", flip), ("missing", Path.unlink)):
        with damaged(path, damage):
            code, output = project.run("python", *command)
            shown = next((line for line in output.splitlines() if line.startswith("error:")), "")
            clear = code == 1 and shown and "Traceback" not in output
            lost = project.resume(stage)  # with what DVC restored: the original is put back only afterwards
        yield Outcome(stage, f"{name} {fault}", shown[:160], lost if clear else f"no clear message: {output[-300:]}")


def try_locks(project: Project, stage: str) -> Iterator[Outcome]:
    """Run with lock files that a killed DVC leaves behind, and with a foreign or truncated dvc.lock."""
    owner = {"pid": 2**22 - 4, "cmd": "dvc repro"}
    rwlock = json.dumps({"write": {str(project.root / "data/models/zero"): owner}, "read": {}})
    altered = project.lock.replace(project.expected["data/models/base"], "0" * 32 + ".dir")
    for fault, name, content in (
        ("lock file of a dead dvc", ".dvc/tmp/lock", str(owner["pid"])),
        ("read-write lock of a dead dvc", ".dvc/tmp/rwlock", rwlock),
        ("read-write lock truncated", ".dvc/tmp/rwlock", rwlock[:40]),
        ("dvc.lock of another run", "dvc.lock", altered),
        ("dvc.lock truncated", "dvc.lock", project.lock[:-100]),
    ):
        project.forget(stage)
        (project.root / name).write_text(content)
        code, output = project.run("dvc", "repro", stage)
        shown = next((line for line in output.splitlines() if line.startswith("ERROR")), "dvc repro runs")
        problem = "a stack trace" if "Traceback" in output else ""
        if code:  # DVC's message names the file; dvc.lock is in git, the others may be deleted
            (project.root / name).unlink()
            (project.root / "dvc.lock").write_text(project.lock)
        yield Outcome(stage, fault, shown[:160], problem or project.resume(stage))


# --- everything -------------------------------------------------------------


def faults(project: Project, chosen: list[str]) -> Iterator[Outcome]:
    """Run every fault of the chosen stages; of a matrix stage, one item is tested thoroughly, the others briefly."""
    known = set()
    for stage in chosen:
        name = stage.partition("@")[0]
        yield from try_kills(project, stage, thorough=name not in known)
        if name not in known:
            yield from try_full_and_read_only(project, stage)
        known.add(name)
        if stage in UPSTREAM:
            yield from try_damage(project, stage)
    if "zero" in chosen:
        yield from try_locks(project, "zero")


def main() -> int:
    """Run the faults of the chosen stages and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stages", nargs="+", metavar="STAGE", help="stages of dvc.lock, such as zero or base@base")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background start ignores it, and children inherit that
    with tempfile.TemporaryDirectory() as directory:
        # A checkpoint at every step, so that kills hit before, during and after writing one.
        often = [f"{section}.checkpoint_steps={20 if section == 'base.pretraining' else 1}" for section in CHECKPOINTS]
        project = Project(Path(directory, "project"), *often)
        chosen = arguments.stages or list(project.stages())
        outcomes = []
        print("| stage | fault | what the user sees | lost |\n|---|---|---|---|")
        for outcome in faults(project, chosen):
            outcomes.append(outcome)
            row = (outcome.stage, outcome.fault, outcome.seen, outcome.lost or "nothing")
            print("| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in row) + " |", flush=True)
        code, _ = project.run("dvc", "repro")
        differ = [path for path, digest in project.outputs().items() if project.expected[path] != digest]
    lost = [outcome for outcome in outcomes if outcome.lost]
    whole = not code and not differ
    print(
        f"\n{len(outcomes)} faults, {len(lost)} with a loss; a last `dvc repro` {'succeeds' if not code else 'FAILS'}, "
    )
    print(f"{len(project.expected)} outputs, {len(differ)} of them differ from the undisturbed run's")
    return 0 if whole and not lost else 1


if __name__ == "__main__":
    sys.exit(main())
