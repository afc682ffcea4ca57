"""A pretrained base: from scratch on the corpus, or a checkpoint that exists.

    python stages/base.py model=base_qwen
    python stages/base.py model=base base.checkpoint=Qwen/Qwen2.5-1.5B offline=false

Writes data/models/<model>.
"""

from typing import Any

from r1.stage import Run, stage


@stage("training", "{model}", makes=("base", "base_qwen", "base_llama"))
def main(run: Run) -> None:
    from pathlib import Path

    from r1.artifacts import content_hash, write_text
    from r1.corpus.tokenizer import train_tokenizer
    from r1.data import read_rows
    from r1.models.chat import TEMPLATES, opened_by_examples
    from r1.models.loading import from_scratch, load_checkpoint, save
    from r1.processes import is_main
    from r1.template_trial import try_template
    from r1.training.pretrain import pretrain

    settings, seed = getattr(run.config, run.name), run.config.seed

    def write(model: Any, tokenizer: Any, inputs: dict[str, str], metrics: dict[str, Any]) -> None:
        parameters = model.num_parameters()
        with run.artifact(f"data/models/{run.name}", inputs, counts={"parameters": parameters}) as directory:
            save(model, tokenizer, directory)
        run.metrics({"parameters": parameters, **metrics})

    if settings.checkpoint is not None:
        if not is_main():
            return  # nothing is trained: one process loads, and writes
        local = Path(settings.checkpoint).expanduser()
        inputs = {str(local): content_hash(local)} if local.exists() else {}
        model, tokenizer = load_checkpoint(settings.checkpoint)
        if settings.chat_template is not None:
            tokenizer.chat_template = TEMPLATES[settings.chat_template]
        try_template(tokenizer, settings.checkpoint)
        if settings.worked_examples:
            tokenizer.chat_template = opened_by_examples(tokenizer.get_chat_template(), settings.worked_examples)
        write_text(run.curve, "step,loss\n")  # nothing was trained
        write(model, tokenizer, inputs, {"seconds": 0.0})  # DVC wants the file of times that dvc.yaml declares
        return

    inputs = run.inputs("data/corpus")
    texts = [row["text"] for row in read_rows("data/corpus/corpus.parquet")]
    tokenizer = train_tokenizer(texts, settings.pretraining.vocab_size, settings.chat_template)
    model = from_scratch(settings.architecture, tokenizer, seed)
    with run.checkpoints(inputs) as checkpoints:
        options = run.config.training
        trained, metrics = pretrain(
            model, tokenizer, texts, settings.pretraining, seed, run.curve, checkpoints, options
        )
        write(trained, tokenizer, inputs, metrics)


if __name__ == "__main__":
    main()
