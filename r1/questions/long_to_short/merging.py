"""Averages of two models' weights, as Kimi k1.5 merges a long and a short model (arXiv 2501.12599, section 2.4)."""

from r1.models.policy import Policy
from r1.questions.arm import Arm
from r1.questions.lab import trained
from r1.questions.long_to_short.settings import Settings
from r1.support.errors import UserError
from r1.training.context import Trained, TrainingContext


def merge(arm: Arm[Settings], name: str, short: Policy, long: Policy, weight: float) -> Policy:
    """Average the weights of two models; tokenizer and chat template are the long one's.

    Args:
        arm: in whose scratch folder the result lies.
        name: of the result.
        short, long: models of one architecture and tokenizer.
        weight: of the long one, 0 to 1.

    Raises:
        UserError: if the models' weights differ in names or shapes.
    """

    def averaged(_: TrainingContext) -> Trained:
        model, theirs = long.load(), short.load().state_dict()
        ours = model.state_dict()
        if {key: value.shape for key, value in ours.items()} != {key: value.shape for key, value in theirs.items()}:
            raise UserError(f"cannot merge {short.directory} and {long.directory}: their weights have other shapes")
        model.load_state_dict({key: weight * value + (1 - weight) * theirs[key] for key, value in ours.items()})
        return Trained(model, long.tokenizer, metrics={})

    return trained(arm, name, averaged)
