"""The base model: pretrained here, or an existing checkpoint."""

from pathlib import Path

from r1.config.models import BaseConfig
from r1.finetuning.pretrain import pretrain
from r1.models.chat import TEMPLATES, WORKED_EXAMPLES, with_examples
from r1.models.loading import load_checkpoint
from r1.models.policy import Untrained
from r1.models.template_trial import try_template
from r1.models.tokenizer import train_tokenizer
from r1.models.turns import check_examples_shown, end_of_turn, with_bos, with_stop
from r1.support.artifacts import content_hash, write_text
from r1.training.context import Trained, TrainingContext


def train_base(texts: list[str], config: BaseConfig, context: TrainingContext) -> Trained:
    """Train a base model from scratch: its tokenizer and its weights, on the documents."""
    assert config.architecture is not None and config.pretraining is not None and config.chat_template is not None
    tokenizer = train_tokenizer(texts, config.pretraining.vocab_size, config.chat_template)
    return pretrain(Untrained(config.architecture, tokenizer, context.seed), texts, config.pretraining, context)


def adopt_checkpoint(config: BaseConfig, curve: Path) -> tuple[Trained, dict[str, str]]:
    """Load an existing base model, with the configured chat template; writes an empty learning curve.

    Returns:
        The base model, and the hash of the checkpoint by path if it is on this machine.

    Raises:
        BrokenCheckpoint: if the checkpoint cannot be loaded.
        BrokenTemplate: if its chat template cannot be used.
        UnusableTurns: if no token ends a turn, or the template drops the worked examples' reasoning.
    """
    assert config.checkpoint is not None
    local = Path(config.checkpoint).expanduser()
    inputs = {str(local): content_hash(local)} if local.exists() else {}
    model, tokenizer = load_checkpoint(config.checkpoint)
    if config.chat_template is not None:
        tokenizer.chat_template = _adopted(config.chat_template)
    try_template(tokenizer, config.checkpoint)
    tokenizer.chat_template = with_bos(tokenizer)
    end_of_turn(tokenizer)
    if config.worked_examples:
        tokenizer.chat_template = with_examples(tokenizer.get_chat_template(), config.worked_examples)
        check_examples_shown(tokenizer, [answer for _, answer in WORKED_EXAMPLES[: config.worked_examples]])
    write_text(curve, "step,loss\n")
    parameters = model.num_parameters()
    # dvc.yaml declares a file of times, so DVC expects `seconds`.
    metrics = {"parameters": parameters, "seconds": 0.0}
    return Trained(model, tokenizer, metrics, counts={"parameters": parameters}), inputs


def _adopted(name: str) -> str:
    """One of our templates for a checkpoint; those of R1-Zero stop at `</answer>`.

    An adopted base was never trained to end its text there and would go on with the next user's question. The
    miniature's own base was, and its RL must keep learning from its end token, which a stop string would cut off.
    """
    return TEMPLATES[name] if name == "chat" else with_stop(TEMPLATES[name], "</answer>")
