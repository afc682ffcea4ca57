"""Plug-ins: what may be wrong with one ends in a line that names it; what is right works by configuration alone."""

import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

from r1 import plugins
from r1.config.data import DataSetConfig
from r1.config.plugin_users import USERS, plugin_users
from r1.config.recipe import Config
from r1.config.sampling import PluginEngineConfig, SamplingConfig
from r1.data.adapters import adapter_of
from r1.data.prepare import prepare
from r1.models.policy import Policy
from r1.pipeline.compose import compose, stage_overrides, validate, write_params
from r1.pipeline.plugins import check, hashes, write_uses
from r1.plugins import PluginError, load, use_folder
from r1.rewards import build_rewards
from r1.rewards.accuracy import are_correct
from r1.rewards.plugged import PluggedReward
from r1.sampling import Completion, open_sampler
from r1.sampling.plugged_engine import engine_class
from r1.support.errors import ConfigurationError, UserError
from r1.tasks import task_of, verify_all
from tests.conftest import ROOT, copy_project
from tests.plugged import outside_config as outside

SAMPLING = SamplingConfig(temperature=1.0, top_p=1.0, max_new_tokens=8, num_samples=2)
_numbers = iter(range(10_000))
Written = Callable[[str], str]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Writes a module into a folder of plug-ins, and says its name, which no other test uses."""
    monkeypatch.setattr(plugins, "_roots", [])
    monkeypatch.setattr(sys, "path", sys.path.copy())
    use_folder(str(tmp_path))

    def write(text: str) -> str:
        name = f"plugged_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        return name

    return write


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Config:
    """Of the smoke profile with the outside package in it."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(plugins, "_roots", [])
    monkeypatch.setattr(sys, "path", sys.path.copy())
    use_folder(outside.PACKAGE)
    return validate(compose(outside.overrides()))


TASK = """
    from r1.tasks import Problem
    def generate(options, seed): yield Problem("", "1?", "1")
    class Mine:
        def generate(self, options, seed):
            {generate}
        def verify(self, predicted, gold):
            {verify}
"""
ENGINE = """
    from r1.sampling import Completion, Sampler
    class Mine(Sampler):
        name = source = "mine"
        def __init__(self, policy, options): {init}
        def draw(self, conversations, sampling, seed, done=()):
            {draw}
"""


def engine(name: str, questions: int = 1) -> list[list[Completion]]:
    policy = Policy(Path("unused"))
    asked = [[{"role": "user", "content": "1?"}]] * questions
    return open_sampler(policy, PluginEngineConfig(name=name, options={})).sample(asked, SAMPLING, 0)


def convert(name: str) -> None:
    values = {"path": "x.jsonl", "adapter": name, "level": "train", "splits": {"rl": 1}}
    adapter_of(DataSetConfig.model_validate(values)).convert({"a": 1})


def pay(name: str) -> None:
    PluggedReward(name)(completions=["a", "b"], task=["t", "t"])


def draw(name: str) -> None:
    list(islice(task_of(name).generate({}, 0), 3))


