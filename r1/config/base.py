"""Shared by every part: the base class and scalar types."""

import os
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Name = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]


def leaves_project(path: str) -> bool:
    """True for a relative path that leads out of the project; an absolute path is deliberate."""
    return os.path.normpath(path).split(os.sep)[0] == os.pardir


def on_this_machine(address: str) -> bool:
    """True if the host of a URL or of host:port is a loopback address."""
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Section(BaseModel):
    """Base class of every part: rejects unknown keys and is immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, values: Any) -> Any:
        for key, value in values.items() if isinstance(values, dict) else ():
            if key not in cls.model_fields:
                close = get_close_matches(str(key), cls.model_fields, n=1)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                raise ValueError(f"unknown key {key!r}{hint}; allowed: {', '.join(cls.model_fields)}")
            if isinstance(value, bool) and cls.model_fields[key].annotation in (int, float):
                raise ValueError(f"{key} = {value}: Input should be a number")  # which pydantic takes for 1 or 0
        return values
