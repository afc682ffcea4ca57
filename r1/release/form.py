"""The forms in which a model is exported."""

from collections.abc import Mapping
from typing import Literal, get_args

import torch

from r1.support.errors import UserError

Format = Literal["directory", "gguf"]
DtypeName = Literal["bfloat16", "float16"]
FORMATS: tuple[str, ...] = get_args(Format)
DTYPES: tuple[str, ...] = get_args(DtypeName)


class CannotExport(UserError):
    """The model cannot be written in that form, or not to that place."""


def check_finite(model: str, weights: Mapping[str, torch.Tensor], dtype: DtypeName) -> None:
    """Check that rounding kept every weight finite: float16 ends at 65,504.

    Raises:
        CannotExport: if it did not.
    """
    for name, weight in weights.items():
        if weight.is_floating_point() and not weight.isfinite().all():
            raise CannotExport(f"{model}: {name} is not finite in {dtype}; choose --dtype bfloat16")
