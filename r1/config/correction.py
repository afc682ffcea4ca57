"""Correction of the mismatch between the engine that samples rollouts and the trainer."""

from typing import Annotated, Literal

from pydantic import Field

from r1.config.base import Section


class OffCorrectionConfig(Section):
    """The mismatch between sampler and trainer is logged, not corrected."""

    name: Literal["off"]


class ImportanceCorrectionConfig(Section):
    """Rollouts are weighted by the ratio of the trainer's probability to the sampler's.

    Attributes:
        name: level and mode. `token`: one ratio per token; `sequence`: their product over the completion. `truncate`:
            a ratio above the cap counts as the cap; `mask`: as 0.
        cap: largest weight, at least 1.
    """

    name: Literal["token_truncate", "token_mask", "sequence_truncate", "sequence_mask"]
    cap: float = Field(ge=1)

    @property
    def per_sequence(self) -> bool:
        return self.name.startswith("sequence")

    @property
    def masks(self) -> bool:
        return self.name.endswith("mask")


CorrectionConfig = Annotated[OffCorrectionConfig | ImportanceCorrectionConfig, Field(discriminator="name")]
