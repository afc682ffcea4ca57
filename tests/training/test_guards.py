"""Guards: what they object to, for how long they bear it, and what they say."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from r1.config.rl import RlConfig
from r1.training.guards import Guard, Stopped, constant_rewards
from r1.training.recorder import Recorder
from tests.committed import committed
from tests.conftest import compose

RL = compose().rl.model_copy(update={"patience": 3})
FINE = {
    "loss": 0.1, "grad_norm": 1.0, "kl": 0.01, "entropy": 0.3, "frac_reward_zero_std": 0.5, "reward": 1.0,
    "reward_std": 0.5, "completions/mean_length": 30.0, "completions/clipped_ratio": 0.1, "sampler/kl": 1e-4,
}  # fmt: skip
CURVES = [
    file
    for pattern in ("data/plots/*.csv", "data/ablation/curves/*.csv")
    for file in sorted(committed().glob(pattern))
    if "kl" in pd.read_csv(file)
]


class Replay:
    """A recorder with its guard, told a run's log step by step."""

    def __init__(self, rl: RlConfig | None = RL) -> None:
        self.record = Recorder(Path("unwritten.csv"))
        self.guard = Guard(self.record, rl)
        self.state = SimpleNamespace(global_step=0, max_steps=100, is_world_process_zero=False)
        self.args = SimpleNamespace(disable_tqdm=False)

    def step(self, row: dict[str, Any], row_step: int | None = None) -> bool:
        """Log one step; False if no checkpoint may be saved in it."""
        self.state.global_step = row_step or self.state.global_step + 1
        control = SimpleNamespace(should_save=True)
        for callback in (self.record, self.guard):
            callback.on_log(self.args, self.state, control, logs=dict(row))  # type: ignore[arg-type]
        return bool(control.should_save)


