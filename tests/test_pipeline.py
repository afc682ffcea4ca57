"""dvc.yaml says the truth about code, parameters and models, and the whole smoke DAG runs."""

import re
import runpy
from dataclasses import dataclass, fields
from functools import reduce
from itertools import product
from operator import getitem
from typing import Any, get_type_hints

import pytest
import yaml

from r1.config.base import Section
from r1.config.evaluation import AblationConfig
from r1.config.finetuning import SftConfig
from r1.config.models import BaseConfig
from r1.config.recipe import Config
from r1.config.rl import RlConfig, RlStageConfig
from r1.pipeline.compose import load_values
from r1.pipeline.workspace import FILES
from r1.recipe import BASES, MODELS, PREFERENCES, TRAININGS, Training, base_of, model_path, preference_path, runs
from r1.reporting.seeds import UNDECIDING
from r1.support.code import source_closure
from tests.conftest import ROOT, compose

RECIPE: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
ABLATION: dict[str, Any] = yaml.safe_load((ROOT / "experiments" / "algorithms" / "dvc.yaml").read_text())["stages"]
SEEDS: dict[str, Any] = yaml.safe_load((ROOT / "experiments" / "seeds" / "dvc.yaml").read_text())["stages"]
CONTROL: dict[str, Any] = yaml.safe_load((ROOT / "experiments" / "control" / "dvc.yaml").read_text())["stages"]
REPORTS = {"seeds_report": SEEDS["seeds_report"], "control_report": CONTROL["control_report"]}
STAGES = RECIPE | ABLATION | REPORTS
SCRIPTS = {name: "ablation" if name == "difficulty" else name for name in STAGES}
CLAIMS = {
    "pure_rl_improves", "pure_rl_improves_lenient", "majority_voting_adds", "responses_grow", "format_is_learned",
    "languages_mix_in_zero",
    "language_reward_mends_mixing", "r1_keeps_zero_accuracy", "distillation_beats_rl_qwen",
    "distillation_beats_rl_llama", "reflection_grows", "skills_transfer", "reflection_is_used", "thinking_longer_pays",
    "r1_keeps_zero_accuracy_harder", "r1_keeps_zero_accuracy_transfer", "distillation_beats_rl_qwen_harder",
    "distillation_beats_rl_llama_harder",
}  # fmt: skip


@pytest.mark.parametrize("name", STAGES)
def test_code_deps_hold_what_the_stage_imports(name: str) -> None:
    script, deps = f"stages/{SCRIPTS[name]}.py", STAGES[name]["deps"]
    declared = [dep for dep in deps if dep.startswith("r1")]
    assert script in deps
    assert all((ROOT / dep).is_dir() for dep in declared), "packages are the units that re-run"
    imported = source_closure(ROOT / script)
    assert imported or name == "plugins", "or else nothing would be compared"
    undeclared = [file for file in imported if not any(file.startswith(f"{dep}/") for dep in declared)]
    assert not undeclared, "imported but not declared"
    unused = [dep for dep in declared if not any(file.startswith(f"{dep}/") for file in imported)]
    assert not unused, "declared, but nothing in it is imported"


def main_of(name: str) -> Any:
    return runpy.run_path(str(ROOT / "stages" / f"{SCRIPTS[name]}.py"))["main"]


@dataclass(frozen=True)
class Instance:
    """A stage of dvc.yaml with one item of its matrix, templates filled in."""

    stage: str
    cmd: str
    deps: set[str]
    params: set[str]
    outs: set[str]
    metrics: set[str]
    plots: set[str]


VALUES: dict[str, Any] = compose().model_dump()


def instances(name: str) -> list[Instance]:
    declared = STAGES[name]
    matrix: dict[str, list[Any]] = declared.get("matrix", {})
    found = []
    for item in product(*matrix.values()):
        values = {**VALUES, "item": dict(zip(matrix, item, strict=True))}

        def fill(entry: Any, values: dict[str, Any] = values) -> str:
            text = next(iter(entry)) if isinstance(entry, dict) else str(entry)
            return re.sub(r"\$\{([\w.]+)\}", lambda hole: str(reduce(getitem, hole[1].split("."), values)), text)

        lists = {key: {fill(entry) for entry in declared.get(key, [])} for key in ("deps", "params", "outs", "metrics")}
        found.append(
            Instance(name, fill(declared["cmd"]), **lists, plots={fill(entry) for entry in declared.get("plots", [])})
        )
    return found


