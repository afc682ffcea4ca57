"""The miniature's tokenizer: byte-level BPE with one token per digit, trained on the corpus."""

from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from r1.models.chat import TEMPLATES

END, PAD = "<|end|>", "<|pad|>"
TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_SPLIT = r" ?\d| ?[a-zA-Z]+| ?[\u3400-\u4dbf\u4e00-\u9fff]+| ?[^\s\da-zA-Z\u3400-\u4dbf\u4e00-\u9fff]|\s"


def train_tokenizer(texts: Iterable[str], vocab_size: int, template: str) -> PreTrainedTokenizerFast:
    """Train a tokenizer suited to arithmetic: one token per digit, with or without a space before it.

    The think and answer tags are single, ordinary tokens: they survive
    `skip_special_tokens`, so rewards see them.

    Args:
        texts: documents.
        vocab_size: total number of tokens, at least 256 bytes plus tags and special tokens.
        template: name of a chat template.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(TAGS),
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(tag, normalized=False, special=False) for tag in TAGS])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, padding_side="left")
    fast.chat_template = TEMPLATES[template]
    return fast
