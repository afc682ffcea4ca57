"""The configuration composes, and refuses what cannot be in words a user can act on."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from r1.config.recipe import RL_RUNS
from r1.pipeline.stage import _with_groups, validate
from r1.support.errors import UserError
from tests.conftest import PROFILES, ROOT, chosen, compose

CODES = sorted(path.stem for path in (ROOT / "conf" / "code").glob("*.yaml"))
TEACHERS = sorted(path.stem for path in (ROOT / "conf" / "teacher").glob("*.yaml"))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("teacher", TEACHERS)
@pytest.mark.parametrize("code", CODES)
def test_every_profile_composes_with_every_teacher_and_code(
    profile: str, teacher: str, code: str, tmp_path: Path
) -> None:
    config = compose(*chosen(profile, tmp_path), f"teacher={teacher}", f"code={code}", "offline=false")
    assert config.profile == profile
    assert config.base.architecture is not None and config.base.architecture.model_type == teacher


def test_params_yaml_is_the_composed_default() -> None:
    written = validate(yaml.safe_load((ROOT / "params.yaml").read_text()))
    assert written == compose(), "conf/ and params.yaml differ: run `make params`"


def test_a_model_that_is_to_be_fetched_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"base\.checkpoint = .*gguf': no such file or directory; `make smollm2`"):
        compose("profile=smollm2")


@pytest.mark.parametrize(
    ("group", "key", "address"),
    [
        ("rollout=vllm_server", "rl.rollout.base_url", "http://10.0.0.2:8000"),
        ("engine@evaluate.engine=ray", "evaluate.engine.address", "10.0.0.2:6379"),
    ],
)
def test_other_machines_are_called_only_online(group: str, key: str, address: str) -> None:
    with pytest.raises(UserError, match=rf"{key} = '{address}': is not on this machine, and offline is true"):
        compose(group, f"{key}='{address}'")
    compose(group, f"{key}='{address}'", "offline=false")


WRONG = [
    ("zero.num_generations=1", "zero.num_generations = 1: Input should be greater than or equal to 2"),
    ("zero.batch_size=100", "batch_size 100 must be a multiple of num_generations 8"),
    ("zero.learning_rat=1", "unknown key 'learning_rat' (did you mean 'learning_rate'?); allowed: max_steps"),
    ("zero.max_steps=many", "zero.max_steps = 'many': Input should be a valid integer"),
    ("evaluate.sampling.temperature=-0.1", "evaluate.sampling.temperature = -0.1: Input should be greater than"),
    ("base.checkpoint=./nowhere", "base.checkpoint = './nowhere': no such file or directory"),
    ("base.checkpoint=Qwen/Qwen2.5-1.5B", "with offline=false it may be a hub id"),
    ("rl.rollout.name=sglang", "does not match any of the expected tags: 'transformers', 'vllm', 'vllm_server'"),
    ("zero.rewards.accuracy=1", "Input should be 'accuracy_reward'"),
    ("base.architecture.num_key_value_heads=3", "must be a multiple of num_key_value_heads 3"),
    ("zero.rewards.preference_reward=1", "Input should be 'accuracy_reward'"),
    ("prepare.families.chain_sum.level=medium", "Input should be 'train', 'hard' or 'transfer'"),
    ("base.chat_template=null", "a base from scratch needs one"),
    ("teacher=gpt", "teacher = 'gpt': allowed: deepseek_v3, qwen3"),
    ("prepare.styles.mixed=0.9", "add up to more than 1"),
    ("rl/algorithm=trpo", "rl/algorithm = 'trpo': allowed: dapo, dr_grpo, grpo, gspo, ppo, reinforce_pp, rloo"),
    ("rl.algorithm.lam=0.9", "rl.algorithm: unknown key 'lam'"),
    (
        "rl.algorithm.extra_rewards.length=1",
        "rl.algorithm.extra_rewards.length = 'length': Input should be",
    ),
    ("rl.algorithm.extra_rewards.accuracy_reward=0", "stands in zero.rewards already"),
    ("rl.algorithm.num_mini_batches=0", "rl.algorithm.num_mini_batches = 0: Input should be greater than 0"),
    ("rl/difficulty=hard", "rl/difficulty = 'hard': allowed: all, curriculum, filtered"),
    ("sandbox=docker", "sandbox = 'docker': Input should be 'bubblewrap' or 'none'"),
    ("code=python", "code = 'python': allowed: formulas, humaneval, none"),
    ("sft.micro_batch_size=5", "must be a multiple of micro_batch_size 5"),
    # Nothing leaves the project that was not asked to by an absolute path.
    (
        "base.checkpoint=../../x",
        "base.checkpoint = '../../x': leaves the project; if it is meant, use an absolute path: /",
    ),
    ("base_qwen.checkpoint=models/../../x", "base_qwen.checkpoint = 'models/../../x': leaves the project"),
    ("base.checkpoint=/nowhere", "base.checkpoint = '/nowhere': no such file or directory"),
    ("base.checkpoint='~/nowhere'", "base.checkpoint = '~/nowhere': no such file or directory"),
    ("rl/algorithm=../../x", "rl/algorithm = '../../x': allowed: dapo, dr_grpo"),
    ("rl/algorithm=../difficulty/all", "rl/algorithm = '../difficulty/all': allowed: dapo, dr_grpo"),
    ("teacher=/tmp/x", "teacher = '/tmp/x': allowed: deepseek_v3, qwen3"),
    (
        "engine@evaluate.engine=../rollout/vllm",
        "engine@evaluate.engine = '../rollout/vllm': allowed: openai, ray, transformers, vllm",
    ),
    ("profile=../../../tmp/x", "profile = '../../../tmp/x': allowed: cluster, gpu, miniature, node, node_math, smoke"),
    ("++profile=a/b", "profile = 'a/b': String should match pattern"),
    ("'prepare.families={$x|<b>: {}}'", "prepare.families"),
]


@pytest.mark.parametrize(("override", "message"), WRONG, ids=[override for override, _ in WRONG])
def test_a_wrong_value_is_refused_by_name(override: str, message: str) -> None:
    result = subprocess.run(
        [sys.executable, "stages/zero.py", override], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_an_absolute_checkpoint_is_meant(tmp_path: Path) -> None:
    assert compose(f"base.checkpoint={tmp_path}").base.checkpoint == str(tmp_path)


def test_a_link_in_the_project_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever made it pointed it there: a shared cache, a big disk. Only `..` is refused."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "link").symlink_to(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path / "project")
    assert compose("base.checkpoint=./link").base.checkpoint == "./link"


@pytest.mark.parametrize("choice", ["rl/algorithm=../difficulty/all", "profile=../../../tmp/x"])
def test_compose_takes_no_path_for_a_choice(choice: str) -> None:
    before = (ROOT / "params.yaml").read_text()
    result = subprocess.run(
        [sys.executable, "-m", "r1", "compose", choice], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1 and f"{choice.partition('=')[2]}': allowed: " in result.stderr
    assert (ROOT / "params.yaml").read_text() == before


def test_a_wrong_value_is_refused_before_anything_heavy_is_imported() -> None:
    code = (
        "import runpy, sys; sys.argv = ['stages/zero.py', 'zero.num_generations=1']\n"
        "try: runpy.run_path('stages/zero.py', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print([name for name in ('torch', 'transformers', 'trl', 'vllm', 'pandas') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_code_that_no_reward_pays_for_is_refused() -> None:
    for stage in RL_RUNS:
        with pytest.raises(UserError, match=rf"{stage}\.rewards: code_reward is missing.*prepare\.families\.code\.rl"):
            compose("code=formulas", f"{stage}.rewards.code_reward=0")
        compose("code=formulas", f"{stage}.rewards.code_reward=0", "prepare.families.code.rl=0")
    compose("code=formulas", *(f"~{stage}.rewards.code_reward" for stage in RL_RUNS), "prepare.families.code.rl=0")


def test_no_code_is_the_default_and_adds_nothing() -> None:
    assert compose() == compose("code=none")
    assert not any(family.task == "code" for family in compose().prepare.families.values())


def test_code_chosen_by_hand_keeps_the_profile_of_params_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("profile: smoke\n")
    composed = validate(OmegaConf.to_container(_with_groups({"code": "formulas"}), resolve=True))
    assert composed == compose("profile=smoke", "code=formulas")


CHOICES = [
    ("engine@rejection_sampling.engine=transformers", "rejection_sampling.engine.name", "transformers"),
    ("engine@evaluate.engine=vllm", "evaluate.engine.name", "vllm"),
    ("rollout=vllm", "rl.rollout.name", "vllm"),
    ("rollout=vllm_server", "rl.rollout.timeout", 10),
    ("engine@evaluate.engine=ray", "evaluate.engine.replicas", 2),
    ("teacher=deepseek_v3", "base.architecture.model_type", "deepseek_v3"),
    ("rl/algorithm=grpo", "rl.algorithm.name", "grpo"),
    ("profile=smoke", "zero.max_steps", 2),
    ("code=formulas", "zero.rewards.code_reward", 1.0),
]


@pytest.mark.parametrize(("choice", "key", "value"), CHOICES, ids=[choice for choice, _, _ in CHOICES])
def test_a_group_is_chosen_on_a_stage_as_with_dvc(choice: str, key: str, value: str | int) -> None:
    shown = subprocess.run(
        [sys.executable, "stages/zero.py", choice, "seed=3", "--cfg", "job"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    values = yaml.safe_load(shown.stdout)
    validate(values)
    assert values["seed"] == 3
    for part in key.split("."):
        values = values[part]
    assert values == value


@pytest.mark.parametrize("model", ["zero", "../x", "/tmp/x"])
def test_stages_of_several_models_name_those_they_make(model: str) -> None:
    result = subprocess.run(
        [sys.executable, "stages/distill.py", f"model={model}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert f"model = {model!r}: this stage makes one of distill_qwen, distill_llama" in result.stderr