ALL = [instance for name in RECIPE for instance in instances(name)]


@pytest.mark.parametrize("name", STAGES)
def test_params_are_the_sections_that_the_stage_reads(name: str) -> None:
    main = main_of(name)
    reads = {field.name for field in fields(main.reads)}
    # The matrix spells its item in several ways.
    declared = {"made" if "${item" in param else param.split(".")[0] for param in STAGES[name]["params"]}
    assert reads == declared | ({"seed"} if "seed=" in STAGES[name]["cmd"] else set())
    made = {
        section
        for instance in instances(name)
        for section in instance.params - {param for param in STAGES[name]["params"] if "${" not in param}
    }
    assert made == (set(main.makes) if "made" in reads else set())
    ours, whole = get_type_hints(main.reads), get_type_hints(Config)
    for field in reads:
        for section in main.makes if field == "made" else (field,):
            assert ours[field] == whole[section], f"{field}: {section} is {whole[section]}"


# What a comparison's stages read of a section without declaring it: `cmd` sets it, or conf/rl does, which is a dep.
SET_ELSEWHERE: dict[str, tuple[type[Section], set[str]]] = {
    "rl": (RlConfig, {"algorithm", "difficulty"}),
    "ablation": (AblationConfig, {"algorithm", "difficulty", "equivalence_margin"}),  # the margin is the report's
}


@pytest.mark.parametrize("name", ["ablation", "difficulty"])
@pytest.mark.parametrize("section", SET_ELSEWHERE)
def test_a_comparison_declares_every_key_that_it_does_not_set(name: str, section: str) -> None:
    config, elsewhere = SET_ELSEWHERE[section]
    declared = {param.split(".")[1] for param in STAGES[name]["params"] if param.startswith(f"{section}.")}
    assert declared == set(config.model_fields) - elsewhere


def needs(*targets: str, key: str) -> set[str]:
    """Dependencies from outside, or parameters, of stages and those that they depend on."""
    wanted, found = list(targets), set[str]()
    while wanted:
        for instance in [instance for instance in ALL if instance.stage == wanted[0]]:
            for entry in getattr(instance, key):
                found.add(entry.split(".")[0] if key == "params" else entry)
            made_by = {other.stage for other in ALL for out in other.outs for dep in instance.deps if _holds(out, dep)}
            wanted.extend(made_by - set(wanted) - {instance.stage})
        wanted.pop(0)
    if key == "params":
        return found
    made = {out for instance in ALL for out in instance.outs}
    return {dep for dep in found if not any(_holds(out, dep) for out in made)}


def _holds(out: str, dep: str) -> bool:
    return dep == out or dep.startswith(f"{out}/")


@pytest.mark.parametrize(
    ("declared", "target"),
    [(SEEDS["recipe"], "evaluate"), (CONTROL["students"], "student_rl")],
    ids=["seeds", "control"],
)
def test_a_nested_recipe_declares_what_its_stages_do(declared: dict[str, Any], target: str) -> None:
    assert f" --target {target} " in declared["cmd"]
    assert set(declared["deps"]) - {"${plugins}"} == needs(target, key="deps") - {VALUES["plugins"]}
    params = {param.split(".")[0] for param in declared["params"]}
    if target == "evaluate":
        assert params == needs(target, key="params") - {"seed"}
        assert set(VALUES) - params == set(UNDECIDING), "README compares the others"
    else:  # of the plugins' users, only the students are run
        assert params >= {"seed", "prepare", "training", "rl", "base_qwen", "base_llama", "student_rl_qwen"}


@pytest.mark.parametrize(
    ("section", "config", "set_by_cmd"),
    [
        ("rl", RlConfig, {"validation_steps", "validation_problems"}),
        ("student_rl_qwen", RlStageConfig, {"learning_rate"}),
        ("student_rl_llama", RlStageConfig, {"learning_rate"}),
    ],
)
def test_the_control_declares_every_key_that_it_does_not_set(
    section: str, config: type[Section], set_by_cmd: set[str]
) -> None:
    declared = {param.split(".")[1] for param in CONTROL["students"]["params"] if param.startswith(f"{section}.")}
    assert declared == set(config.model_fields) - set_by_cmd
    assert all(f" {section}.{key}=" in CONTROL["students"]["cmd"] for key in set_by_cmd)


