"""What published checkpoints' chat templates do to fine-tuning, stopping and rewards.

    python -m bench.chat_templates      # about two minutes on two cores

A micro model with the special tokens and the template of each form is adopted as a base, fine-tuned on four examples
until it repeats them, sampled, and trained by GRPO for one step. Prints Markdown; exits with 1 if a row is wrong.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1.config.models import BaseConfig
from r1.config.sampling import SamplingConfig, TransformersEngineConfig
from r1.finetuning.base import adopt_checkpoint
from r1.finetuning.sft import finetune
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.models.turns import encode_example
from r1.rl.settings import RlSettings
from r1.rl.train import train_rl
from r1.sampling import open_sampler
from tests.conftest import compose
from tests.models.chat_forms import BLOCK, FORMS, Form, checkpoint_of
from tests.trainings import context

EXAMPLES = [{"prompt": f"What is 1 + {n}?", "completion": BLOCK.format(n=n, m=n + 1)} for n in range(1, 5)]


@dataclass(frozen=True)
class Row:
    """What was found for one template.

    Attributes:
        learnt: the tokens in the loss of one example, decoded.
        bos: BOS tokens in that example.
        stopped: completions, of four, that end on their own after fine-tuning.
        repeated: completions, of four, that are the example's text.
        rewards: mean reward of the rollouts that are right, by name.
    """

    learnt: str
    bos: int
    stopped: int
    repeated: int
    rewards: dict[str, float]

    def is_right(self, form: Form) -> bool:
        """Whether reasoning and end are learnt, generation stops, BOS is there once, and right answers are paid."""
        return (
            "First 1 + 1 = 2.</think>" in self.learnt
            and self.learnt.endswith(form.end)
            and self.bos == (form.bos is not None)
            and (self.stopped, self.repeated) == (4, 4)
            and self.rewards == {"accuracy_reward": 1.0, "format_reward": 1.0}
        )


def measure(form: Form, folder: Path) -> Row:
    """Adopt, fine-tune, sample and reinforce a micro model of this form."""
    smoke = compose("profile=smoke")
    config = BaseConfig.model_validate(
        {
            "checkpoint": str(checkpoint_of(form, folder / "published")),
            "architecture": None,
            "pretraining": None,
            "chat_template": None,
            "worked_examples": 0,
        }
    )
    adopted, _ = adopt_checkpoint(config, folder / "base.csv")
    adopted.save(folder / "base")
    policy = Policy(folder / "base")
    example = encode_example(policy.tokenizer, as_messages(EXAMPLES[0]["prompt"]), EXAMPLES[0]["completion"])
    learnt = [token for token, kept in zip(example["input_ids"], example["completion_mask"], strict=True) if kept]
    changes = {"epochs": 80, "batch_size": 4, "micro_batch_size": 4, "learning_rate": 5e-3, "chat_template": "own"}
    tuned = finetune(policy, EXAMPLES, smoke.sft.model_copy(update=changes), context(folder))
    tuned.save(folder / "sft")

    policy = Policy(folder / "sft")
    engine = TransformersEngineConfig(name="transformers", batch_size=4)
    greedy = SamplingConfig(temperature=0.0, top_p=1.0, max_new_tokens=48, num_samples=1)
    drawn = open_sampler(policy, engine).sample([as_messages(row["prompt"]) for row in EXAMPLES], greedy, seed=0)
    said = [completions[0] for completions in drawn]
    as_opened = [row["completion"].replace("<think>", form.opened or "<think>", 1) for row in EXAMPLES]

    changes = {"max_steps": 1, "batch_size": 16, "micro_batch_size": 16, "max_completion_length": 48}
    prompts = [
        {"prompt": as_messages(row["prompt"]), "task": "chain_sum", "answer": str(n + 1), "kind": ""}
        for n, row in enumerate(EXAMPLES, 1)
    ]
    run = RlSettings(smoke.zero.model_copy(update=changes), smoke.rl)
    samples: Any = train_rl(policy, prompts, run, context(folder, "rl")).samples
    names = ["accuracy_reward", "format_reward"]
    right = samples[samples["completion"].isin(as_opened)]
    return Row(
        str(policy.tokenizer.decode(learnt)),
        example["input_ids"].count(policy.tokenizer.bos_token_id),
        sum(not one.truncated for one in said),
        sum(one.text == text for one, text in zip(said, as_opened, strict=True)),
        {name: round(float(right[name].mean()), 2) for name in names},
    )


def main() -> int:
    """Print the table; returns the number of wrong rows."""
    print(
        "# Chat templates of published checkpoints\n\n"
        "From `python -m bench.chat_templates`, on micro models. The first seven templates are published, as TRL 1.16's\n"
        "package carries them (its `deepseekv3` opens `<think>`); the others are ours.\n"
    )
    print(
        "| template's form | learnt in SFT | ends with | BOS | stops, of 4 | repeats its example, of 4 | "
        "RL: accuracy | RL: format | right |\n|---|---|---|---|---|---|---|---|---|"
    )
    wrong = 0
    for name, form in FORMS.items():
        with tempfile.TemporaryDirectory() as folder:
            row = measure(form, Path(folder))
        right = row.is_right(form)
        wrong += not right
        shown = " | ".join(f"{value:g}" for value in row.rewards.values())
        learnt = row.learnt.replace("\n", "\\n").replace("|", "\\|")
        end = form.end.replace("|", "\\|")
        print(
            f"| {name} | `{learnt}` | `{end}` | {row.bos} | {row.stopped} | {row.repeated} | {shown} | "
            f"{'yes' if right else 'NO'} |",
            flush=True,
        )
    return wrong


if __name__ == "__main__":
    sys.exit(min(1, main()))
