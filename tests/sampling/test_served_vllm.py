"""The endpoint that is not ours to fake: a real vLLM server on the loopback."""

from pathlib import Path

import pytest

from r1.config.sampling import OpenaiEngineConfig
from r1.models.policy import Policy
from r1.sampling import open_sampler
from r1.sampling.fitting import ContextExceeded
from r1.sampling.openai_engine import EndpointError
from tests.sampling.serving import vllm_server
from tests.sampling.test_engines import QUESTIONS, TRANSFORMERS, WARM

pytestmark = pytest.mark.slow


def test_a_vllm_server_samples_as_the_engine_in_the_process(tiny_model: Path, tmp_path: Path) -> None:
    if tiny_model.parent.name.startswith("deepseek"):
        pytest.skip("the server's CPU kernel is wrong for latent attention, which only our own engine patches")
    with vllm_server(tiny_model, tmp_path / "log") as address:
        engine = OpenaiEngineConfig(
            name="openai",
            base_url=f"{address}/v1",
            model=None,
            api_key_env=None,
            seeded=False,
            max_concurrency=8,
            timeout=120,
            retries=0,
        )
        policy = Policy(tiny_model)
        served, here = open_sampler(policy, engine), open_sampler(policy, TRANSFORMERS)

        greedy = WARM.model_copy(update={"temperature": 0.0, "num_samples": 2})
        assert served.sample(QUESTIONS, greedy, 0) == here.sample(QUESTIONS, greedy, 0)  # text, tokens, truncated

        warm = served.sample(QUESTIONS, WARM, 0)
        assert [len(completions) for completions in warm] == [4] * 3
        assert len({completion.text for completions in warm for completion in completions}) > 3
        assert all(0 < completion.tokens <= 12 for completions in warm for completion in completions)

        room = 256 - len(policy.prompt_ids(QUESTIONS[:1])[0])
        with pytest.raises(ContextExceeded, match=f"max_new_tokens = {room + 1}"):
            served.sample(QUESTIONS[:1], WARM.model_copy(update={"max_new_tokens": room + 1}), 0)
        with pytest.raises(EndpointError, match="does not know the model 'other'"):
            open_sampler(policy, engine.model_copy(update={"model": "other"})).sample(QUESTIONS, WARM, 0)
    with pytest.raises(EndpointError, match="cannot be reached"):
        served.sample(QUESTIONS, WARM, 0)
