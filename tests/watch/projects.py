"""A small project on disk, in whatever state a test wants."""

import os
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

RECIPE = """
stages:
  base:
    desc: Two bases.
    matrix:
      model: [base, base_qwen]
    cmd: python -m r1 launch stages/base.py model=${item.model}
    deps: [stages/base.py]
    params: ["${item.model}"]
    outs: ["data/models/${item.model}"]
    metrics:
      - data/metrics/${item.model}.json: {cache: false}
    plots:
      - data/plots/${item.model}.csv: {cache: false, x: step, y: loss}
  zero:
    desc: RL from the base.
    cmd: python -m r1 launch stages/zero.py
    deps: ["data/models/${teacher}", stages/zero.py]
    outs: [data/models/zero, data/rollouts/zero]
    metrics:
      - data/metrics/zero.json: {cache: false}
    plots:
      - data/plots/zero.csv: {cache: false, x: step, y: reward}
  report:
    desc: All of it.
    cmd: python -m r1 launch stages/report.py
    deps: [data/models, data/plots/zero.csv]
    outs: [data/report]
"""
PARAMS: dict[str, Any] = {"teacher": "base", "base": {"pretraining": {"max_steps": 40}}, "zero": {"max_steps": 30}}


def project(root: Path) -> Path:
    """A recipe of which nothing has run."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "dvc.yaml").write_text(RECIPE)
    (root / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    return root


def finish(root: Path, *stages: str) -> None:
    """Write the outputs of stages and their entries in dvc.lock."""
    outs = {
        "base@base": ["data/models/base"],
        "base@base_qwen": ["data/models/base_qwen"],
        "zero": ["data/models/zero", "data/rollouts/zero"],
        "report": ["data/report"],
    }
    lock: dict[str, Any] = {"stages": {}}
    for stage in stages:
        for out in outs[stage]:
            (root / out).mkdir(parents=True, exist_ok=True)
        lock["stages"][stage] = {
            "deps": [{"path": "data/models/base", "md5": "data/models/base"}] if stage == "zero" else [],
            "params": {"params.yaml": {"zero.max_steps": 30}} if stage == "zero" else {},
            "outs": [{"path": out, "md5": out} for out in outs[stage]],
        }
    (root / "dvc.lock").write_text(yaml.safe_dump(lock))


def train(root: Path, run: str = "zero", steps: int = 5, age: float = 0.0) -> Path:
    """The checkpoint folder of a run after some steps, last written `age` seconds ago."""
    folder = root / "data" / ".checkpoints" / run / "0123456789abcdef"
    (folder / "rollouts").mkdir(parents=True, exist_ok=True)
    for step in range(1, steps + 1):
        rollouts(step).to_parquet(folder / "rollouts" / f"part-{step:06d}.parquet", index=False)
    write_curve(folder / "curve.csv", steps)
    written = time.time() - age
    for path in (*folder.iterdir(), folder):
        os.utime(path, (written, written))
    return folder


def write_curve(file: Path, steps: int) -> None:
    """A curve of RL: the reward rises, the loss is 0, one column is empty."""
    file.parent.mkdir(parents=True, exist_ok=True)
    known = [{"step": n, "loss": 0.0, "reward": n / 10, "kl": None, "entropy": 1 / n} for n in range(1, steps + 1)]
    rows = [row | {"rewards/mine.wait_once/mean": row["reward"]} for row in known]
    pd.DataFrame(rows).to_csv(file, index=False)


def rollouts(step: int, groups: int = 2, text: str = "") -> pd.DataFrame:
    """Two rollouts per group; the second is right and has the positive advantage."""
    return pd.DataFrame(
        {
            "step": step,
            "group": group,
            "family": ("chain_sum", "search")[group % 2],
            "task": "sum",
            "level": "train",
            "prompt": f"What is {step} + {group}?",
            "answer": str(step + group),
            "completion": text or f"<think>hm</think> {'right' if good else 'wrong'} at {step}",
            "tokens": 10 * step + group,
            "truncated": False,
            "reward": float(good),
            "reward_accuracy": float(good),
            "reward_format": float("nan"),
            "advantage": 1.0 if good else -1.0,
            "sampler_logprob": float("nan"),
            "trainer_logprob": -0.5,
        }
        for group in range(groups)
        for good in (False, True)
    )
