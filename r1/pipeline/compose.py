"""From conf/, params.yaml and overrides to the typed configuration; every mistake is reported in one line.

`python -m r1 compose` and `dvc exp run -S` compose conf/ and its groups into params.yaml.
A stage reads params.yaml plus dotted overrides, so that all ways of running it agree.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
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
    with _in_one_line(), hydra.initialize_config_dir(str(conf.resolve()), version_base="1.3"):
        values = _resolved(hydra.compose("config", chosen))
    validate(values)
    return values


def write_params(values: dict[str, Any], target: Path = PARAMS) -> None:
    """Write a composition atomically, in DVC's format.

    Raises:
        UserError: if there is a folder of that name.
    """
    if target.is_dir():
        raise UserError(f"{target} is a folder: remove it")
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
    return _overridden(PARAMS, overrides)


def load_settings(path: Path, overrides: Sequence[str], schema: type[M]) -> M:
    """Load the params.yaml of an experiment of its own, with dotted overrides, and validate it against its schema.

    Raises:
        ConfigurationError: as in `load`.
    """
    return _validated(schema, _overridden(path, overrides))


def _overridden(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """A params.yaml with dotted overrides, and without groups: its folder's subfolders, such as plugins/, are none.

    Raises:
        ConfigurationError: if the file cannot be read, or an override does not fit.
    """
    translated = stage_overrides(overrides)
    with _in_one_line():
        values = _loaded(path)
        ConfigStore.instance().store("params", values)
        with hydra.initialize(config_path=None, version_base="1.3"):
            return _resolved(hydra.compose("params", translated))


def _loaded(path: Path) -> DictConfig:
    try:
        values = OmegaConf.load(path)
    except OSError as error:
        if error.errno is not None:
            raise
        values = None  # OmegaConf's error for a number
    if not isinstance(values, DictConfig):
        raise ConfigurationError(f"{path} must have keys and values")
    return values


def _resolved(composed: DictConfig) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True))


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Report Hydra's, OmegaConf's and YAML's errors as ours.

    Raises:
        ConfigurationError: if the block fails.
    """
    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError, UnicodeDecodeError) as error:
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
        if group is None and (conf / parsed.key_or_group).is_dir():
            raise ConfigurationError(f"{override}: {parsed.key_or_group} is a section; set its keys one by one")
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
        lines: dict[str, str] = {}
        for mistake, message in (_explain(detail, values) for detail in error.errors()):
            if not mistake:
                lines[message] = message
            elif mistake in lines:  # of a union, which has an error for each of its members
                lines[mistake] += f", or {message.removeprefix('Input should be ')}"
            else:
                lines[mistake] = f"{mistake}: {message}"
        raise ConfigurationError(*lines.values()) from None


def _explain(detail: Any, values: Any) -> tuple[str, str]:
    """The key with its value, and what is wrong; no key for a check of several, whose message names them."""
    key = ".".join(_settable(detail["loc"], values, missing=detail["type"] == "missing"))
    message = str(detail["msg"]).removeprefix("Value error, ")
    return (f"{key} = {detail['input']!r}" if key and not isinstance(detail["input"], dict) else key), message


def _settable(location: tuple[Any, ...], values: Any, missing: bool) -> Iterator[str]:
    """The parts of a key as the user writes it: pydantic's location also includes union members and `[key]`."""
    for number, part in enumerate(location):
        known = isinstance(values, dict) and part in values
        if known or isinstance(part, int) or (missing and number == len(location) - 1):
            yield str(part)
        if known:
            values = values[part]


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if merging := re.fullmatch(r"Error merging override \+*(.*)", text):
        return f"{merging[1]}: a section takes no such value; set its keys one by one"
    return text
