"""GGUF files: read back by the gguf package, and, where llama-cpp-python is installed, run by llama.cpp."""

from pathlib import Path
from typing import Any

import pytest
import torch

from r1.finished import Finished
from r1.models.chat import as_messages
from r1.models.loading import load_model
from r1.models.policy import Policy
from r1.models.tokenizer import train_tokenizer
from r1.release.form import CannotExport
from r1.release.gguf import interleave, rope_factors, write_gguf
from tests.random_models import TEXTS, random_model

gguf = pytest.importorskip("gguf", reason="the extra `gguf` is not installed")

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen3": ("qwen3", {"head_dim": 32, "tie_word_embeddings": True}),
    "qwen3 untied": ("qwen3", {"head_dim": 16, "tie_word_embeddings": False}),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}),
    "llama": ("llama", {"tie_word_embeddings": False}),
    "llama 3": ("llama", {"rope_parameters": LLAMA3}),
    "llama with biases": ("llama", {"attention_bias": True}),
}


def written(kind: str, folder: Path, dtype: Any = "float16", **config: Any) -> tuple[Finished, Path]:
    model = Finished("tiny", random_model(kind, folder / "model", **config), {})
    write_gguf(model, folder / "tiny.gguf", dtype)
    return model, folder / "tiny.gguf"


def test_the_file_holds_shape_tokens_template_and_stops(tmp_path: Path) -> None:
    model, path = written("qwen3", tmp_path, head_dim=32)
    read = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in read.fields.items()}
    tokenizer = Policy(model.directory).tokenizer
    assert fields["general.architecture"] == "qwen3" and fields["qwen3.attention.key_length"] == 32
    assert fields["tokenizer.chat_template"] == tokenizer.chat_template
    assert fields["tokenizer.ggml.pre"] == "poro-chat"
    assert fields["tokenizer.ggml.eos_token_id"] == fields["tokenizer.ggml.eot_token_id"] == tokenizer.eos_token_id
    assert fields["tokenizer.ggml.add_bos_token"] is False
    tokens = fields["tokenizer.ggml.tokens"]
    assert tokens[: len(tokenizer)] == tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    assert len(tokens) == len(tokenizer) + 3 and tokens[-1] == f"[PAD{len(tokens) - 1}]"
    types = dict(zip(tokens, fields["tokenizer.ggml.token_type"], strict=True))
    assert [types[token] for token in ("<|end|>", "<think>", "a", tokens[-1])] == [
        *(gguf.TokenType.CONTROL, gguf.TokenType.USER_DEFINED, gguf.TokenType.NORMAL, gguf.TokenType.UNUSED)
    ]


@pytest.mark.parametrize(("dtype", "stored"), [("float16", "F16"), ("bfloat16", "BF16")])
def test_matrices_are_rounded_and_vectors_stay_float32(dtype: str, stored: str, tmp_path: Path) -> None:
    model, path = written("qwen3", tmp_path, dtype, head_dim=16)
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    assert {tensor.tensor_type.name for tensor in tensors.values() if len(tensor.shape) > 1} == {stored}
    assert {tensor.tensor_type.name for tensor in tensors.values() if len(tensor.shape) == 1} == {"F32"}
    weights = load_model(model.directory).state_dict()
    rounded = weights["model.layers.1.mlp.up_proj.weight"].to(getattr(torch, dtype)).float().numpy()
    found = tensors["blk.1.ffn_up.weight"]
    assert (gguf.dequantize(found.data, found.tensor_type) == rounded).all()


@pytest.mark.parametrize(
    ("kind", "config", "says"),
    [
        ("gemma2", {"head_dim": 16}, "is a gemma2; GGUF is written for qwen3, qwen2, llama"),
        ("llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}}, "rope_type linear"),
        ("qwen3", {"head_dim": 16, "use_sliding_window": True, "sliding_window": 8}, "sliding window"),
    ],
)
def test_what_llama_cpp_cannot_hold_is_refused_in_one_line(
    kind: str, config: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotExport) as caught:
        written(kind, tmp_path, **config)
    assert says in str(caught.value) and "\n" not in str(caught.value) and not (tmp_path / "tiny.gguf").exists()


def test_a_foreign_pre_tokenizer_is_refused(tmp_path: Path) -> None:
    from tokenizers import pre_tokenizers

    tokenizer = train_tokenizer(TEXTS, 400, "chat")
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(True)
    with pytest.raises(CannotExport, match="no pre-tokenizer like its tokenizer's"):
        written("qwen3", tmp_path, tokenizer=tokenizer, head_dim=16)


def test_weights_beyond_float16_are_refused(tmp_path: Path) -> None:
    directory = random_model("qwen3", tmp_path / "model", head_dim=16)
    model = load_model(directory)
    torch.nn.init.constant_(model.model.norm.weight, 1e5)
    model.save_pretrained(directory)
    with pytest.raises(CannotExport, match="not finite in float16; choose --dtype bfloat16"):
        write_gguf(Finished("tiny", directory, {}), tmp_path / "tiny.gguf", "float16")
    write_gguf(Finished("tiny", directory, {}), tmp_path / "tiny.gguf", "bfloat16")


def test_rows_of_a_head_go_from_halves_to_pairs() -> None:
    rows = torch.tensor([0, 1, 2, 3, 10, 11, 12, 13])
    assert interleave(rows, 2).tolist() == [0, 2, 1, 3, 10, 12, 11, 13]
    assert interleave(torch.stack([rows, rows], 1), 2)[:, 1].tolist() == [0, 2, 1, 3, 10, 12, 11, 13]


def test_long_contexts_slow_the_rotation_as_in_transformers(tmp_path: Path) -> None:
    model = load_model(random_model("llama", tmp_path / "model", rope_parameters=LLAMA3))
    plain = 1e4 ** -(torch.arange(0, 16, 2) / 16)
    torch.testing.assert_close(plain / rope_factors(model.config), model.model.rotary_emb.inv_freq)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_llama_cpp_says_what_transformers_says(kind: str, tmp_path: Path) -> None:
    """Prompt tokens, greedy answer, and log-probabilities, of random weights; bench/take_home.py asks a real model."""
    llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed: no lock has it")
    architecture, config = KINDS[kind]
    model, path = written(architecture, tmp_path, **config)
    policy, llm = (
        Policy(model.directory),
        llama_cpp.Llama(str(path), n_ctx=128, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False),
    )
    reference = load_model(model.directory, torch.float16).float()
    for question in ("What is 3 + 4 - 2?", "先算 5 - 1，然后算 8。", "don't (x'y) <think>"):
        asked = as_messages(question)
        (ids,) = policy.prompt_ids([asked])
        rendered = str(policy.tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True))
        assert llm.tokenize(rendered.encode(), add_bos=False, special=True) == ids
        with torch.inference_mode():
            whole = reference.generate(
                input_ids=torch.tensor([ids]),
                do_sample=False,
                max_new_tokens=24,
                eos_token_id=policy.stop_ids,
                pad_token_id=0,
            )
            expected = reference(whole).logits[0].log_softmax(-1)
        llm.reset()
        llm.eval(whole[0].tolist())
        scores = torch.from_numpy(llm.scores[: whole.shape[1]].copy()).log_softmax(-1)
        torch.testing.assert_close(scores, expected, atol=0.1, rtol=0)
        chosen = expected.gather(-1, scores.argmax(-1, keepdim=True)).squeeze(-1)
        assert (expected.max(-1).values - chosen).max() < 0.02  # another token only at a tie, which random weights have