@pytest.mark.parametrize("rl", [None, RL])
@pytest.mark.parametrize("key", ["loss", "grad_norm"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_stops_every_training_at_once(rl: RlConfig | None, key: str, value: float) -> None:
    replay = Replay(rl)
    assert replay.step(FINE)
    with pytest.raises(Stopped, match=rf"stopped at step 2 of 100: {key} is .*\n.*lower learning_rate") as stopped:
        replay.step({**FINE, key: value})
    assert stopped.value.since == 2
    assert len(replay.record.rows) == 2, "the curve shows it"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"kl": 2.1}, r"kl is 2.1 nats per token, above rl.max_kl = 2.0"),
        ({"kl": math.inf}, r"kl is inf nats per token, above rl.max_kl = 2.0"),
        ({"kl": None}, r"kl is nan nats per token, above rl.max_kl = 2.0"),
        ({"entropy": 0.0009}, r"entropy is 0.0009 nats per token, below rl.min_entropy = 0.001"),
        ({"entropy": math.nan}, r"entropy is nan nats per token, below rl.min_entropy = 0.001"),
        ({"reward": None, "rewards/a/mean": None}, r"no completion has a reward: .*\{'a': None\}"),
        ({"reward": math.nan}, r"no completion has a reward: .*\{\}"),
        ({"entropy": 5.1}, r"entropy is 5.1 nats per token, above rl.max_entropy = 5.0"),
        ({"entropy": math.inf}, r"entropy is inf nats per token, above rl.max_entropy = 5.0"),
        ({"completions/mean_length": 3.9}, r"the mean completion has 3.9 tokens, below rl.min_length = 4"),
        (
            {"completions/clipped_ratio": 0.96},
            r"the share of truncated completions is 0.96, above rl.max_truncated = 0.95",
        ),
        (
            {"sampler/kl": 0.06},
            r"the KL between sampler and trainer is 0.06 nats per token, above rl.max_sampler_kl = 0.05",
        ),
        ({"sampler/kl": None}, r"the KL between sampler and trainer is nan nats"),
        ({"frac_reward_zero_std": 1.0, "rewards/a/mean": 0.5}, r"no group has any reward variance: \{'a': 0.5\}"),
    ],
)
def test_what_goes_on_for_too_long_stops_reinforcement_learning(
    bad: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    replay = Replay()
    for row in (FINE, FINE | bad, FINE | bad, FINE, FINE | bad, FINE | bad):
        assert replay.step(row) == (row is FINE), "a step in trouble is not saved"
    assert capsys.readouterr().out.count("warning: step ") == 4
    with pytest.raises(
        Stopped, match=f"stopped at step 7 of 100: {said}.*; since step 5\n  (usually|the engine) "
    ) as stopped:
        replay.step(FINE | bad)
    assert stopped.value.since == 5


@pytest.mark.parametrize("key", ["max_entropy", "min_length", "max_truncated", "max_sampler_kl"])
def test_a_value_at_the_limit_is_allowed(key: str) -> None:
    logged = {
        "max_entropy": "entropy",
        "min_length": "completions/mean_length",
        "max_truncated": "completions/clipped_ratio",
        "max_sampler_kl": "sampler/kl",
    }
    assert Replay().step({**FINE, logged[key]: getattr(RL, key)})


def reward_rows(*rewards: float, spread: float = 0.5) -> list[dict[str, Any]]:
    return [{**FINE, "reward": value, "reward_std": spread} for value in rewards]


@pytest.mark.parametrize(
    ("rewards", "spread", "since"),
    [
        ((0, 0, 0, 1, 1, 1, 0.4, 0.4, 0.4), 0.5, 7),  # more than one deviation below 1
        ((0, 0, 0, 1, 1, 1, 0.6, 0.6, 0.6), 0.5, None),  # less than one
        ((0, 0, 0, 1, 1, 1, 0.6, 0.6, 0.6), 0.3, 7),  # the scale of the rewards is their spread
        ((0, 0, 0, 100, 100, 100, 40, 40, 40), 50.0, 7),
        ((1, 1, 1, 0.4, 0.6, 0.4, 0.4), 0.5, None),  # it recovers in between
        ((1, 1, 1, 0.4, 0.6, 0.4, 0.4, 0.3), 0.5, 6),
        ((0, 1, 0, 0, 0, 0, 0), 0.5, None),  # one lucky step is no level ...
        ((1, 1, 0, 0, 0, 0), 1.0, None),  # ... nor are fewer steps than `patience`
        ((-9, -9, -9, -10, -10, -10), 0.5, 4),  # rewards may be negative
    ],
)
def test_a_reward_that_falls_for_good_stops_the_run(
    rewards: tuple[float, ...], spread: float, since: int | None
) -> None:
    replay, stopped = Replay(), None
    try:
        for row in reward_rows(*rewards, spread=spread):
            replay.step(row)
    except Stopped as stop:
        stopped = stop
    assert (stopped and stopped.since) == since
    if stopped:
        assert "below its best mean over 3 steps" in str(stopped) and "rl.max_reward_drop = 1.0" in str(stopped)


def test_steps_without_a_reward_are_no_fall(capsys: pytest.CaptureFixture[str]) -> None:
    replay, none = Replay(), {**FINE, "reward": None, "reward_std": None}
    saved = [replay.step(row) for row in [*reward_rows(1, 1, 1), none, none, *reward_rows(1)]]
    assert saved == [True, True, True, False, False, True], "a guard of its own counts them"
    assert "reward is" not in capsys.readouterr().out


def test_steps_that_did_not_measure_it_do_not_count_and_are_not_saved(capsys: pytest.CaptureFixture[str]) -> None:
    replay, silent = Replay(), {key: value for key, value in FINE.items() if key != "kl"}
    assert not replay.step({**FINE, "kl": 3.0})
    assert not replay.step(silent) and not replay.step(silent)
    assert not replay.step({**FINE, "kl": 3.0})
    assert capsys.readouterr().out.count("warning") == 2
    with pytest.raises(Stopped, match="since step 1"):
        replay.step({**FINE, "kl": 3.0})


def test_a_resumed_run_counts_on() -> None:
    killed, resumed = Replay(), Replay()
    for _ in range(2):
        killed.step({**FINE, "frac_reward_zero_std": 1.0})
    resumed.record.restore(json.loads(json.dumps(killed.record.state())))
    with pytest.raises(Stopped, match="since step 1"):
        resumed.step({**FINE, "frac_reward_zero_std": 1.0}, row_step=3)


@pytest.mark.parametrize("curve", CURVES, ids=[curve.stem for curve in CURVES])
def test_the_default_limits_are_far_from_every_committed_run(curve: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replay = Replay(compose().rl)
    for row in pd.read_csv(curve).to_dict("records"):
        replay.step(
            {str(key): value for key, value in row.items() if key != "step" and not pd.isna(value)}, row["step"]
        )
    warnings = [line for line in capsys.readouterr().out.splitlines() if "warning: step" in line]
    if curve.stem == "final_rl":  # general prompts, which come last, earn other rewards: warned of, and not stopped
        warnings = [line for line in warnings if "rl.max_reward_drop" not in line]
    assert not warnings


def rewards(**values: tuple[float | None, float | None]) -> dict[str, Any]:
    parts = {"mean": 0, "std": 1}
    logged = {f"rewards/{name}/{part}": value[at] for name, value in values.items() for part, at in parts.items()}
    return {**FINE, **logged}


def test_rewards_that_teach_nothing_are_named() -> None:
    rows = [
        rewards(zero=(0.0, 0.0), round=(0.1, 3e-8), steps=(0.0, 0.0), good=(0.5, 0.5), absent=(None, None)),
        rewards(zero=(0.0, 0.0), round=(0.1 + 1e-8, 0.0), steps=(1.0, 0.0), good=(0.5, 0.0), absent=(None, None)),
        FINE,  # a step within a round
        rewards(zero=(0.0, None), round=(0.1, 0.0), steps=(0.0, 0.0), good=(0.5, 0.5), absent=(math.nan, None)),
    ]
    assert [complaint.split()[0] for complaint in constant_rewards(rows)] == ["zero", "round", "absent"]
    assert constant_rewards([]) == []


def test_a_dead_reward_is_warned_of_and_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    replay = Replay()
    for _ in range(10):
        replay.step(rewards(dead=(0.0, 0.0), good=(0.5, 0.4)))
        replay.step({"loss": 0.1, "grad_norm": 1.0})  # within a round
    warning = "warning: by step {} dead has been 0 for every completion: no signal so far\n"
    assert capsys.readouterr().out.partition(" ")[2] == warning.format(5), "behind the time of day"
    replay.guard.on_train_end(replay.args, replay.state, None)  # type: ignore[arg-type]
    assert capsys.readouterr().out.partition(" ")[2] == warning.format(20), "of the whole run"
