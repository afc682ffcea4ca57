"""What the arms' tables call things: the report reads them without what made them."""

PRETRAINED, BLIND, BASE = "pretraining", "pretraining, blind", "SFT, 0 epochs"
"""Models of `documents`: the base on its corpus, the control there, and the control of SFT."""
SCORES = {"loss": "loss", "min_k": "min-k %", "min_k_plus_plus": "min-k %++", "against_base": "loss against the base's"}
"""Scores of `documents` by column and title; a higher one says member."""
STUDENT, ITSELF = "student", "itself"
"""Writers of `likelihood` and `style`: the teacher's student, or the teacher, which is the control."""
OURS, RECIPE = "ours", "recipe"
"""Sources of `models`: made in the arm, or by the recipe."""
WEIGHTS = {
    "size": "size of the difference to the base's (log10)",
    "unchanged": "weights equal in bfloat16 (share)",
    "rank": "effective rank of the difference (share)",
}
"""Features of a difference of weights by column and title; see `weights.difference`."""
STYLE = {
    "tokens": "tokens",
    "format": "in the form (share)",
    "english": "words in English (share)",
    "worked": "with words (share)",
    "reflects": "with reflection (share)",
    "right": "right (share)",
}
"""Features of samples by column and title; see `behaviour.style`."""
ENTROPY = {"entropy": "entropy (nats per token)"}
"""The feature of samples that needs the model's probabilities."""
READS: dict[str, tuple[str, ...]] = {
    "weights": tuple(WEIGHTS),
    "samples": (*STYLE, *ENTROPY),
    "both": (*WEIGHTS, *STYLE, *ENTROPY),
}
"""Features that a detector reads, by what it reads."""


def tuned_name(epochs: int) -> str:
    """Name of a fine-tuned model in `documents`."""
    return f"SFT, {epochs} epoch{'s' if epochs > 1 else ''}"
