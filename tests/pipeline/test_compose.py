"""conf/ and params.yaml become a configuration, and every mistake of a user is one line that names it."""

import os
import resource
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import hydra
import pytest
import yaml

from r1.config.rewards import RuleRewardName
from r1.config.rl import ALGORITHMS
from r1.pipeline import cli
from r1.pipeline.compose import compose, load, stage_overrides, validate, write_params
from r1.support.errors import ConfigurationError, UserError
from tests.conftest import ROOT

COMMANDS = {
    "compose": ("-m", "r1", "compose"),
    "plan": ("-m", "r1", "plan"),
    "launch": ("-m", "r1", "launch", "--dry-run", "stages/zero.py"),
    "stage": ("stages/zero.py",),
}
CPU_SECONDS = 2
# What a user writes, what is said of it, and the commands that say something else, or allow it.
MISTAKES: dict[str, tuple[list[str], str, dict[str, str]]] = {
    "unknown-key": (["zero.max_step=1"], "zero: unknown key 'max_step' (did you mean 'max_steps'?); allowed: ", {}),
    "unknown-section": (["zeros.max_steps=1"], "unknown key 'zeros' (did you mean 'zero'?); allowed: profile, ", {}),
    "key-below-a-value": (["zero.max_steps.x=1"], "zero.max_steps: Input should be a valid integer", {}),
    "wrong-type": (["zero.max_steps=many"], "zero.max_steps = 'many': Input should be a valid integer", {}),
    "seed-below-its-range": (["seed=-1"], "seed = -1: Input should be greater than or equal to 0", {}),
    "seed-above-its-range": (
        ["seed=2147483648"],
        "seed = 2147483648: Input should be less than or equal to 2147483647",
        {},
    ),
    "truth-for-a-number": (["zero.learning_rate=true"], "zero: learning_rate = True: Input should be a number", {}),
    "given-twice": (["seed=1", "++seed=1"], "++seed=1: seed is given twice, first by seed=1", {}),
    "group-given-twice": (
        ["profile=gpu", "profile=smoke"],
        "profile=smoke: profile is given twice, first by profile=gpu",
        {},
    ),
    "no-value": (["seed="], "seed = '': Input should be a valid integer", {}),
    "list-for-a-section": (["zero=[1]"], "zero=[1]: a section takes no such value; set its keys one by one", {}),
    "text-for-a-section-with-groups": (["rl=foo"], "rl=foo: rl is a section; set its keys one by one", {}),
    "none-of-a-unions-members": (
        ["sft.chat_template=foo"],
        "sft.chat_template = 'foo': Input should be 'chat', 'r1_zero' or 'r1_zero_short', or 'own'",
        {},
    ),
    "section-without-value": (["zero=null"], "zero = None: Input should be a valid dictionary", {}),
    "sweep": (["seed=1,2"], "seed=1,2: a run takes one value; `dvc exp run --queue -S seed=1,2`", {}),
    "sweep-by-range": (["seed=range(1,3)"], "seed=range(1,3): a run takes one value; ", {}),
    "sweep-by-choice": (["seed=choice(1,2)"], "seed=choice(1,2): a run takes one value; ", {}),
    "sweep-by-interval": (["seed=interval(1,2)"], "seed=interval(1,2): a run takes one value; ", {}),
    "sweep-with-a-prefix": (["++seed=1,2"], "++seed=1,2: a run takes one value; ", {}),
    "sweep-over-a-group": (["rl/algorithm=grpo,ppo"], "rl/algorithm=grpo,ppo: a run takes one value; ", {}),
    "missing-group": (["rl/algorithms=ppo"], "rl/algorithms=ppo: rl/algorithms is not a group of conf/", {}),
    "missing-choice": (["rl/algorithm=trpo"], "rl/algorithm = 'trpo': allowed: dapo, dr_grpo, grpo, gspo, ppo", {}),
    "no-choice": (["rl/algorithm="], "rl/algorithm = '': allowed: dapo, dr_grpo", {}),
    "choice-by-path": (["profile=../../../tmp/x"], "profile = '../../../tmp/x': allowed: cluster, gpu", {}),
    "group-without-place": (
        ["engine=vllm"],
        "Could not override 'engine'. Did you mean to override one of engine@cold_start_data.engine",
        dict.fromkeys(("launch", "stage"), "engine=vllm: engine is a group of conf/"),
    ),
    "group-in-a-wrong-place": (
        ["engine@sft.engine=vllm"],
        "Could not override 'engine@sft.engine'. Did you mean",
        dict.fromkeys(("launch", "stage"), "engine@sft.engine=vllm: engine is a group of conf/"),
    ),
    "group-at-a-stage": (
        ["rl/algorithm=ppo"],
        "rl/algorithm=ppo: rl/algorithm is a group of conf/, but a stage takes only single keys; choose it with "
        "`python -m r1 compose rl/algorithm=ppo` or `dvc exp run -S rl/algorithm=ppo`",
        dict.fromkeys(("compose", "plan"), ""),
    ),
    "stray-equals": (["="], "'=' is not an override: write key=value, such as zero.max_steps=5", {}),
    "two-equals": (["zero.max_steps=1=2"], "'zero.max_steps=1=2' is not an override: write key=value", {}),
    "no-key": (["=3"], "'=3' is not an override: write key=value", {}),
    "no-equals": (["zero"], "'zero' is not an override: write key=value", {}),
    "empty": ([""], "'' is not an override: write key=value", {}),
    "open-bracket": (["zero.rewards={accuracy_reward: 1"], "'zero.rewards={accuracy_reward: 1' is not an override", {}),
    "two-words": (["seed 3"], "'seed 3' is not an override: write key=value", {}),
    "open-quote": (["seed='3"], '"seed=\'3" is not an override: write key=value', {}),
    "open-interpolation": (["seed=${zero"], "'seed=${zero' is not an override: write key=value", {}),
    "space-before-equals": (["seed = 3"], "'seed = 3' is not an override: write key=value", {}),
    "prefix-alone": (["++"], "'++' is not an override: write key=value", {}),
    "forced-group": (
        ["++rl/algorithm=ppo"],
        "force-add of config groups is not supported: '++rl/algorithm=ppo'",
        dict.fromkeys(("launch", "stage"), "++rl/algorithm=ppo: rl/algorithm is a group of conf/"),
    ),
    "added-group": (
        ["+rl/algorithm=ppo"],
        "Multiple values for rl/algorithm. To override a value use 'override rl/algorithm: ppo'",
        dict.fromkeys(("launch", "stage"), "+rl/algorithm=ppo: rl/algorithm is a group of conf/"),
    ),
    "group-as-a-key": (["rl.algorithm=ppo"], "rl.algorithm = 'ppo': Input should be a valid dictionary", {}),
    "deleted-another-value": (["~seed=3"], "Could not delete from config. The value of 'seed' is 17 and not 3.", {}),
    "unknown-reward": (
        ["rl.algorithm.extra_rewards.length=1"],
        "rl.algorithm.extra_rewards.length = 'length': Input should be 'accuracy_reward', 'code_reward', ",
        {},
    ),
    "added-what-is-there": (["+seed=3"], "Could not append to config. An item is already at 'seed'.", {}),
    "deleted-what-is-not": (["~seeds"], "Could not delete from config. 'seeds' does not exist.", {}),
    "deleted-what-is-needed": (["~seed"], "seed: Field required", {}),
    "package-at-a-key": (["seed@x=3"], "config group 'seed' does not exist", {}),
    "hydra-itself": (["hydra.run.dir=x"], "hydra.run.dir=x: Hydra's own settings cannot be changed", {}),
    "hydra-group": (["hydra/launcher=joblib"], "hydra/launcher=joblib: Hydra's own settings", {}),
    "interpolation-of-itself": (["seed=${seed}"], "Recursive interpolation detected", {}),
    "interpolation": (["seed=${nowhere}"], "Interpolation key 'nowhere' not found", {}),
    "environment": (["seed=${oc.env:R1_NOWHERE}"], "Environment variable 'R1_NOWHERE' not found", {}),
    "resolver": (["seed=${nothing:1}"], "Unsupported interpolation type nothing", {}),
    "multirun": (
        ["--multirun", "seed=3"],
        "unrecognized arguments: --multirun",
        {"stage": "--multirun is not supported; `dvc exp run --queue -S …` queues runs"},
    ),
    "multirun-in-short": (
        ["-m", "seed=1,2"],
        "unrecognized arguments: -m",
        {"stage": "--multirun is not supported; `dvc exp run --queue -S …` queues runs"},
    ),
    "unknown-flag": (["--max-steps", "3"], "unrecognized arguments: --max-steps", {}),
    "short-flag": (["-x"], "unrecognized arguments: -x", {}),
}


