"""Parameters are counted as transformers makes them, and as they are published."""

import pytest

from r1.planning.shapes import KNOWN, KnownName, find_shape, shape_of
from tests.conftest import ROOT, compose

# Weights of the published safetensors files.
PUBLISHED: dict[KnownName, int] = {
    "Qwen2.5-0.5B": 494_032_768,
    "Qwen2.5-1.5B": 1_543_714_304,
    "Qwen2.5-7B": 7_615_616_512,
    "Qwen2.5-Math-7B": 7_615_616_512,
    "Qwen2.5-32B": 32_763_876_352,
    "Llama-3.2-1B": 1_235_814_400,
    "Llama-3.1-8B": 8_030_261_248,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models_have_the_published_parameters(name: KnownName) -> None:
    assert KNOWN[name].parameters == KNOWN[name].active_parameters == PUBLISHED[name]


def test_deepseek_v3_has_671_billion_of_which_37_are_active() -> None:
    assert KNOWN["DeepSeek-V3"].parameters == pytest.approx(671e9, rel=1e-3)
    assert KNOWN["DeepSeek-V3"].active_parameters == pytest.approx(37e9, rel=0.03)
    # Section 2.1.1: what is cached per token are the compressed vector and one rotary key a layer.
    assert KNOWN["DeepSeek-V3"].cached_values == 61 * (512 + 64)


@pytest.mark.parametrize(("teacher", "base"), [("qwen3", "base"), ("deepseek_v3", "base"), ("qwen3", "base_llama")])
def test_architectures_have_the_parameters_that_transformers_makes(teacher: str, base: str) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    architecture = getattr(compose(f"teacher={teacher}"), base).architecture
    with torch.device("meta"):
        config = AutoConfig.for_model(**architecture.model_dump(), vocab_size=512)
        model = AutoModelForCausalLM.from_config(config)
    assert shape_of(architecture, 512).parameters == model.num_parameters()


def test_few_tokens_read_few_experts() -> None:
    v3 = KNOWN["DeepSeek-V3"]
    assert v3.touched_parameters(1) == pytest.approx(v3.active_parameters)
    assert v3.touched_parameters(1000) == pytest.approx(v3.parameters, rel=1e-6)


def test_checkpoints_are_known_by_name() -> None:
    assert find_shape("Qwen/Qwen2.5-1.5B-Instruct") == KNOWN["Qwen2.5-1.5B"]
    assert find_shape("deepseek-ai/DeepSeek-V3-Base") == KNOWN["DeepSeek-V3"]
    assert find_shape("someone/something") is None
    assert find_shape(str(ROOT / "conf")) is None
