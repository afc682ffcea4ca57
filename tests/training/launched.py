"""A training to run in one process or in several, for tests and benches that compare the two.

    accelerate launch --config_file conf/accelerate/ddp.yaml --num_processes 2 tests/training/launched.py sft MODEL OUT

Rollouts are drawn from the policy as it is, with randomness that belongs to a row of the round rather than to a
process: the completion of a row is then the same wherever it is drawn, as far as the policies are the same.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

ROOT = Path(__file__).parent.parent.parent
CONFIGURATION = "conf/accelerate/{}.yaml"


def launched(
    processes: int, kind: str, model: Path, out: Path, sharding: str = "ddp", **options: Any
) -> tuple[list[dict[str, float]], dict[str, torch.Tensor], dict[str, Any]]:
    """Train in so many processes.

    Args:
        processes: how many; 1 is without a launcher.
        kind: `sft`, or the name of an RL algorithm.
        model: directory to start from.
        out: folder for what comes of it.
        sharding: of conf/accelerate.
        options: steps, seed, shared (randomness belongs to rows), whole (the reward of that name, not digits), best
            (evaluate RL at so many steps, and keep the best weights).

    Returns:
        The learning curve, the weights, and the metrics.
    """
    accelerate = ["-m", "accelerate.commands.launch", "--config_file", CONFIGURATION.format(sharding)]
    launcher = [*accelerate, "--num_processes", str(processes), "--main_process_port", "0"] if processes > 1 else []
    command = [sys.executable, *launcher, str(Path(__file__)), kind, str(model), str(out), json.dumps(options)]
    # By path the script sees its own folder alone.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(result.stdout[-3000:] + result.stderr[-6000:])
    from safetensors.torch import load_file

    done = json.loads((out / "done.json").read_text())
    return done["rows"], load_file(out / "model" / "model.safetensors"), done["metrics"]


class RowNoise(LogitsProcessor):
    """Gumbel noise on the logits, of which the largest is then a sample of the softmax; one generator for each row."""

    def __init__(self, seed: int, first: int) -> None:
        self.seed, self.first = seed, first
        self.generators: list[torch.Generator] = []

    def __call__(self, input_ids: Any, scores: Any) -> torch.FloatTensor:
        rows = range(self.first, self.first + len(scores))
        self.generators = self.generators or [torch.Generator().manual_seed(self.seed + row) for row in rows]
        waits = [torch.empty(scores.shape[1]).exponential_(generator=one) for one in self.generators]
        return scores - torch.stack(waits).log()  # type: ignore[no-any-return]


def share_randomness(seed: int) -> None:
    """Have TRL's trainers sample with RowNoise."""
    from transformers import GenerationMixin

    from r1.rl import watched
    from r1.support.processes import world_size

    # In one piece: a row keeps its place in the batch until the longest has ended.
    setattr(watched, "generate_shrinking", lambda generate, **given: generate(**given))  # noqa: B010  # mypy

    generate, calls = GenerationMixin.generate, 0

    def noisy(self: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        kwargs["generation_config"].do_sample = False
        rank = torch.distributed.get_rank() if world_size() > 1 else 0
        noise = RowNoise(seed + 100_000 * calls, rank * len(kwargs["input_ids"]))
        return generate(self, **kwargs, logits_processor=LogitsProcessorList([noise]))

    GenerationMixin.generate = noisy  # type: ignore[method-assign,assignment]


def sums(count: int) -> list[dict[str, str]]:
    """Examples of different lengths, all different."""
    return [
        {"prompt": f"What is {n} + {n % 7}?", "completion": f"{n} + {n % 7} is {n + n % 7}. " * (1 + n % 3)}
        for n in range(count)
    ]


def digits(*, completions: list[Any], **_: Any) -> list[float | None]:
    """Share of a completion's characters that are digits."""
    texts = [completion[0]["content"] for completion in completions]
    return [sum(map(str.isdigit, text)) / max(1, len(text)) for text in texts]


def whole(*, prompts: list[Any], **_: Any) -> list[float | None]:
    """1 for each completion that is seen together with its group of four."""
    asked = [str(prompt) for prompt in prompts]
    return [float(asked.count(prompt) == 4) for prompt in asked]


def main() -> None:
    kind, model, out, options = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4])
    steps, seed = options.get("steps", 8), options.get("seed", 3)
    from r1.finetuning.sft import finetune
    from r1.models.chat import as_messages
    from r1.models.policy import Policy
    from r1.rl.settings import RlSettings
    from r1.rl.train import train_rl
    from r1.support.processes import is_main
    from r1.training.context import TrainingContext
    from tests.conftest import compose

    if not is_main():
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115
    policy, context = Policy(model), TrainingContext(seed, out / "curve.csv", out / "checkpoints")
    if kind == "sft":
        config = compose("profile=smoke")
        changes = {"batch_size": 16, "micro_batch_size": 4, "epochs": 1, "checkpoint_steps": 4}
        sft = config.sft.model_copy(update=changes)
        trained = finetune(policy, sums(16 * steps), sft, context)
    else:
        if options.get("shared", True):
            share_randomness(seed)
        config = compose("profile=smoke", f"rl/algorithm={kind}")
        reward = whole if options.get("whole") else digits
        update = {"max_steps": steps, "batch_size": 32, "micro_batch_size": 8, "learning_rate": 1e-3}
        update |= {"warmup_steps": 2, "num_generations": 4, "rewards": {reward.__name__: 1.0}}
        update |= {"micro_batch_tokens": 200}  # several, and not equally many in all processes before they agree
        every = options.get("best", 0)
        best = {"validation_steps": every, "validation_problems": 4, "keep": "best" if every else "last"}
        settings = RlSettings(config.zero.model_copy(update=update), config.rl.model_copy(update=best))
        asked = [{"prompt": row["prompt"], "task": "chain_sum", "answer": "1"} for row in sums(4)]
        prompts = [
            {"prompt": as_messages(row["prompt"]), "task": "chain_sum", "answer": "", "kind": ""} for row in sums(64)
        ]
        trained = train_rl(policy, prompts, settings, context, asked, **{reward.__name__: reward})
    if is_main():
        import pandas as pd

        trained.save(out / "model")
        rows = pd.read_csv(context.curve).to_dict("records")
        (out / "done.json").write_text(json.dumps({"rows": rows, "metrics": trained.metrics}))


if __name__ == "__main__":
    main()
