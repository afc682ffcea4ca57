"""Replicas under Ray Data: the same completions as one engine, resumption after a kill, clear errors."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from r1.config.sampling import RayEngineConfig
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.sampling import open_sampler
from r1.sampling.journal import Journal
from tests.conftest import ROOT, run_alone
from tests.sampling.test_engines import VLLM, WARM

pytestmark = pytest.mark.slow

RAY = RayEngineConfig(**VLLM.model_dump(exclude={"name"}), name="ray", address=None, replicas=2, chunk_size=32)
QUESTIONS = [as_messages(f"What is {n} + {m}?") for n in range(8) for m in range(8)]
"""64 of 4 samples each: 8 chunks."""


@pytest.fixture
def model(tiny_model: Path) -> Path:
    if tiny_model.parent.name.startswith("deepseek"):
        pytest.skip("a replica is the vLLM engine, which is tested with both architectures")
    return tiny_model


def replicas_draw_what_one_engine_draws(model: Path) -> None:
    """Whichever of two replicas draws a chunk; and one that is killed is started again."""
    import r1.sampling.vllm_engine as vllm_engine
    from r1.sampling import ray_engine

    class Mortal(ray_engine.Replica):
        """Dies at its first chunk, once."""

        def __call__(self, row: dict) -> dict:
            died = Path(self.sampler.source.removeprefix("vllm:")).parent / "died"
            if not died.exists():
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(row) | {"pid": os.getpid()}

    ray_engine.Replica = Mortal  # type: ignore[misc]
    sampler = open_sampler(Policy(model), RAY)
    drawn = list(sampler.draw(QUESTIONS, WARM, 1, done=range(8, 16)))
    assert (model.parent / "died").exists()
    assert [len(chunk) for chunk in drawn] == [8] * 7
    vllm_engine.CHUNK_SIZE = RAY.chunk_size
    expected = open_sampler(Policy(model), VLLM).sample(QUESTIONS, WARM, 1)
    replicas = {number: completions for chunk in drawn for number, completions in chunk.items()}
    assert replicas == {number: expected[number] for number in range(64) if number not in range(8, 16)}


def errors_are_clear(model: Path) -> None:
    """What cannot be placed or started says so instead of waiting."""
    from r1.sampling.fitting import ContextExceeded
    from r1.sampling.ray_engine import ReplicaError

    with pytest.raises(ReplicaError, match=r"replicas = 500 need 500 CPUs, Ray has \d+"):
        open_sampler(Policy(model), RAY.model_copy(update={"replicas": 500}))
    sampler = open_sampler(Policy(model), RAY.model_copy(update={"replicas": 1}))
    with pytest.raises(ContextExceeded, match="none of 1 prompts fits"):
        next(sampler.draw(QUESTIONS[:1], WARM.model_copy(update={"max_new_tokens": 1000}), 0))
    model.rename(model.with_name("elsewhere"))  # what this process has read of it stays read
    try:
        with pytest.raises(ReplicaError, match=rf"{model} does not exist on node .* shared file system"):
            next(sampler.draw(QUESTIONS, WARM, 0))
    finally:
        model.with_name("elsewhere").rename(model)


def a_local_cluster_is_closed(model: Path) -> None:
    """It reports to nobody, and whoever has no token is turned away."""
    open_sampler(Policy(model), RAY)
    import ray  # after the engine, as in a stage
    from ray._common.usage.usage_lib import usage_stats_enabled

    assert not usage_stats_enabled()
    address = ray.get_runtime_context().gcs_address
    joining = f"import ray; ray.init(address={address!r}, log_to_driver=False); print('in')"
    for token, let_in in ((os.environ["RAY_AUTH_TOKEN"], True), ("0" * 64, False)):
        tried = subprocess.run(
            [sys.executable, "-c", joining],
            env=os.environ | {"RAY_AUTH_TOKEN": token},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert ("in" in tried.stdout.split()) == let_in, tried.stderr[-2000:]


@pytest.mark.parametrize(
    "checks", [("a_local_cluster_is_closed", "errors_are_clear"), ("replicas_draw_what_one_engine_draws",)]
)
def test_ray(checks: tuple[str, ...], model: Path) -> None:
    """In a process of its own, as vLLM is; each starts Ray once."""
    calls = "; ".join(f"{check}(Path({str(model)!r}))" for check in checks)
    run_alone(f"from tests.sampling.test_ray_engine import *; {calls}")


def test_a_killed_run_goes_on_without_what_it_had_with_fewer_replicas(model: Path, tmp_path: Path) -> None:
    def drawing(replicas: int) -> list[str]:
        code = (
            "from tests.sampling.test_ray_engine import *; from r1.support.log import configure; configure()\n"
            f"engine = RAY.model_copy(update={{'replicas': {replicas}}})\n"
            f"sampler = open_sampler(Policy(Path({str(model)!r})), engine, Path({str(tmp_path)!r}))\n"
            "asked = [number for chunk in sampler.draw(QUESTIONS, WARM, 1) for number in chunk]\n"
            "assert sorted(asked) == list(range(64)), asked\n"
        )
        return [sys.executable, "-c", code]

    journal = tmp_path / "completions.jsonl"
    with subprocess.Popen(drawing(2), cwd=ROOT, stderr=subprocess.PIPE) as process:
        while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < 8):
            time.sleep(0.002)
        process.kill()
    before = set(Journal(journal).known)
    assert 8 <= len(before) < 64
    second = subprocess.run(drawing(1), cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"{len(before)} of 64 prompts were already finished" in second.stdout
    assert journal.read_bytes().count(b"\n") == 64 == len(Journal(journal).known)


def test_a_cluster_that_is_not_there_is_named(model: Path) -> None:
    run_alone(
        "from tests.sampling.test_ray_engine import *\n"
        "from r1.sampling.ray_engine import ReplicaError\n"
        "with pytest.raises(ReplicaError, match='address = .127.0.0.1:9.: no Ray cluster answers there'):\n"
        f"    open_sampler(Policy(Path({str(model)!r})), RAY.model_copy(update={{'address': '127.0.0.1:9'}}))\n"
    )


def test_ray_that_is_not_installed_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from r1.sampling.ray_engine import ReplicaError

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ReplicaError, match="install the extra `ray`"):
        open_sampler(Policy(model), RAY)