def test_a_workspace_has_what_the_recipe_depends_on() -> None:
    outside = needs("evaluate", key="deps") - {VALUES["plugins"]}
    assert outside and all(any(_holds(file, dep) for file in FILES) for dep in outside)


@pytest.mark.parametrize("dag", [SEEDS["recipe"], CONTROL["students"]], ids=["seeds", "control"])
def test_a_nested_recipe_takes_its_overrides(dag: dict[str, Any]) -> None:
    ((name, items),) = dag["matrix"].items()
    for item in items:
        overrides = dag["cmd"].replace(f"${{item.{name}}}", str(item)).split(" --target ")[1].split()[1:]
        assert load_values(overrides)


@pytest.mark.parametrize("name", STAGES)
def test_commands_name_what_the_stage_makes(name: str) -> None:
    makes = main_of(name).makes
    called = {command for instance in instances(name) for command in re.findall(r" model=(\w+)", instance.cmd)}
    assert called == set(makes)
    assert all(
        instance.cmd.split()[:5] == ["python", "-m", "r1", "launch", f"stages/{SCRIPTS[name]}.py"]
        for instance in instances(name)
    )


@pytest.mark.parametrize("model", MODELS)
def test_the_recipe_is_that_of_dvc(model: str) -> None:
    training = TRAININGS[model]
    (made_by,) = (instance for instance in ALL if model_path(model) in instance.outs)
    assert made_by.stage == training.stage
    rollouts = {f"data/rollouts/{training.run}"} if training.method == "rl" else set()
    assert made_by.outs == {model_path(model)} | rollouts
    starts = {dep for dep in made_by.deps if dep.startswith("data/models/")}
    assert starts == ({model_path(training.parent)} if training.parent else set())
    assert ("r1/rl" in made_by.deps, "r1/finetuning" in made_by.deps) == (
        training.method == "rl",
        training.method != "rl",
    )
    assert training.run in made_by.params
    assert f"model={training.run}" in made_by.cmd.split() or made_by.stage == training.run
    assert {f"data/metrics/{training.run}.json", f"data/metrics/throughput/{training.run}.json"} == made_by.metrics
    assert f"data/plots/{training.run}.csv" in made_by.plots
    (evaluated,) = (instance for instance in ALL if f"data/evaluations/{model}" in instance.outs)
    assert evaluated.stage == "evaluate" and model_path(model) in evaluated.deps


def test_dvc_makes_no_model_but_the_recipe_s_in_the_paper_s_order() -> None:
    made = [out for instance in ALL for out in instance.outs if out.startswith("data/models/")]
    assert sorted(made) == sorted(map(model_path, MODELS))
    trainings = list(dict.fromkeys(training.stage for training in TRAININGS.values()))
    assert [stage for stage in RECIPE if stage in trainings] == trainings


@pytest.mark.parametrize("kind", PREFERENCES)
def test_preference_models_are_those_of_dvc(kind: str) -> None:
    (made_by,) = (instance for instance in ALL if preference_path(kind) in instance.outs)
    assert made_by.stage == "reward_model" and f"model=reward_{kind}" in made_by.cmd.split()
    assert model_path(VALUES["reward_model"]["base"]) in made_by.deps
    for stage in ("final_rl", "evaluate"):
        assert all(preference_path(kind) in instance.deps for instance in instances(stage))


def test_the_report_reads_every_run() -> None:
    (report,) = instances("report")
    for run in runs():
        assert {f"data/plots/{run}.csv", f"data/metrics/{run}.json"} <= report.deps


SECTIONS = {"pretrain": BaseConfig, "rl": RlStageConfig, "sft": SftConfig}


@pytest.mark.parametrize("training", TRAININGS.values(), ids=TRAININGS)
def test_every_run_has_a_section_of_its_method(training: Training) -> None:
    assert issubclass(get_type_hints(Config)[training.run], SECTIONS[training.method])
    assert training.parent is None or base_of(training.parent) in BASES
