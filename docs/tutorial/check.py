"""Says whether the tutorial's exercises are solved.

    python docs/tutorial/check.py zero
    python docs/tutorial/check.py          # all of them

A check calls the function in exercises/<name>.py on random and on hostile inputs. It compares the results with the
library's own where the library has such a function, and otherwise with what must hold for every right result.
"""

import importlib.util
import math
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "exercises"
sys.path.append(str(Path(__file__).parents[2]))  # the library, in a shell without `make setup`'s environment


class Wrong(Exception):
    """An exercise's result is not right: the message says for which input, and why."""


def must(holds: bool, given: Any, got: Any, why: str) -> None:
    """Raise Wrong unless something holds of a result."""
    if not holds:
        raise Wrong(f"for {_short(given)} you return {_short(got)}: {why}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:157]}..."


def close(got: float, wanted: float) -> bool:
    """True for a finite number that is the wanted one up to rounding."""
    return isinstance(got, int | float) and math.isclose(got, wanted, rel_tol=1e-6, abs_tol=1e-6)


def check_base(pack: Callable[..., Any]) -> None:
    """Documents of blocks that were full: so many blocks are enough."""
    rng = random.Random(0)
    for length, blocks in ((8, 3), (64, 40), (64, 200)):
        documents: list[list[int]] = []
        for _ in range(blocks):
            cuts = sorted(rng.sample(range(1, length), rng.randint(1, 4)))
            for size in (end - start for start, end in zip([0, *cuts], [*cuts, length], strict=True)):
                first = 10_000 * len(documents)
                documents.append([first + place for place in range(size)])
        rng.shuffle(documents)
        given = f"{len(documents)} documents, length {length}"
        packed = pack([list(document) for document in documents], length)
        longest = max(map(len, packed), default=0)
        must(longest <= length, given, f"a block of {longest} tokens", f"a block has at most {length}")
        found = [token for block in packed for token in block]
        every = sorted(token for document in documents for token in document)
        must(sorted(found) == every, given, f"{len(found)} tokens", f"all {len(every)} must be there, once")
        torn = [document for document in documents if not any(_holds(block, document) for block in packed)]
        must(not torn, given, f"{len(torn)} documents in pieces", "a document stays whole, in one block")
        must(
            len(packed) <= math.ceil(1.1 * blocks),
            given,
            f"{len(packed)} blocks",
            f"{blocks} are enough, and a tenth more is allowed: put long documents first",
        )


def _holds(block: Sequence[int], document: list[int]) -> bool:
    """True if a block has a document in one piece; its tokens occur nowhere else."""
    if document[0] not in block:
        return False
    start = list(block).index(document[0])
    return list(block[start : start + len(document)]) == document


def check_zero(advantages: Callable[..., Any]) -> None:
    """Equation 3 of the paper, by what follows from it."""
    rng = random.Random(0)
    groups = [[1.0, 0.0, 0.0, 0.0], [2.0, 1.0], [-3.0, 5.0, 5.0, 1.0], [1e-3, 0.0, 0.0]]
    groups += [[rng.choice((0.0, 0.5, 1.0, 1.5)) for _ in range(8)] for _ in range(50)]
    for rewards in [*groups, [1.0] * 4, [0.0] * 8, [0.1] * 3]:
        got = [float(value) for value in advantages(list(rewards))]
        must(len(got) == len(rewards), rewards, got, "one advantage for each completion")
        if len(set(rewards)) == 1:
            must(
                all(abs(value) < 1e-3 for value in got),
                rewards,
                got,
                "all are alike, none is better: 0, not a division by 0",
            )
            continue
        must(abs(sum(got)) < 1e-3, rewards, got, "the advantages of a group sum to 0")
        deviation = math.sqrt(sum(value**2 for value in got) / (len(got) - 1))
        must(
            abs(deviation - 1) < 0.01 or max(rewards) < 0.1,
            rewards,
            got,
            f"their sample deviation is 1, not {deviation:.3f}",
        )
        slope = (max(got) - min(got)) / (max(rewards) - min(rewards))
        straight = all(
            abs((one - got[0]) - slope * (reward - rewards[0])) < 1e-3 * (1 + slope)
            for one, reward in zip(got, rewards, strict=True)
        )
        must(slope > 0 and straight, rewards, got, "they are the rewards, shifted and scaled: no rank, no clipping")


def check_cold_start(in_form: Callable[..., Any]) -> None:
    """Beside the library's format reward, on forms and on damaged forms."""
    from r1.rewards.format import format_reward

    rng = random.Random(0)
    right = ["<think>", "2 + 2 = 4.", "</think>", "The answer is", "<answer>", "4", "</answer>"]
    extra = ["<think>", "</think>", "<answer>", "</answer>", " ", "\n", "wait", "=", "...", "7"]
    texts = [
        "<think>2 + 2 = 4.</think><answer>4</answer>",
        " \n<think>a</think>\n<answer>b</answer>\n",
        "<think></think><answer>4</answer>",
        "<think>...</think><answer>4</answer>",
        "<think>a</think><answer> </answer>",
        "<answer>4</answer><think>a</think>",
        "<think>a</think><answer>4</answer><answer>5</answer>",
        "<think><think>a</think></think><answer>4</answer>",
        "Sure! <think>a</think><answer>4</answer>",
        "<think>a</think><answer>4</answer> Really.",
        "<think>a<answer>4</answer></think><answer>4</answer>",
        "<THINK>a</THINK><answer>4</answer>",
        "",
    ]
    for _ in range(400):
        parts = list(right)
        for _ in range(rng.randint(0, 2)):
            place = rng.randrange(len(parts))
            parts[place : place + rng.randint(0, 1)] = rng.sample(extra, rng.randint(0, 1))
        texts.append("".join(parts))
    for text, reward in zip(texts, format_reward(completions=texts), strict=True):
        got = in_form(text)
        must(bool(got) == bool(reward), text, got, f"the library's format_reward is {reward}")


def check_reasoning_rl(consistency: Callable[..., Any]) -> None:
    """Beside the library's language reward."""
    from r1.rewards.language import language_consistency_reward

    rng = random.Random(0)
    pieces = [
        "First",
        "then",
        "WAIT",
        "don",
        "先",
        "再算",
        "得",
        "答案是",
        "4",
        "12",
        "+",
        "=",
        "。",
        "，",
        ".",
        ":",
        "\n",
    ]
    texts = ["First 2 + 2 = 4.", "先算 2 + 2 得 4。", "First 2 + 2 得 4。", "4", "", "先，先，先。then", "。", "2x"]
    texts += [" ".join(rng.choice(pieces) for _ in range(rng.randint(1, 12))) for _ in range(200)]
    completions = [f"<think>{text}</think><answer>4</answer>" for text in texts]
    for text, wanted in zip(texts, language_consistency_reward(completions=completions), strict=True):
        got = consistency(text)
        must(wanted is not None and close(got, wanted), text, got, f"the library's reward is {wanted}")


def check_rejection_sampling(keep: Callable[..., Any]) -> None:
    """Beside the library's filters, on completions of sums."""
    from r1.curation.filters import Candidate, drop_reasons, select
    from r1.sampling import Completion

    rng = random.Random(0)
    for most in (1, 2, 4):
        candidates = []
        for _ in range(60):
            a, line = rng.randint(1, 3), rng.choice(["First {} + 2 = {}.", "先算 {} + 2 得 {}。"])
            answer = a + 2 + rng.choice((0, 0, 0, 1))
            text = f"<think>{line.format(a, answer)}{rng.choice(('', ' Check.'))}</think><answer>{answer}</answer>"
            problem = {"prompt": f"What is {a} + 2?", "task": "chain_sum", "answer": str(a + 2)}
            candidates.append(Candidate(problem, Completion(text, 20, truncated=rng.random() < 0.1), "reasoning_rl"))
        good = [reason == "kept" for reason in drop_reasons(candidates, max_paragraph_words=40)]
        given = [
            {"prompt": one.problem["prompt"], "completion": one.completion.text, "good": passes}
            for one, passes in zip(candidates, good, strict=True)
        ]
        got = [bool(kept) for kept in keep([dict(row) for row in given], most)]
        must(len(got) == len(given), f"{len(given)} candidates", f"{len(got)} values", "one for each candidate")
        for row, ours, reason in zip(given, got, select(candidates, 40, most), strict=True):
            must(ours == (reason == "kept"), {**row, "most": most}, ours, f"the library says {reason!r}")


def check_sft(completion_loss: Callable[..., Any]) -> None:
    """Beside torch's cross-entropy with -100 for the prompts' labels, as TRL's SFTTrainer computes it."""
    import torch

    rng = random.Random(0)
    shapes = [[(3, 2)], [(4, 1), (2, 9)], [(1, 1), (1, 30), (20, 3)]]
    shapes += [[(rng.randint(1, 9), rng.randint(1, 20)) for _ in range(5)] for _ in range(20)]
    for rows in shapes:
        logprobs = [[-rng.expovariate(1) for _ in range(asked + said)] for asked, said in rows]
        mask = [[0] * asked + [1] * said for asked, said in rows]
        chosen = torch.tensor([value for row in logprobs for value in row], dtype=torch.float64)
        ignored = torch.tensor([0 if one else -100 for row in mask for one in row])
        wanted = float(torch.nn.functional.nll_loss(chosen[:, None], ignored, ignore_index=-100))
        got = completion_loss([list(row) for row in logprobs], [list(row) for row in mask])
        must(close(got, wanted), {"prompt and completion tokens": rows}, got, f"torch says {wanted}")


def check_final_rl(preference_loss: Callable[..., Any]) -> None:
    """Beside torch's logsigmoid, which TRL's RewardTrainer takes; and far out, where exp overflows."""
    import torch

    rng = random.Random(0)
    cases = [([1.0], [1.0]), ([2.0], [0.0]), ([0.0], [2.0]), ([1000.0], [0.0]), ([-2000.0], [0.0]), ([700.0], [-700.0])]
    cases += [([rng.gauss(0, 3) for _ in range(6)], [rng.gauss(0, 3) for _ in range(6)]) for _ in range(30)]
    for chosen, rejected in cases:
        margins = torch.tensor(chosen, dtype=torch.float64) - torch.tensor(rejected, dtype=torch.float64)
        wanted = -float(torch.nn.functional.logsigmoid(margins).mean())
        got = preference_loss(list(chosen), list(rejected))
        must(close(got, wanted), {"chosen": chosen, "rejected": rejected}, got, f"torch says {wanted}")


def check_distillation(rl_steps: Callable[..., Any]) -> None:
    """The library's count of operations for so many steps reaches the distillation's, and for one fewer does not."""
    from r1.training.arguments import flops
    from r1.training.context import PLAIN

    class Model:
        def num_parameters(self) -> int:
            return 200_000

    rng = random.Random(0)
    cases = [(6000, 100), (10_000, 1000), (10_001, 6000)]
    cases += [(rng.randint(10_000, 1_000_000), rng.randint(500, 9000)) for _ in range(50)]
    for sft_tokens, step_tokens in cases:
        distilled = flops(Model(), 0, sft_tokens, PLAIN)  # type: ignore[arg-type]
        got = rl_steps(sft_tokens, step_tokens)
        given = {"sft_tokens": sft_tokens, "step_tokens": step_tokens}
        must(isinstance(got, int), given, got, "a whole number")
        spent = [flops(Model(), 2 * n * step_tokens, n * step_tokens, PLAIN) for n in (got - 1, got)]  # type: ignore[arg-type]
        must(spent[1] >= distilled, given, got, "so many steps cost less than the distillation: unfair to RL")
        must(spent[0] < distilled, given, got, "one step fewer would have been enough")


def check_evaluation(pass_at_k: Callable[..., Any]) -> None:
    """Beside the library's estimate."""
    from r1.evaluation.statistics import pass_at_k as ours

    for n in (1, 2, 8, 16, 64):
        for correct in range(n + 1):
            for k in {1, 2, n // 2, n} & set(range(1, n + 1)):
                got, wanted = pass_at_k(n, correct, k), ours(n, correct, k)
                must(close(got, wanted), {"n": n, "correct": correct, "k": k}, got, f"the library says {wanted:.6f}")


def check_claims(interval: Callable[..., Any]) -> None:
    """Beside the library's interval; problems differ much, so that their samples are far from independent."""
    from r1.evaluation.statistics import estimate

    rng = random.Random(0)
    for problems, samples in ((40, 8), (100, 4), (30, 16)):
        rates = [rng.choice((0.02, 0.2, 0.98)) for _ in range(problems)]
        table = [[float(rng.random() < rate) for _ in range(samples)] for rate in rates]
        wanted = estimate([sum(row) / samples for row in table], 20_000, 0.95)
        low, high = interval([list(row) for row in table])
        width = wanted["high"] - wanted["low"]
        near = abs(low - wanted["low"]) < 0.06 * width and abs(high - wanted["high"]) < 0.06 * width
        must(
            near,
            f"{problems} problems of {samples} samples",
            (low, high),
            f"the library says {wanted['low']:.3f} to {wanted['high']:.3f}",
        )


CHECKS: dict[str, tuple[str, Callable[[Callable[..., Any]], None]]] = {
    "base": ("pack", check_base),
    "zero": ("advantages", check_zero),
    "cold_start": ("in_form", check_cold_start),
    "reasoning_rl": ("consistency", check_reasoning_rl),
    "rejection_sampling": ("keep", check_rejection_sampling),
    "sft": ("completion_loss", check_sft),
    "final_rl": ("preference_loss", check_final_rl),
    "distillation": ("rl_steps", check_distillation),
    "evaluation": ("pass_at_k", check_evaluation),
    "claims": ("interval", check_claims),
}
"""Exercise -> the function to fill in, and its check."""


def verdict(name: str, folder: Path = FOLDER) -> str | None:
    """Why an exercise is not solved yet; None if it is."""
    function, check = CHECKS[name]
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        check(getattr(module, function))
    except Wrong as wrong:
        return str(wrong)
    except NotImplementedError:
        return f"fill in `{function}` in docs/tutorial/exercises/{name}.py"
    except Exception as error:  # anything that a student's code may raise
        return f"`{function}` raises {type(error).__name__}: {error}"
    return None


def main(names: Sequence[str]) -> int:
    """Print a line for each exercise; 0 if all of them are solved, 2 if one has no such name."""
    unknown = sorted(set(names) - set(CHECKS))
    if unknown:
        print(f"no exercise is named {', '.join(unknown)}; there are {', '.join(CHECKS)}")
        return 2
    verdicts = {name: verdict(name) for name in names or CHECKS}
    for name, why in verdicts.items():
        print(f"{name}: solved" if why is None else f"{name}: not yet: {why}")
    return int(any(why is not None for why in verdicts.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
