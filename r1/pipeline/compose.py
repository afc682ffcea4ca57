"""From conf/, params.yaml and overrides to the typed configuration; every mistake ends in one line that names it.

conf/ and its groups are composed into params.yaml, by `python -m r1 compose` or `dvc exp run -S`.
A stage reads params.yaml plus dotted overrides, so that all ways of running it agree.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError
from yaml import YAMLError

from r1.config.recipe import Config
from r1.support.artifacts import write_text
from r1.support.errors import ConfigurationError, UserError

PARAMS = Path("params.yaml")
CONF = Path("conf")


def compose(overrides: Sequence[str], conf: Path = CONF) -> dict[str, Any]:
    """conf/ with its groups and these overrides, as `dvc exp run -S` composes it; checked.

    Raises:
        ConfigurationError: if an override is malformed, names no key or no choice of a group, or gives a value that
            is not allowed.
    """
    check_overrides(overrides, conf)
    chosen = [override if _group(override, conf) is not None else _forced(override) for override in overrides]
    values = _compose(conf, "config", chosen)
    validate(values)
    return values


def write_params(values: dict[str, Any], target: Path = PARAMS) -> None:
    """Write a composition as DVC's own would, whole or not at all."""
    write_text(target, OmegaConf.to_yaml(OmegaConf.create(values)))


def load(overrides: Sequence[str] = ()) -> Config:
    """params.yaml with dotted overrides, checked.

    Raises:
        UserError: if params.yaml is missing.
        ConfigurationError: as `compose`; also for the choice of a group.
    """
    if not PARAMS.is_file():
        raise UserError(f"{PARAMS} is missing: `make params` writes it")
    return validate(_compose(PARAMS.parent, PARAMS.stem, stage_overrides(overrides)))


def _compose(directory: Path, name: str, overrides: list[str]) -> dict[str, Any]:
    """What Hydra makes of a file and overrides, interpolations resolved.

    Raises:
        ConfigurationError: if it cannot.
    """
    try:
        with hydra.initialize_config_dir(str(directory.resolve()), version_base="1.3"):
            composed = hydra.compose(name, overrides)
        return cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True))
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ConfigurationError(_one_line(error)) from None


def stage_overrides(arguments: Sequence[str]) -> list[str]:
    """A stage's overrides, for Hydra.

    Raises:
        ConfigurationError: for a malformed override, and for the choice of a group.
    """
    check_overrides(arguments)
    for argument in arguments:
        if (group := _group(argument)) is not None:
            raise ConfigurationError(
                f"{argument}: {group} is a group of conf/, and a stage takes single keys; choose it by "
                f"`python -m r1 compose {argument}` or `dvc exp run -S {argument}`"
            )
    return [_forced(argument) for argument in arguments]


def _forced(override: str) -> str:
    """Lets any key through Hydra, to our schema: it knows which are allowed, those of mappings too."""
    return override if override[:1] in "+~" else f"++{override}"


def check_overrides(overrides: Sequence[str], conf: Path = CONF) -> None:
    """Refuse what Hydra would not read, would sweep over, or would look for outside conf/.

    Raises:
        ConfigurationError: naming the override.
    """
    parser = OverridesParser.create()
    for override in overrides:
        try:
            parsed = parser.parse_override(override)
            named = bool(parsed.key_or_group)
        except HydraException:
            named = False
        if not named:
            raise ConfigurationError(f"{override!r} is no override: write key=value, such as zero.max_steps=5")
        if parsed.key_or_group.partition(".")[0].partition("/")[0] == "hydra":
            raise ConfigurationError(f"{override}: Hydra's own settings are not the recipe's to change")
        if parsed.is_sweep_override():
            raise ConfigurationError(
                f"{override}: several values; a run takes one, `dvc exp run --queue -S {override}` queues one run each"
            )
        group = _group(override, conf)
        if group is None and "/" in parsed.key_or_group:
            raise ConfigurationError(f"{override}: {parsed.key_or_group} is no group of conf/, and a key has dots")
        if group is not None and not parsed.is_delete():
            choices = sorted(path.stem for path in (conf / group).glob("*.yaml"))
            if str(parsed.value()) not in choices:
                raise ConfigurationError(
                    f"{parsed.get_key_element().lstrip('+')} = {parsed.value()!r}: allowed: {', '.join(choices)}"
                )


def _group(override: str, conf: Path = CONF) -> str | None:
    """The group of conf/ that an override chooses, if it does."""
    key = override.lstrip("+~").partition("=")[0].partition("@")[0]
    known = {path.parent.relative_to(conf).as_posix() for path in conf.glob("*/**/*.yaml")}
    return key if key in known else None


def validate(values: Any) -> Config:
    """The typed configuration.

    Raises:
        ConfigurationError: with a line per mistake that names the key, the value and what is allowed.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(*(_explain(detail, values) for detail in error.errors())) from None


def _explain(detail: Any, values: Any) -> str:
    key = ".".join(_settable(detail["loc"], values, missing=detail["type"] == "missing"))
    message = detail["msg"].removeprefix("Value error, ")
    if not key:  # a check of the whole configuration, which names its key itself
        return str(message)
    return f"{key}: {message}" if isinstance(detail["input"], dict) else f"{key} = {detail['input']!r}: {message}"


def _settable(location: tuple[Any, ...], values: Any, missing: bool) -> Iterator[str]:
    """The parts of a key that a user can set: pydantic also names the choice of a union and `[key]`."""
    for number, part in enumerate(location):
        known = isinstance(values, dict) and part in values
        if known or isinstance(part, int) or (missing and number == len(location) - 1):
            yield str(part)
        if known:
            values = values[part]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