WRONG: list[tuple[str, str, Callable[[str], Any], str]] = [
    ("no such name", "x = 1", lambda m: load(f"{m}.y"), r"{m}\.y: {m} has no 'y'"),
    ("no such module", "x = 1", lambda m: load(f"not{m}.y"), r"not{m}\.y: there is no module not{m}"),
    ("a module's error", "import nowhere", lambda m: load(f"{m}.y"),
     r"{m}\.y: importing {m} raised ModuleNotFoundError \({m}.py:1\): No module named 'nowhere'"),
    ("a syntax error", "def", lambda m: load(f"{m}.y"), r"{m}\.y: importing {m} raised SyntaxError .*invalid syntax"),
    ("an exit", "raise SystemExit(3)", lambda m: load(f"{m}.y"), r"{m} ends the program when it is imported"),
    ("a class with arguments", "class T:\n  def __init__(self, x): ...", lambda m: task_of(f"{m}.T"),
     r"{m}\.T made without arguments raised TypeError .*'x'"),
    ("no task", "x = 1", lambda m: task_of(f"{m}.x"), r"{m}\.x: needs generate\(options, seed\)"),
    ("no verifier", "class T:\n  def generate(self, options, seed): ...", lambda m: task_of(f"{m}.T"),
     r"{m}\.T: needs verify\(predicted, gold\)"),
    ("a generator without a seed", "class T:\n  def generate(self, options): ...", lambda m: task_of(f"{m}.T"),
     r"must be callable as generate\(options, seed\): too many positional arguments"),
    ("a generator that raises", TASK.format(generate="raise KeyError('largest')", verify="return True"),
     lambda m: draw(f"{m}.Mine"), r"{m}\.Mine\.generate raised KeyError \({m}.py:6\): 'largest'"),
    ("no problems", TASK.format(generate="yield 1", verify="return True"), lambda m: draw(f"{m}.Mine"),
     r"{m}\.Mine\.generate yields int, not Problem"),
    ("a reward without columns", "def r(completions): ...", lambda m: PluggedReward(f"{m}.r"),
     r"{m}\.r: must be callable as reward\(completions, \*\*columns\): got an unexpected keyword argument 'prompts'"),
    ("a reward of other columns", "def r(completions, target, **_): ...", lambda m: PluggedReward(f"{m}.r"),
     r"missing a required .*'target'"),
    ("no reward", "r = 1", lambda m: PluggedReward(f"{m}.r"), r"{m}\.r: needs reward\(completions, \*\*columns\)"),
    ("an asynchronous reward", "async def r(completions, **_): ...", lambda m: PluggedReward(f"{m}.r"),
     r"{m}\.r: is asynchronous"),
    ("a reward that raises", "def r(completions, **_): return completions[9]", lambda m: pay(f"{m}.r"),
     r"reward {m}\.r raised IndexError \({m}.py:1\): list index out of range"),
    ("too few values", "def r(completions, **_): return [1.0]", lambda m: pay(f"{m}.r"),
     r"reward {m}\.r returned 1 values, not a list with a value for each of 2 completions"),
    ("one value for all", "def r(completions, **_): return 1.0", lambda m: pay(f"{m}.r"),
     r"returned float, not a list"),
    ("NaN", "def r(completions, **_): return [1, float('nan')]", lambda m: pay(f"{m}.r"), r"returned nan, which is"),
    ("text", "def r(completions, **_): return ['1', '2']", lambda m: pay(f"{m}.r"), r"returned '1', which is neither"),
    ("no adapter", "A = 1", lambda m: convert(f"{m}.A"), r"{m}\.A: is int, not an Adapter"),
    ("an adapter that raises",
     "from r1.data.adapters import Adapter\nA = Adapter('math', {}, lambda row: row['b'])",
     lambda m: convert(f"{m}.A"), r"{m}\.A\.convert raised KeyError \({m}.py:2\): 'b'"),
    ("an adapter that returns nothing",
     "from r1.data.adapters import Adapter\nA = Adapter('math', {}, lambda row: None)",
     lambda m: convert(f"{m}.A"), r"{m}\.A\.convert returned NoneType"),
    ("an adapter for a task that nothing names",
     "from r1.data.adapters import Adapter\nA = Adapter('my.tasks.T', {}, print)",
     lambda m: convert(f"{m}.A"), r"its answers are for my\.tasks\.T: name it as the data set's `task` too"),
    ("no engine", "class E: ...", lambda m: engine_class(f"{m}.E"), r"{m}\.E: is not a subclass of Sampler"),
    ("an abstract engine", "from r1.sampling import Sampler\nclass E(Sampler): ...", lambda m: engine_class(f"{m}.E"),
     r"{m}\.E: lacks draw"),
    ("an engine that cannot start", ENGINE.format(init="1 / 0", draw="yield {}"), lambda m: engine(f"{m}.Mine"),
     r"engine {m}\.Mine raised ZeroDivisionError"),
    ("an engine that raises", ENGINE.format(init="...", draw="yield {}[1]"), lambda m: engine(f"{m}.Mine"),
     r"engine {m}\.Mine raised KeyError"),
    ("an engine that draws nothing", ENGINE.format(init="...", draw="yield {}"), lambda m: engine(f"{m}.Mine", 3),
     r"engine {m}\.Mine drew nothing for 3 of 3 conversations"),
    ("too few completions", ENGINE.format(init="...", draw="yield {0: [Completion('a', 1, False)]}"),
     lambda m: engine(f"{m}.Mine"), r"engine {m}\.Mine must draw 2 Completions a conversation"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "use", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_one_line_that_names_it(
    text: str, use: Callable[[str], Any], message: str, written: Written
) -> None:
    name = written(text)
    with pytest.raises(PluginError, match=message.replace("{m}", name)) as raised:
        use(name)
    assert "\n" not in str(raised.value)


def test_an_engine_draws_nothing_for_a_prompt_that_does_not_fit(written: Written) -> None:
    name = written(ENGINE.format(init="...", draw="yield {0: [Completion('a', 1, False)] * 2, 1: []}"))
    assert [len(completions) for completions in engine(f"{name}.Mine", 2)] == [2, 0]


def test_a_generator_that_ends_is_refused(written: Written) -> None:
    name = written(TASK.format(generate="yield Problem('', '1?', '1')", verify="return True"))
    with pytest.raises(ValueError, match="came to an end after 1 problems"):
        draw(f"{name}.Mine")


def test_a_module_hidden_by_another_is_refused(written: Written, tmp_path: Path) -> None:
    (tmp_path / "textwrap.py").write_text("x = 1")
    with pytest.raises(PluginError, match=r"textwrap\.x: textwrap is .*, not in the plug-ins' folder"):
        load("textwrap.x")


def test_a_linked_package_is_in_the_folder(written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "elsewhere" / "linked_package"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text("x = 1")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "linked_package").symlink_to(place)
    monkeypatch.syspath_prepend(str(place.parent))  # as if it were installed there
    use_folder(str(tmp_path / "folder"))
    assert load("linked_package.x") == 1


VERDICTS = [("return True", True), ("return 1.0", True), ("return 0.5", False), ("return 'yes'", False),
            ("return None", False), ("raise KeyError(predicted)", False)]  # fmt: skip


@pytest.mark.parametrize(("verify", "verdict"), VERDICTS)
def test_a_verifier_is_right_or_wrong(verify: str, verdict: bool, written: Written) -> None:
    name = written(TASK.format(generate="...", verify=verify))
    assert verify_all(f"{name}.Mine", ["1", "2"], ["1", "1"]) == [verdict, verdict]


def test_a_module_may_be_a_task(written: Written, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "doubling.py").write_text(
        "from r1.tasks import Problem\n"
        "def generate(options, seed):\n    while True: yield Problem('', '1?', '1')\n"
        "def verify(predicted, gold): return predicted == gold\n"
    )
    problem = next(task_of("own.doubling").generate({}, 0))
    assert problem.task == "own.doubling" and verify_all(problem.task, ["1"], [problem.answer]) == [True]


def test_nothing_is_written_into_the_folder(written: Written, tmp_path: Path) -> None:
    load(f"{written('x = 1')}.x")
    assert not list(tmp_path.rglob("*.pyc")), "DVC would see a changed folder"


REFUSED = [
    (["+zero.rewards.outside.rewards.brevty=1"], r"zero\.rewards = .*rewards.py has no 'brevty' \(did you mean 'brev"),
    (["+zero.rewards.outside.reward.brevity=1"], r"neither a module nor a name 'reward' \(did you mean 'rewards'"),
    (["+zero.rewards.nobody.has.this=1"], r"has no module nobody, and none is installed"),
    (["prepare.families.doubling.task=json.decoder.JSONDecoder"],
     r"prepare\.families\.doubling\.task = 'json\.decoder\.JSONDecoder': .* no module json, but .*json has, where a"),
    (["evaluate.engine.name=Echo"], r"evaluate\.engine: Input tag 'Echo' found using 'name' does not match"),
    (["evaluate.engine.name=outside.engine"], None),
    (["prepare.families.doubling.task=doubling"], r"Input should be 'chain_sum', .* or 'code', or an import path"),
    (["prepare.data_sets.doubles.adapter=gsm8"], r"prepare\.data_sets\.doubles\.adapter = 'gsm8': Input should be"),
    (["prepare.data_sets.doubles.adapter=gsm8k"], r"task: adapter=gsm8k already sets it"),
    (["plugins=nowhere"], r"plugins = 'nowhere' is not a folder"),
    (["plugins=../elsewhere"], r"plugins = '\.\./elsewhere': leaves the project"),
    (["plugins=tests/plugged/outside_package/outside"], None),
    (["+zero.rewards.preference_reward=1"], r"Input should be 'accuracy_reward'"),
    (["prepare.families.doubling.task=reasoning_gym/countdown"],
     r"prepare\.families\.doubling: documents = 200: none are written for reasoning_gym/countdown"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_the_configuration_says_what_is_wrong(changes: list[str], message: str | None, config: Config) -> None:
    if message is None:
        compose([*outside.overrides(), *changes])
        return
    with pytest.raises(ConfigurationError, match=message) as raised:
        compose([*outside.overrides(), *changes])
    assert "\n" not in str(raised.value)


def test_a_stage_takes_a_plugin_by_a_dotted_override(config: Config) -> None:
    assert config.zero.rewards == {"accuracy_reward": 1.0, "format_reward": 1.0, outside.REWARD: 0.5}
    assert stage_overrides([f"zero.rewards.{outside.REWARD}=0.5"]) == [f"++zero.rewards.{outside.REWARD}=0.5"]
    assert config.evaluate.engine == PluginEngineConfig(name=outside.ENGINE, options={"reply": outside.REPLY})


def test_a_misspelt_plugin_is_found_without_heavy_imports() -> None:
    overrides = [*outside.overrides(), "+zero.rewards.outside.rewards.brevty=1"]
    code = (
        "import sys, time; start = time.perf_counter()\n"
        "from r1.pipeline.compose import compose\n"
        f"try: compose({overrides!r})\n"
        "except Exception as error: print(error)\n"
        "print([name for name in ('torch', 'transformers', 'reasoning_gym', 'outside') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    message, imported = result.stdout.splitlines()
    assert "did you mean 'brevity'" in message and imported == "[]"


def test_the_outside_package_prepares_rewards_and_samples(config: Config) -> None:
    check(plugin for used in plugin_users(config).values() for plugin in used)
    prepared = prepare(config.prepare, config.seed)
    drawn = {split: [row for row in rows if row["task"] == outside.TASK] for split, rows in prepared.prompts.items()}
    assert {split: len(rows) for split, rows in drawn.items()} == {
        "cold_start": 8, "rl": 8 + 3, "rejection": 8, "evaluate": 4,
    }  # fmt: skip
    assert {row["family"] for row in drawn["rl"]} == {"doubling", "doubles"}
    assert sum(row["task"] == outside.TASK for row in prepared.corpus) == 200
    assert prepared.metrics["data_sets"]["doubles"]["reasons"] == {"missing_prompt": 1}
    row = drawn["rl"][0]
    right, wrong = f"<think>.</think><answer>{row['answer']}</answer>", "<think>.</think><answer>1</answer>"
    assert are_correct([right, wrong, "<answer>two</answer>"], [row["task"]] * 3, [row["answer"]] * 3) == [
        True, False, False,
    ]  # fmt: skip

    functions, weights = build_rewards(config.zero.rewards, config.rl.reward_options, 32)
    assert weights == [1.0, 1.0, 0.5] and functions[2].__name__ == outside.REWARD
    columns: dict[str, Any] = {
        "task": [row["task"], ""],
        "answer": [row["answer"], ""],
        "prompts": [[], []],
        "trainer_state": None,
    }
    assert functions[2](completions=["aaa", "b"], **columns) == [0.25, None]
    assert functions[0](completions=[right, ""], **columns) == [1.0, None]

    sampler = open_sampler(Policy(Path("data/models/zero")), config.evaluate.engine)
    drawn_twice = sampler.sample([[{"role": "user", "content": "2 + 2?"}]] * 3, SAMPLING, 0)
    assert [[one.text for one in completions] for completions in drawn_twice] == [[outside.REPLY] * 2] * 3
    sampler.close()


TASK_USERS = set(USERS)
CHANGES: list[tuple[str, set[str]]] = [
    ("rewards.py", {"zero", "ablation"}),
    ("engine.py", {"evaluate", "ablation"}),
    ("adapters.py", {"prepare"}),
    ("tasks.py", TASK_USERS),
    ("numbers.py", TASK_USERS),  # which tasks.py and adapters.py import
    ("__init__.py", TASK_USERS),  # which runs before any of them
    ("words.txt", TASK_USERS),  # nothing says which of them reads it
    ("unused.py", set()),
    (".hidden", set()),
]


@pytest.mark.parametrize(("file", "users"), CHANGES)
def test_a_change_concerns_exactly_the_stages_that_use_it(
    file: str, users: set[str], config: Config, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(outside.PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))

    def uses() -> dict[str, str]:
        return {stage: json.dumps(hashes(str(folder), used)) for stage, used in plugin_users(config).items()}

    before = uses()
    with (folder / "outside" / file).open("a") as opened:
        opened.write("\n# changed\n")
    after = uses()
    assert {stage for stage in USERS if before[stage] != after[stage]} == users
    assert set(before) == set(USERS)


def test_a_family_counts_where_its_problems_go_and_a_weight_of_zero_nowhere(config: Config) -> None:
    counts = [f"prepare.families.doubling.{split}=0" for split in ("documents", "cold_start", "rejection", "evaluate")]
    changed = validate(
        compose([*outside.overrides(), "~prepare.data_sets.doubles", *counts, f"zero.rewards.{outside.REWARD}=0"])
    )
    used = {stage for stage, found in plugin_users(changed).items() if any(one.kind == "task" for one in found)}
    assert used == {
        "prepare", "zero", "reasoning_rl", "final_rl", "student_rl_qwen", "student_rl_llama", "ablation",
    }  # fmt: skip
    assert not any(one.kind == "reward" for one in plugin_users(changed)["zero"])


def test_a_package_itself_may_be_the_folder(config: Config) -> None:
    used = plugin_users(config)["prepare"]
    assert hashes(f"{outside.PACKAGE}/outside", used) == hashes(outside.PACKAGE, used)
    assert len(hashes(outside.PACKAGE, used)) == 2


def test_without_plugins_nothing_is_used(tmp_path: Path) -> None:
    default = validate(compose([]))
    write_uses(default.plugins, default, tmp_path)
    assert {path.stem: json.loads(path.read_text()) for path in tmp_path.iterdir()} == {user: {} for user in USERS}


def test_dvc_depends_on_what_each_stage_uses() -> None:
    recipe = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    ablation = yaml.safe_load((ROOT / "experiments" / "algorithms" / "dvc.yaml").read_text())["stages"]
    assert recipe["plugins"]["outs"] == [f"data/plugins/{user}.json" for user in recipe_order(recipe)]
    found = {
        name: [dep for dep in stage["deps"] if dep.startswith("data/plugins/")]
        for name, stage in (recipe | ablation).items()
    }
    expected = {name: [f"data/plugins/{name}.json"] if name in USERS else [] for name in found} | {
        "student_rl": ["data/plugins/student_rl_${item.student}.json"],
        "difficulty": ["data/plugins/ablation.json"],
    }
    assert found == expected


def recipe_order(recipe: dict[str, Any]) -> list[str]:
    outs = [Path(out).stem for out in recipe["plugins"]["outs"]]
    assert sorted(outs) == sorted(USERS)
    return outs


@pytest.mark.slow
def test_the_stage_writes_what_is_used_and_refuses_what_cannot_work(tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_project(project)

    write_params(compose(outside.overrides()), project / "params.yaml")

    def run() -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(project)}
        command = [sys.executable, "-m", "r1", "launch", "stages/plugins.py"]
        return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, env=environment)

    assert run().returncode == 0
    written = json.loads((project / "data/plugins/zero.json").read_text())
    assert set(written) == {outside.TASK, outside.REWARD}
    package = project / outside.PACKAGE / "outside"
    (package / "rewards.py").write_text("def brevity(completions): ...")
    result = run()
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert f"error: zero.rewards: {outside.REWARD}: must be callable as reward" in result.stderr
    assert not list(package.parent.rglob("*.pyc"))


def test_a_gold_answer_of_a_plugin_may_be_long(written: Written) -> None:
    name = written(TASK.format(generate="...", verify="return predicted == gold"))
    board = "1 2 3\n" * 200
    assert are_correct([f"<think>.</think><answer>{board}</answer>"], [f"{name}.Mine"], [board.strip()]) == [True]
    with pytest.raises(UserError):
        verify_all("nowhere_at_all.Mine", ["1"], ["1"])