def run(command: str, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(cwd), "OMP_NUM_THREADS": "1"}
    called = [sys.executable, *COMMANDS[command], *arguments]
    return subprocess.run(called, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What the commands need of this project, with parameters of its own."""
    for name in ("conf", "r1"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "stages", tmp_path / "stages")
    write_params(compose([], ROOT / "conf"), tmp_path / "params.yaml")  # the working tree may hold another profile's
    return tmp_path


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Runs a command in this process, which is quick; what it ends with."""
    handler = signal.getsignal(signal.SIGTERM)

    def run_here(command: str, *arguments: str) -> str:
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr("r1.pipeline.stage.configure", lambda: None)
        *before, last = COMMANDS[command]
        script = command == "stage"
        monkeypatch.setattr(sys, "argv", [last, *arguments] if script else ["r1", *before[2:], last, *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(last, run_name="__main__") if script else cli.main()
        assert isinstance(ended.value.code, str), "which Python prints on standard error, and exits with 1"
        return ended.value.code

    yield run_here
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    mistake: str, command: str, refused: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    arguments, message, by_command = MISTAKES[mistake]
    message = by_command.get(command, message)
    if not message:
        pytest.skip("is no mistake here")
    params = (ROOT / "params.yaml").read_bytes()
    said = refused(command, *arguments)
    assert said.startswith("error: ") and message in said
    assert len(said.splitlines()) == 1
    assert capfd.readouterr() == ("", "")
    assert (ROOT / "params.yaml").read_bytes() == params


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "stages").glob("*.py")))
@pytest.mark.parametrize("mistake", ["unknown-key", "sweep", "given-twice", "multirun"])
def test_every_stage_refuses_a_mistake_in_one_line(
    mistake: str, script: str, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMMANDS, "stage", (f"stages/{script}",))
    arguments, message, by_command = MISTAKES[mistake]
    said = refused("stage", *arguments)
    assert said.startswith("error: ") and by_command.get("stage", message) in said and "\n" not in said


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("mistake", ["unknown-key", "sweep", "deleted-what-is-not", "unknown-flag"])
def test_a_mistake_is_refused_at_once(mistake: str, command: str) -> None:
    """In a process of its own, imports and all."""
    arguments, message, by_command = MISTAKES[mistake]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = run(command, *arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.returncode == 1 and ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ") and by_command.get(command, message) in line
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < CPU_SECONDS


WRONG_FILES: dict[str, tuple[str | None, str]] = {
    "missing": (None, "error: params.yaml is missing: `make params` writes it"),
    "no-yaml": ("seed: [1", "error: configuration: while parsing a flow sequence"),
    "list": ("- 17", "error: configuration: while parsing a block mapping"),
    "no-text": ("seed: \udcff", "error: configuration: 'utf-8' codec can't decode byte 0xff"),
    "wrong-value": ("seed: -1", "error: configuration: seed = -1: Input should be greater than or equal to 0"),
    "interpolation": ("seed: ${nowhere}", "error: configuration: Interpolation key 'nowhere' not found"),
}


@pytest.mark.parametrize("command", ["launch", "stage"])
@pytest.mark.parametrize("damage", WRONG_FILES)
def test_damaged_parameters_are_one_line(damage: str, command: str, project: Path) -> None:
    line, message = WRONG_FILES[damage]
    params = project / "params.yaml"
    if line is None:
        params.unlink()
    else:
        text = params.read_text().replace("seed: 17\n", f"{line}\n")
        params.write_text(text, errors="surrogateescape")
    ended = run(command, cwd=project)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1 and ended.stderr.startswith(message), ended.stderr


@pytest.mark.parametrize(("text", "message"), [("- 1", "must have keys"), ("5", "must have keys"), ("", "seed: Field")])
def test_parameters_have_keys(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        load()


def test_a_folder_is_no_params_yaml(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").mkdir()
    with pytest.raises(UserError, match="is a folder: remove it"):
        write_params({}, tmp_path / "params.yaml")


def test_a_key_that_is_also_a_folder_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra takes folders beside a file for groups; plugins/ is one."""
    monkeypatch.chdir(tmp_path)
    write_params(compose([], ROOT / "conf"))
    Path("plugins").mkdir()
    Path("mine").mkdir()
    assert load(["plugins=mine"]).plugins == "mine"


def test_several_mistakes_are_a_line_each(refused: Callable[..., str]) -> None:
    first, *lines = refused("stage", "seed=-1", "zero.max_steps=0").splitlines()
    assert first == "error: configuration"
    assert [line.split(":")[0] for line in lines] == ["  seed = -1", "  zero.max_steps = 0"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_no_mistake(command: str) -> None:
    shown = run(command, "--help")
    assert shown.returncode == 0 and shown.stderr == ""
    assert shown.stdout.startswith("usage: python ")


def test_compose_writes_what_stages_read(project: Path) -> None:
    assert run("compose", "profile=smoke", "seed=3", cwd=project).returncode == 0
    written = yaml.safe_load((project / "params.yaml").read_text())
    assert written == compose(["profile=smoke", "seed=3"], ROOT / "conf")
    assert written["seed"] == 3 and written["zero"]["max_steps"] == 2
    shown = yaml.safe_load(run("stage", "--cfg", "job", cwd=project).stdout)
    assert validate(shown) == validate(written)


def test_a_refused_compose_leaves_what_was_composed(project: Path) -> None:
    run("compose", "profile=smoke", cwd=project)
    before = (project / "params.yaml").read_bytes()
    assert run("compose", "profile=gpu", "zero.batch_size=3", cwd=project).returncode == 1
    assert (project / "params.yaml").read_bytes() == before
    assert sorted(path.name for path in project.iterdir()) == ["conf", "params.yaml", "r1", "stages"]


# Keys that no file names, of mappings, beside such as there are.
ALIKE = (
    "rl.algorithm.extra_rewards.len_reward=0.5",
    "zero.rewards.format_reward=0.25",
    "offline=false",
    "~zero.rewards.format_reward",
)


@pytest.mark.parametrize("override", ALIKE)
def test_an_override_means_the_same_to_compose_stages_and_launch(
    override: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    composed = validate(compose([override]))
    assert composed == load([override]) != load()
    shown = run("stage", override, "--cfg", "job", cwd=project)
    assert validate(yaml.safe_load(shown.stdout)) == composed, shown.stderr
    launched = run("launch", override, cwd=project)
    assert shlex.split(launched.stdout)[1:] == ["stages/zero.py", override], launched.stderr
    write_params(compose([override]))
    assert load() == composed


def test_hydra_itself_takes_every_extra_reward_without_a_plus() -> None:
    """As `dvc exp run -S` does, which calls Hydra with the override as it is written."""
    for reward in get_args(RuleRewardName):
        with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            composed = hydra.compose("config", [f"rl.algorithm.extra_rewards.{reward}=0.5"])
        assert composed.rl.algorithm.extra_rewards[reward] == 0.5


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_keeps_its_own_extra_rewards(algorithm: str) -> None:
    config = validate(compose([ALIKE[0], f"rl/algorithm={algorithm}"], ROOT / "conf"))
    own = {"soft_overlong_punishment": 1.0} if algorithm == "dapo" else {}
    assert config.rl.algorithm.extra_rewards == {"len_reward": 0.5} | own


def test_a_stage_gets_every_key_through_to_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    given = ["zero.max_steps=5", "++seed=3", "+a=1", "~model"]
    assert stage_overrides(given) == ["++zero.max_steps=5", "++seed=3", "+a=1", "~model"]


GROUPS: list[tuple[str, str, Any]] = [
    ("engine@rejection_sampling.engine=transformers", "rejection_sampling.engine.name", "transformers"),
    ("engine@evaluate.engine=vllm", "evaluate.engine.name", "vllm"),
    ("rollout=vllm", "rl.rollout.name", "vllm"),
    ("rollout=vllm_server", "rl.rollout.timeout", 10),
    ("engine@evaluate.engine=ray", "evaluate.engine.replicas", 2),
    ("teacher=deepseek_v3", "base.architecture.model_type", "deepseek_v3"),
    ("rl/algorithm=ppo", "rl.algorithm.name", "ppo"),
    ("profile=smoke", "zero.max_steps", 2),
    ("profile=minute", "zero.max_steps", 50),
    ("profile=minute", "evaluate.sampling.num_samples", 2),
    ("code=formulas", "zero.rewards.code_reward", 1.0),
    ("launcher=ddp", "launcher.num_processes", 2),
]


@pytest.mark.parametrize(("choice", "key", "value"), GROUPS, ids=[choice for choice, *_ in GROUPS])
def test_a_group_is_chosen_by_compose(choice: str, key: str, value: Any) -> None:
    values: Any = compose([choice, "seed=3"], ROOT / "conf")
    assert values["seed"] == 3
    for part in key.split("."):
        values = values[part]
    assert values == value


# What a group does not offer; nothing leads out of conf/.
WRONG_CHOICES = [
    ("teacher=gpt", "teacher = 'gpt': allowed: deepseek_v3, qwen3"),
    ("code=python", "code = 'python': allowed: formulas, humaneval, none"),
    ("teacher=/tmp/x", "teacher = '/tmp/x': allowed: deepseek_v3, qwen3"),
    ("profile=../../../tmp/x", "profile = '../../../tmp/x': allowed: cluster, gpu, miniature, minute, node"),
    (
        "engine@evaluate.engine=../rollout/vllm",
        "engine@evaluate.engine = '../rollout/vllm': allowed: openai, plugin, ray, transformers, vllm",
    ),
    ("rl/algorithm=trpo", "rl/algorithm = 'trpo': allowed: dapo, dr_grpo, grpo, gspo, ppo, reinforce_pp, rloo"),
    ("rl/difficulty=hard", "rl/difficulty = 'hard': allowed: all, curriculum, filtered"),
    ("rl/algorithm=../../x", "rl/algorithm = '../../x': allowed: dapo, dr_grpo"),
    ("rl/algorithm=../difficulty/all", "rl/algorithm = '../difficulty/all': allowed: dapo, dr_grpo"),
]


@pytest.mark.parametrize(("choice", "message"), WRONG_CHOICES, ids=[choice for choice, _ in WRONG_CHOICES])
def test_a_wrong_choice_is_refused_by_those_that_there_are(choice: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        compose([choice], ROOT / "conf")
    assert message in str(refused.value)


def test_a_group_is_refused_by_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for choice, *_ in GROUPS:
        with pytest.raises(ConfigurationError, match="is a group of conf/, but a stage takes only single keys"):
            load([choice])


def test_parameters_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"params\.yaml is missing"):
        load()
