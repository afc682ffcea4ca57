"""From conf/, params.yaml and overrides to the typed configuration; every mistake is reported in one line.

`python -m r1 compose` and `dvc exp run -S` compose conf/ and its groups into params.yaml.
A stage reads params.yaml plus dotted overrides, so that all ways of running it agree.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError
from yaml import YAMLError

from r1.config.recipe import Config
from r1.support.artifacts import write_text
from r1.support.errors import ConfigurationError, UserError

M = TypeVar("M", bound=BaseModel)

PARAMS = Path("params.yaml")
CONF = Path("conf")


def compose(overrides: Sequence[str], conf: Path = CONF) -> dict[str, Any]:
    """Compose conf/ with its groups and these overrides, as `dvc exp run -S` does, and validate the result.

    Raises:
        ConfigurationError: if an override is malformed, names an unknown key or group choice, or sets an invalid value.
    """
    check_overrides(overrides, conf)
    chosen = [override if _group(override, conf) is not None else _forced(override) for override in overrides]
    values = _compose(conf, "config", chosen)
    validate(values)
    return values


def write_params(values: dict[str, Any], target: Path = PARAMS) -> None:
    """Write a composition atomically, in DVC's format."""
    write_text(target, OmegaConf.to_yaml(OmegaConf.create(values)))


def load(overrides: Sequence[str] = ()) -> Config:
    """Load params.yaml with dotted overrides and validate it.

    Raises:
        UserError: if params.yaml is missing.
        ConfigurationError: as in `compose`, and if an override chooses a group.
    """
    return validate(_load(overrides))


def load_values(overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Load and validate like `load`; return the values as params.yaml has them, so that DVC compares them as equal."""
    values = _load(overrides)
    validate(values)
    return values


def _load(overrides: Sequence[str]) -> dict[str, Any]:
    if not PARAMS.is_file():
        raise UserError(f"{PARAMS} is missing: `make params` writes it")
    return _compose(PARAMS.parent, PARAMS.stem, stage_overrides(overrides))


def load_settings(path: Path, overrides: Sequence[str], schema: type[M]) -> M:
    """Load the params.yaml of an experiment of its own, with dotted overrides, and validate it against its schema.

    Raises:
        ConfigurationError: as in `load`.
    """
    return _validated(schema, _compose(path.parent, path.stem, stage_overrides(overrides)))


def _compose(directory: Path, name: str, overrides: list[str]) -> dict[str, Any]:
    """Compose a file and overrides with Hydra, and resolve interpolations.

    Raises:
        ConfigurationError: if Hydra fails.
    """
    try:
        with hydra.initialize_config_dir(str(directory.resolve()), version_base="1.3"):
            composed = hydra.compose(name, overrides)
        return cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True))
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ConfigurationError(_one_line(error)) from None


def stage_overrides(arguments: Sequence[str]) -> list[str]:
    """Translate a stage's overrides for Hydra.

    Raises:
        ConfigurationError: if an override is malformed or chooses a group.
    """
    check_overrides(arguments)
    for argument in arguments:
        if (group := _group(argument)) is not None:
            raise ConfigurationError(
                f"{argument}: {group} is a group of conf/, but a stage takes only single keys; choose it with "
                f"`python -m r1 compose {argument}` or `dvc exp run -S {argument}`"
            )
    return [_forced(argument) for argument in arguments]


def _forced(override: str) -> str:
    """Make Hydra accept any key: the schema decides which are allowed, including keys of mappings."""
    return override if override[:1] in "+~" else f"++{override}"


def check_overrides(overrides: Sequence[str], conf: Path = CONF) -> None:
    """Reject overrides that Hydra cannot parse, would sweep over, or would look up outside conf/.

    Raises:
        ConfigurationError: with the override.
    """
    parser = OverridesParser.create()
    for override in overrides:
        try:
            parsed = parser.parse_override(override)
            named = bool(parsed.key_or_group)
        except HydraException:
            named = False
        if not named:
            raise ConfigurationError(f"{override!r} is not an override: write key=value, such as zero.max_steps=5")
        if parsed.key_or_group.partition(".")[0].partition("/")[0] == "hydra":
            raise ConfigurationError(f"{override}: Hydra's own settings cannot be changed")
        if parsed.is_sweep_override():
            raise ConfigurationError(
                f"{override}: a run takes one value; `dvc exp run --queue -S {override}` queues a run for each"
            )
        group = _group(override, conf)
        if group is None and "/" in parsed.key_or_group:
            raise ConfigurationError(f"{override}: {parsed.key_or_group} is not a group of conf/, and keys use dots")
        if group is not None and not parsed.is_delete():
            choices = sorted(path.stem for path in (conf / group).glob("*.yaml"))
            if str(parsed.value()) not in choices:
                raise ConfigurationError(
                    f"{parsed.get_key_element().lstrip('+')} = {parsed.value()!r}: allowed: {', '.join(choices)}"
                )


def check_given_once(overrides: Sequence[str]) -> None:
    """Reject a key that a command line gives twice: Hydra would take the last one without a word.

    Raises:
        ConfigurationError: with both overrides.
    """
    given: dict[str, str] = {}
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        if key in given:
            raise ConfigurationError(f"{override}: {key} is given twice, first by {given[key]}")
        given[key] = override


def _group(override: str, conf: Path = CONF) -> str | None:
    """The group of conf/ that an override chooses, or None."""
    key = override.lstrip("+~").partition("=")[0].partition("@")[0]
    known = {path.parent.relative_to(conf).as_posix() for path in conf.glob("*/**/*.yaml")}
    return key if key in known else None


def validate(values: Any) -> Config:
    """Validate values against the schema.

    Raises:
        ConfigurationError: with one line per mistake: the key, the value and what is allowed.
    """
    return _validated(Config, values)


def _validated(schema: type[M], values: Any) -> M:
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(*(_explain(detail, values) for detail in error.errors())) from None


def _explain(detail: Any, values: Any) -> str:
    key = ".".join(_settable(detail["loc"], values, missing=detail["type"] == "missing"))
    message = detail["msg"].removeprefix("Value error, ")
    if not key:  # a check of the full configuration, whose message names its keys
        return str(message)
    return f"{key}: {message}" if isinstance(detail["input"], dict) else f"{key} = {detail['input']!r}: {message}"


def _settable(location: tuple[Any, ...], values: Any, missing: bool) -> Iterator[str]:
    """The parts of a key as the user writes it: pydantic's location also includes union members and `[key]`."""
    for number, part in enumerate(location):
        known = isinstance(values, dict) and part in values
        if known or isinstance(part, int) or (missing and number == len(location) - 1):
            yield str(part)
        if known:
            values = values[part]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
