"""Published checkpoints' ways with turns, on micro models: the special tokens and the form of each template.

The first ones are published, verbatim, as TRL's package carries them; the others are ours and minimal, and vary what
matters to training: what the generation prompt opens, what is dropped from assistant turns, which token ends a turn,
and who adds BOS.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tokenizers import AddedToken, processors
from transformers import PreTrainedTokenizerFast

from r1.config.models import DenseArchitectureConfig
from r1.models.loading import from_scratch
from r1.models.tokenizer import train_tokenizer

BLOCK = "<think>First 1 + {n} = {m}.</think><answer>{m}</answer>"
_STRIPPED = "m.content.split('</think>')[-1] if m.role == 'assistant' else m.content"


@dataclass(frozen=True)
class Form:
    """A template with its tokenizer's conventions, and what is expected of it."""

    template: str
    eos: str
    end: str
    bos: str | None = None
    opened: str = ""


def _im(content: str, opened: str = "") -> str:
    return (
        "{%- for m in messages -%}"
        "{{ '<|im_start|>' + m.role + '\\n' + (" + content + ") + '<|im_end|>\\n' }}{%- endfor -%}"
        "{%- if add_generation_prompt -%}"
        "{{ '<|im_start|>assistant\\n" + opened.replace("\n", "\\n") + "' }}{%- endif -%}"
    )


def _deepseek(content: str, opened: str = "") -> str:
    return (
        "{{ bos_token }}{%- for m in messages -%}"
        "{%- if m.role == 'user' -%}{{ '<|User|>' + m.content }}"
        "{%- else -%}{{ '<|Assistant|>' + (" + content + ") + '<|end_of_sentence|>' }}{%- endif -%}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|Assistant|>" + opened.replace("\n", "\\n") + "' }}{%- endif -%}"
    )


_LLAMA = (
    "{{ bos_token }}{%- for m in messages -%}"
    "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' + (m.content | trim) + '<|eot_id|>' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif -%}"
)
_GEMMA = (
    "{{ bos_token }}{%- for m in messages -%}"
    "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' + (m.content | trim) }}"
    "{{ '<end_of_turn>\\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}"
)
_DEEPSEEK = {"eos": "<|end_of_sentence|>", "end": "<|end_of_sentence|>", "bos": "<|begin_of_sentence|>"}
_END, _BEGIN = "<\uff5cend\u2581of\u2581sentence\uff5c>", "<\uff5cbegin\u2581of\u2581sentence\uff5c>"
_PUBLISHED_DEEPSEEK = {"eos": _END, "end": _END, "bos": _BEGIN}


def _published(name: str) -> str:
    """A published template; found without importing TRL, which takes seconds."""
    spec = find_spec("trl")
    assert spec is not None and spec.origin is not None
    return (Path(spec.origin).parent / "chat_templates" / f"{name}.jinja").read_text()


PUBLISHED = {
    "Qwen2.5 base": Form(_published("qwen2_5"), eos="<|endoftext|>", end="<|im_end|>"),
    "Qwen2.5 instruct": Form(_published("qwen2_5"), eos="<|im_end|>", end="<|im_end|>"),
    "Qwen3": Form(_published("qwen3"), eos="<|im_end|>", end="<|im_end|>"),
    "Llama 3": Form(_published("llama3"), eos="<|end_of_text|>", end="<|eot_id|>", bos="<|begin_of_text|>"),
    "Gemma 3": Form(_published("gemma3"), eos="<eos>", end="<end_of_turn>", bos="<bos>"),
    "R1-Distill": Form(_published("deepseek_r1_distill"), **_PUBLISHED_DEEPSEEK, opened="<think>\n"),
    "DeepSeek-V3": Form(_published("deepseekv3"), **_PUBLISHED_DEEPSEEK, opened="<think>\n"),
}
FORMS = {
    **PUBLISHED,
    "strips the chain of thought": Form(_im(_STRIPPED), eos="<|im_end|>", end="<|im_end|>"),
    "opens and strips": Form(_im(_STRIPPED, "<think>\n"), eos="<|im_end|>", end="<|im_end|>", opened="<think>\n"),
    "opens and strips, with BOS": Form(_deepseek(_STRIPPED, "<think>\n"), **_DEEPSEEK, opened="<think>\n"),
    "another end than eos, with BOS": Form(_LLAMA, eos="<|end_of_text|>", end="<|eot_id|>", bos="<|begin_of_text|>"),
    "names of its own, with BOS": Form(_GEMMA, eos="<eos>", end="<end_of_turn>", bos="<bos>"),
}
_SPECIAL = [
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|User|>", "<|Assistant|>", "<|start_header_id|>"),
    *("<|end_header_id|>", "<|eot_id|>", "<start_of_turn>", "<end_of_turn>"),
    *("<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>", _END),
]
ARCHITECTURE = DenseArchitectureConfig(
    model_type="llama",
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=2,
    head_dim=32,
    max_position_embeddings=256,
    tie_word_embeddings=True,
)


def tokenizer_of(form: Form) -> PreTrainedTokenizerFast:
    """A small tokenizer with the form's special tokens; one with BOS begins every text with it."""
    tokenizer = train_tokenizer(["What is 1 + 2? First 1 + 2 = 3. user assistant model"] * 50, 400, "chat")
    tokenizer.add_tokens([AddedToken(token, special=True) for token in _SPECIAL])
    tokenizer.add_special_tokens({"eos_token": form.eos, **({"bos_token": form.bos} if form.bos else {})})
    tokenizer.pad_token = form.eos  # as `load_tokenizer` does for a checkpoint without one
    if form.bos:
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{form.bos} $A", special_tokens=[(form.bos, tokenizer.bos_token_id)]
        )
    tokenizer.chat_template = form.template
    return tokenizer


def checkpoint_of(form: Form, directory: Path) -> Path:
    """A checkpoint as somebody else would have saved it: it declares no end but its eos."""
    tokenizer = tokenizer_of(form)
    from_scratch(ARCHITECTURE, tokenizer, seed=0).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
