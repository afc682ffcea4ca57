"""FSDP2 in two gloo processes: all models in units of a layer, float32 where it counts, and the bytes of the plan."""

from pathlib import Path
from typing import Any

import pytest

from r1.models.loading import save
from r1.planning.memory import training_memory, with_judges
from r1.planning.shapes import Shape, read_shape
from r1.training.context import PLAIN
from tests.training.sharded import held
from tests.trainings import dense

pytestmark = pytest.mark.slow

LAYERS = 2


@pytest.fixture(scope="module", params=["grpo", "dapo", "rloo"])
def found(request: pytest.FixtureRequest, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process holds in RL with a reference (grpo, rloo) or a start policy (dapo), and with reward models."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    judge = tmp_path_factory.mktemp("judge")
    classifier = AutoModelForSequenceClassification.from_pretrained(dense(tiny_model), num_labels=1)
    save(classifier, AutoTokenizer.from_pretrained(tiny_model), judge)
    return held(request.param, tiny_model, judge, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def shape(tiny_model: Path) -> Shape:
    from transformers import AutoConfig

    return read_shape(AutoConfig.from_pretrained(tiny_model).to_dict())


def test_all_models_have_a_unit_per_layer(found: dict[str, Any], shape: Shape) -> None:
    """TRL's own preparation makes one unit of the reference: a forward pass gathers the whole model."""
    units = found["units"]
    assert len(units["policy"]) == LAYERS + 1 and sum(units["policy"]) == shape.parameters
    assert units["beside"] == units["policy"]
    for judge in units["judges"]:  # final norm, embedding, layers, and the score that is left to the root
        assert len(judge) == LAYERS + 3 and sum(judge) == shape.parameters + shape.hidden
        assert max(judge) < sum(judge) / 2


def test_log_probabilities_and_gradients_are_float32(found: dict[str, Any]) -> None:
    """accelerate's default under bf16 rounds both."""
    assert found["log_probabilities"] == "torch.float32" and found["gradients"] == ["torch.float32"]


def test_gradients_are_reduced_at_every_micro_batch(found: dict[str, Any]) -> None:
    """Otherwise each process keeps all weights' gradients until the last: 30 GB at 7B, 131 GB at 32B."""
    assert found["backwards"] > 2, "two steps of several micro-batches"
    assert found["whole_gradients"] == 0


def test_the_reference_is_not_spread_over_the_node_s_gpus(found: dict[str, Any]) -> None:
    assert set(found["device_maps"]) <= {None}


def test_what_is_planned_is_allocated(found: dict[str, Any], shape: Shape) -> None:
    options = PLAIN.model_copy(update={"mixed_precision": "bf16"})
    plan = training_memory(shape, options, 2, 4, 64, accumulates=True, references=1)
    judges = with_judges(plan, shape, 2, 4, 2).frozen - plan.frozen  # float32 on a CPU
    planned = {name: getattr(plan, name) for name in ("weights", "gradients", "optimizer", "frozen")}
    assert found["bytes"] == pytest.approx({**planned, "judges": judges}, rel=0.005)


@pytest.mark.parametrize("kind", ["sft", "reward_model"])
def test_a_supervised_training_is_gathered_and_resumes(
    kind: str, tiny_model: Path, shape: Shape, tmp_path: Path
) -> None:
    found = held(kind, dense(tiny_model), tiny_model, tmp_path)
    assert found["parameters"] == shape.parameters + (shape.hidden if kind == "reward_model" else 0)
    assert found["dtypes"] == ["torch.float32"] and found["difference"] == 0
    assert found["curves"][0] == found["curves"][1]
