"""The whole configuration composes, and its parts refuse what cannot be in words a user can act on."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from r1.config.recipe import RL_RUNS
from r1.pipeline.compose import validate
from r1.support.errors import ConfigurationError, UserError
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


@pytest.mark.committed
def test_params_yaml_is_the_composed_default() -> None:
    """In git: the working tree's may be of any profile."""
    shown = subprocess.run(["git", "show", "HEAD:params.yaml"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert validate(yaml.safe_load(shown.stdout)) == compose(), "conf/ and params.yaml differ: run `make params`"


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
    ("evaluate.thinking.models=[r2]", "evaluate.thinking.models.0 = 'r2': Input should be 'base'"),
    ("evaluate.thinking.budgets=[16,8]", "thinking.budgets = [16, 8]: must ascend and stay below sampling.max_new_tok"),
    ("evaluate.sampling.max_new_tokens=64", "must ascend and stay below sampling.max_new_tokens = 64"),
    ("report.thinking_budget=7", "report.thinking_budget = 7: must be one of evaluate.thinking.budgets, 8, 16, 32, 64"),
    ("evaluate.sampling.bad_words=[' wait']", "evaluate.sampling.bad_words.0 = ' wait': String should match pattern"),
    ("evaluate.intervention.bad_words=[]", "evaluate.intervention.bad_words = []: Tuple should have at least 1 item"),
    ("base.checkpoint=./nowhere", "base.checkpoint = './nowhere': no such file or directory"),
    ("base.checkpoint=Qwen/Qwen2.5-1.5B", "with offline=false it may be a hub id"),
    ("rl.rollout.name=sglang", "does not match any of the expected tags: 'transformers', 'vllm', 'vllm_server'"),
    ("zero.rewards.accuracy=1", "Input should be 'accuracy_reward'"),
    ("base.architecture.num_key_value_heads=3", "must be a multiple of num_key_value_heads 3"),
    ("zero.rewards.preference_reward=1", "Input should be 'accuracy_reward'"),
    ("prepare.families.chain_sum.level=medium", "Input should be 'train', 'hard' or 'transfer'"),
    ("base.chat_template=null", "a base from scratch needs one"),
    ("prepare.styles.mixed=0.9", "add up to more than 1"),
    ("rl.algorithm.lam=0.9", "rl.algorithm: unknown key 'lam'"),
    (
        "rl.algorithm.extra_rewards.length=1",
        "rl.algorithm.extra_rewards.length = 'length': Input should be",
    ),
    ("rl.algorithm.extra_rewards.accuracy_reward=1", "is already in zero.rewards"),
    ("rl.algorithm.num_mini_batches=0", "rl.algorithm.num_mini_batches = 0: Input should be greater than 0"),
    ("sandbox=docker", "sandbox = 'docker': Input should be 'bubblewrap' or 'none'"),
    ("sft.micro_batch_size=5", "must be a multiple of micro_batch_size 5"),
    ("zero.micro_batch_tokens=127", "zero: micro_batch_tokens 127 must be at least max_completion_length 128, or null"),
    # Nothing leaves the project that was not asked to by an absolute path.
    (
        "base.checkpoint=../../x",
        "base.checkpoint = '../../x': leaves the project; if it is meant, use an absolute path: /",
    ),
    ("base_qwen.checkpoint=models/../../x", "base_qwen.checkpoint = 'models/../../x': leaves the project"),
    ("base.checkpoint=/nowhere", "base.checkpoint = '/nowhere': no such file or directory"),
    ("base.checkpoint='~/nowhere'", "base.checkpoint = '~/nowhere': no such file or directory"),
    ("prepare.families={$x: {}}", "prepare.families.$x = '$x': String should match pattern"),
]


@pytest.mark.parametrize(("override", "message"), WRONG, ids=[override for override, _ in WRONG])
def test_a_wrong_value_is_refused_by_name(override: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        compose(override)
    assert message in str(refused.value)


def test_an_endpoint_is_not_asked_for_what_it_cannot() -> None:
    endpoint = ["engine@evaluate.engine=openai"]
    with pytest.raises(ConfigurationError, match=r"thinking\.models = \['base', 'zero', 'r1'\]: an endpoint neither"):
        compose(*endpoint)
    with pytest.raises(ConfigurationError, match=r"intervention\.models = \['zero'\]: an endpoint neither"):
        compose(*endpoint, "evaluate.thinking.models=[]")
    compose(*endpoint, "evaluate.thinking.models=[]", "evaluate.intervention.models=[]")


@pytest.mark.parametrize("profile", ["a/b", "..", "$x|<b>", ""])
def test_a_profile_is_a_name(profile: str) -> None:
    """In params.yaml it may be anything."""
    with pytest.raises(ConfigurationError, match=rf"profile = '{re.escape(profile)}': String should match pattern"):
        validate({**compose().model_dump(), "profile": profile})


def test_an_absolute_checkpoint_is_meant(tmp_path: Path) -> None:
    assert compose(f"base.checkpoint={tmp_path}").base.checkpoint == str(tmp_path)


def test_a_link_in_the_project_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever made it pointed it there: a shared cache, a big disk. Only `..` is refused."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "link").symlink_to(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path / "project")
    assert compose("base.checkpoint=./link").base.checkpoint == "./link"


def test_code_that_no_reward_pays_for_is_refused() -> None:
    for stage in RL_RUNS:
        with pytest.raises(UserError, match=rf"{stage}\.rewards: code_reward is missing.*prepare\.families\.code\.rl"):
            compose("code=formulas", f"{stage}.rewards.code_reward=0")
        compose("code=formulas", f"{stage}.rewards.code_reward=0", "prepare.families.code.rl=0")
    compose("code=formulas", *(f"~{stage}.rewards.code_reward" for stage in RL_RUNS), "prepare.families.code.rl=0")


def test_no_code_is_the_default_and_adds_nothing() -> None:
    assert compose() == compose("code=none")
    assert not any(family.task == "code" for family in compose().prepare.families.values())
