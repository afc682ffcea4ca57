"""Entry points of a question's scripts, experiments/<question>/arm.py and report.py, and base.py if it trains bases.

Like a stage's (r1/pipeline/stage.py), but with the question's own params.yaml beside the script. The recipe's
params.yaml is read too, of which an arm declares the sections that it uses.
"""

import os
import signal
import sys
import time
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from r1.config.recipe import MAX_SEED, Config
from r1.pipeline.arguments import Parser
from r1.pipeline.compose import check_given_once, load, load_settings
from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import prepare_environment, terminate, use_one_gpu
from r1.questions.arm import Arm, Outcome, S
from r1.questions.page import Page, Results
from r1.support.artifacts import write_aside, write_json, write_manifest
from r1.support.errors import ConfigurationError, reported
from r1.support.log import configure
from r1.training.context import Trained

RECIPE = "recipe."
"""Prefix of an override of the recipe's params.yaml; others are of the question's."""


def arm(settings: type[S], reads: tuple[str, ...]) -> Callable[[Callable[[Arm[S]], Outcome]], Callable[[], None]]:
    """Turn a function into the script that runs one arm with one seed: `arm.py arm=verified seed=1 [overrides]`.

    It writes data/questions/<question>/arms/<arm>-<seed> and data/questions/<question>/metrics/<arm>-<seed>.json.

    Args:
        settings: schema of the question's params.yaml.
        reads: sections of the recipe's params.yaml that the arm reads.
    """

    def decorate(function: Callable[[Arm[S]], Outcome]) -> Callable[[], None]:
        def main() -> None:
            with _script(function.__globals__["__doc__"]) as (script, overrides):
                own, recipe = _loaded(script, overrides, settings, ("arm=", "seed="))
                name, seed = _which(overrides, own)
                _run(function, script, Arm(name, seed, own, _prepared(recipe, reads), Path()), reads)

        main.settings, main.reads = settings, reads  # type: ignore[attr-defined]
        return main

    return decorate


def base(
    settings: type[S], reads: tuple[str, ...], inputs: tuple[str, ...]
) -> Callable[[Callable[[Arm[S]], Trained]], Callable[[], None]]:
    """Turn a function into the script that makes one model that arms start from: `base.py base=eighth [overrides]`.

    It writes data/questions/<question>/bases/<base> and data/questions/<question>/metrics/base-<base>.json. The
    function gets an arm that is named after the base, with the recipe's seed.

    Args:
        settings: schema of the question's params.yaml, whose `bases` has the names.
        reads: sections of the recipe's params.yaml that the function reads, with `seed`.
        inputs: paths of the artifacts that it reads.
    """

    def decorate(function: Callable[[Arm[S]], Trained]) -> Callable[[], None]:
        def main() -> None:
            with _script(function.__globals__["__doc__"]) as (script, overrides):
                own, recipe = _loaded(script, overrides, settings, ("base=",))
                name = _given(overrides, "base", own.bases)  # type: ignore[attr-defined]
                _make(function, script, Arm(name, recipe.seed, own, _prepared(recipe, reads), Path()), reads, inputs)

        main.settings, main.reads = settings, reads  # type: ignore[attr-defined]
        return main

    return decorate


def report(settings: type[S]) -> Callable[[Callable[[Results[S]], Page]], Callable[[], None]]:
    """Turn a function into the script that judges a question's claims: `report.py [overrides]`.

    It writes data/questions/<question>/report and, for `dvc metrics`, data/questions/<question>/claims.json.

    Args:
        settings: schema of the question's params.yaml.
    """

    def decorate(function: Callable[[Results[S]], Page]) -> Callable[[], None]:
        def main() -> None:
            with _script(function.__globals__["__doc__"]) as (script, overrides):
                own = load_settings(script.parent / "params.yaml", overrides, settings)
                folder = _folder(script)
                results = Results(folder, own)
                page = function(results)
                with write_aside(folder / "report") as directory:
                    page.save(directory, results.minutes)
                    write_manifest(directory, {"artifact": str(folder / "report")})
                write_json(folder / "claims.json", page.claims)

        main.settings = settings  # type: ignore[attr-defined]
        return main

    return decorate


def _run(function: Callable[[Arm[S]], Outcome], script: Path, arm: Arm[S], reads: Sequence[str]) -> None:
    folder, name = _folder(script), f"{arm.name}-{arm.seed}"
    own = arm.settings.model_dump(mode="json", exclude={"arms", "bounds", "seeds"})
    chosen = {**own, "arm": arm.settings.arms[arm.name].model_dump(mode="json")}
    params = {**arm.recipe.model_dump(mode="json", include=set(reads)), "question": chosen}
    run = Run(f"questions/{script.parent.name}/{name}", Sections(arm.seed), params, script)
    metrics = folder / "metrics" / f"{name}.json"
    inputs = run.inputs(*filter(None, arm.settings.inputs.model_dump().values()))
    started = time.perf_counter()
    with run.checkpoints(inputs) as scratch:
        resumed = any(scratch.iterdir())
        outcome = function(Arm(arm.name, arm.seed, arm.settings, arm.recipe, scratch))
        counts = {table: len(rows) for table, rows in outcome.tables.items()}
        with run.artifact(str(folder / "arms" / name), inputs, counts, str(metrics)) as directory:
            outcome.save(directory)
    spent: dict[str, Any] = {"seconds": round(time.perf_counter() - started, 1)}
    if resumed:
        spent["resumed"] = True  # the seconds before the kill are not counted
    write_json(metrics, {"arm": arm.name, "seed": arm.seed, **spent, **outcome.metrics})


def _make(
    function: Callable[[Arm[S]], Trained], script: Path, arm: Arm[S], reads: Sequence[str], inputs: Sequence[str]
) -> None:
    folder, made = _folder(script), arm.settings.bases[arm.name]  # type: ignore[attr-defined]
    chosen = {"base": made.model_dump(mode="json")}
    params = {**arm.recipe.model_dump(mode="json", include=set(reads)), "question": chosen}
    run = Run(f"questions/{script.parent.name}/base-{arm.name}", Sections(arm.seed), params, script)
    metrics, verified = folder / "metrics" / f"base-{arm.name}.json", run.inputs(*inputs)
    with run.checkpoints(verified) as scratch:
        trained = function(Arm(arm.name, arm.seed, arm.settings, arm.recipe, scratch))
        with run.artifact(str(folder / "bases" / arm.name), verified, dict(trained.counts), str(metrics)) as directory:
            trained.save(directory)
    write_json(metrics, {"base": arm.name, **trained.metrics})


@contextmanager
def _script(description: str) -> Iterator[tuple[Path, list[str]]]:
    """Run in the project's root, with errors in one line; yields the script and its overrides."""
    script = Path(sys.argv[0]).resolve()
    os.chdir(script.parents[2])
    signal.signal(signal.SIGTERM, terminate)
    configure()
    with reported():
        name = script.relative_to(Path.cwd())
        parser = Parser(
            prog=f"python {name}",
            description=description,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.add_argument("overrides", nargs="*", help=f"dotted overrides of {name.parent}/params.yaml")
        overrides = parser.parse_args().overrides
        check_given_once(overrides)
        yield script.relative_to(Path.cwd()), overrides
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # everything is written: let libraries shut down


def _loaded(script: Path, overrides: Sequence[str], settings: type[S], of_script: tuple[str, ...]) -> tuple[S, Config]:
    """The question's params.yaml and the recipe's, each with its overrides; those of the script are of neither."""
    of_recipe = [one.removeprefix(RECIPE) for one in overrides if one.startswith(RECIPE)]
    of_question = [one for one in overrides if not one.startswith((RECIPE, *of_script))]
    return load_settings(script.parent / "params.yaml", of_question, settings), load(of_recipe)


def _prepared(recipe: Config, reads: Sequence[str]) -> Config:
    """Prepare this process as the recipe says; returns the sections that the script declares, and no others."""
    prepare_environment(recipe)
    use_one_gpu()
    return Config.model_construct(**{section: getattr(recipe, section) for section in reads})


def _which(overrides: Sequence[str], settings: S) -> tuple[str, int]:
    name = _given(overrides, "arm", settings.arms)
    seed = next((one.removeprefix("seed=") for one in overrides if one.startswith("seed=")), "")
    if not (seed.isascii() and seed.isdecimal()) or int(seed) > MAX_SEED:
        raise ConfigurationError(f"seed = {seed!r}: must be a whole number from 0 to {MAX_SEED}, as in seed=1")
    return name, int(seed)


def _given(overrides: Sequence[str], key: str, allowed: Collection[str]) -> str:
    name = next((one.removeprefix(f"{key}=") for one in overrides if one.startswith(f"{key}=")), "")
    if name not in allowed:
        raise ConfigurationError(f"{key} = {name!r}: allowed: {', '.join(allowed)}")
    return name


def _folder(script: Path) -> Path:
    return Path("data/questions") / script.parent.name
