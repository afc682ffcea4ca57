"""Do exported models answer as the recipe's do? Prints Markdown.

    python -m bench.take_home base

Exports a model of data/models as a directory and as GGUF, in bfloat16 and float16, asks each 100 evaluation prompts
greedily, and compares with transformers on the exported directory: prompts' token ids, answers, and the log-probability
of every token of transformers' answer. Then counts tokens per second with llama.cpp, transformers and vLLM, one after
the other. Needs llama-cpp-python, which no lock of ours has: it is built from source.
Exits with 1 if a prompt's tokens differ, an answer differs other than at a tie (log-probabilities within the
tolerance), or a log-probability is further off than the tolerance.
"""

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from bench.engines import VLLM
from r1.config.sampling import EngineConfig, SamplingConfig, TransformersEngineConfig, VllmEngineConfig
from r1.finished import find_model
from r1.models.chat import as_messages
from r1.models.loading import load_model
from r1.models.policy import Policy
from r1.release.export import export
from r1.release.form import DTYPES
from r1.sampling import open_sampler
from r1.support.tables import read_rows

TOLERANCE = {"bfloat16": 0.15, "float16": 0.02}
"""Largest difference of a log-probability, in nats: llama.cpp rounds activations to the weights' dtype, we do not."""
PROMPTS, TIMED, LONGEST = 100, 10, 96
GREEDY = SamplingConfig(temperature=0.0, top_p=1.0, max_new_tokens=LONGEST, num_samples=1)
ENGINES: tuple[EngineConfig, ...] = (
    TransformersEngineConfig(name="transformers", batch_size=PROMPTS),
    VllmEngineConfig(name="vllm", **VLLM),
)


@dataclass
class Answer:
    """One greedy answer by transformers: ids with the stop token, and the log-probability of each."""

    prompt: list[int]
    ids: list[int]
    text: str
    log_probs: np.ndarray


def ask_transformers(directory: Path, questions: list[str]) -> list[Answer]:
    """Greedy answers in float32 of the rounded weights."""
    policy, model = Policy(directory), load_model(directory).eval()
    answers = []
    for prompt in policy.prompt_ids([as_messages(question) for question in questions]):
        asked = torch.tensor([prompt])
        with torch.inference_mode():
            whole = model.generate(
                input_ids=asked,
                attention_mask=torch.ones_like(asked),
                do_sample=False,
                max_new_tokens=LONGEST,
                eos_token_id=policy.stop_ids,
                pad_token_id=policy.tokenizer.pad_token_id,
                use_cache=True,
            )
            log_probs = model(whole).logits[0].float().log_softmax(-1)[len(prompt) - 1 : -1].numpy()
        ids = whole[0, len(prompt) :].tolist()
        said = ids[:-1] if ids[-1] in policy.stop_ids else ids
        text = str(policy.tokenizer.decode(said, skip_special_tokens=True))
        answers.append(Answer(prompt, ids, text, log_probs))
    return answers


def context_of(answers: list[Answer]) -> int:
    """Tokens of the context that the longest question needs."""
    return max(len(answer.prompt) + LONGEST for answer in answers) + 1


def compare_llama_cpp(file: Path, questions: list[str], answers: list[Answer], dtype: str) -> tuple[list[str], bool]:
    """The cells of llama.cpp's row, and whether it agrees."""
    from llama_cpp import Llama
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    context = context_of(answers)
    llm = Llama(str(file), n_ctx=context, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False)
    template = llm.metadata["tokenizer.chat_template"]
    eos = llm._model.token_get_text(llm.token_eos())
    formatter = Jinja2ChatFormatter(template, eos_token=eos, bos_token="", stop_token_ids=[llm.token_eos()])
    same_prompt = same_answer = ties = 0
    worst, offs = 0.0, []
    for question, answer in zip(questions, answers, strict=True):
        rendered = formatter(messages=as_messages(question)).prompt
        same_prompt += llm.tokenize(rendered.encode(), add_bos=False, special=True) == answer.prompt
        reply = llm.create_chat_completion(as_messages(question), temperature=0, max_tokens=LONGEST)
        assert isinstance(reply, dict)
        llm.reset()
        llm.eval(answer.prompt + answer.ids)
        start, end = len(answer.prompt) - 1, len(answer.prompt) + len(answer.ids) - 1
        scores = torch.from_numpy(llm.scores[start:end].copy()).log_softmax(-1).numpy()
        chosen = np.arange(len(answer.ids)), np.array(answer.ids)
        off = np.abs(scores[chosen] - answer.log_probs[chosen])
        offs.append(off)
        worst = max(worst, float(off.max()))
        if reply["choices"][0]["message"]["content"] == answer.text:
            same_answer += 1
        else:
            best = np.sort(answer.log_probs, axis=1)
            ties += bool((best[:, -1] - best[:, -2]).min() < TOLERANCE[dtype])
    mean = float(np.concatenate(offs).mean())
    cells = [f"{same_prompt}/{len(answers)}", f"{same_answer}/{len(answers)}", f"{ties}", f"{mean:.1e}", f"{worst:.1e}"]
    agrees = same_prompt == len(answers) == same_answer + ties and worst <= TOLERANCE[dtype]
    del llm
    return cells, agrees


def time_llama_cpp(file: Path, context: int, questions: list[str]) -> float:
    """Tokens per second with two threads, one question at a time, prompts included."""
    from llama_cpp import Llama

    llm = Llama(str(file), n_ctx=context, n_threads=2, n_threads_batch=2, verbose=False)
    llm.create_chat_completion(as_messages(questions[0]), temperature=0, max_tokens=LONGEST)
    tokens, started = 0, time.perf_counter()
    for question in questions:
        reply = llm.create_chat_completion(as_messages(question), temperature=0, max_tokens=LONGEST)
        assert isinstance(reply, dict)
        tokens += reply["usage"]["completion_tokens"]
    return tokens / (time.perf_counter() - started)


def time_engine(directory: Path, engine: EngineConfig, questions: list[str]) -> tuple[float, float]:
    """Tokens per second of an engine of ours: one question at a time, and all at once."""
    sampler, conversations = open_sampler(Policy(directory), engine), [as_messages(question) for question in questions]

    def draw(asked: list[list[dict[str, str]]]) -> int:
        return sum(drawn.tokens for (drawn,) in sampler.sample(asked, GREEDY, 0))

    draw(conversations)
    started = time.perf_counter()
    alone = sum(draw([conversation]) for conversation in conversations[:TIMED]) / (time.perf_counter() - started)
    started = time.perf_counter()
    together = draw(conversations) / (time.perf_counter() - started)
    sampler.close()
    return alone, together


def main() -> None:
    """Export, ask, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    arguments = parser.parse_args()
    questions = [str(row["prompt"]) for row in read_rows("data/prompts/evaluate.parquet")[:PROMPTS]]
    os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"  # it logs to stdout, which is for the tables
    agree, speeds = True, list[str]()
    print(f"`{arguments.model}`, {len(questions)} evaluation prompts, greedy\n")
    print("| dtype | same prompt tokens | same answer | of the others, ties | log-prob, mean off | worst |")
    print("|---|---|---|---|---|---|")
    for dtype in DTYPES:
        with TemporaryDirectory() as folder:
            directory = Path(folder) / "directory"
            export(arguments.model, directory, "directory", dtype, None)  # type: ignore[arg-type]
            export(arguments.model, Path(folder) / "gguf", "gguf", dtype, None)  # type: ignore[arg-type]
            answers = ask_transformers(directory, questions)
            (file,) = (Path(folder) / "gguf").glob("*.gguf")
            cells, agrees = compare_llama_cpp(file, questions, answers, dtype)
            agree &= agrees
            print(f"| {dtype} | {' | '.join(cells)} |", flush=True)
            alone = time_llama_cpp(file, context_of(answers), questions[:TIMED])
            speeds.append(f"| llama.cpp, {dtype} | {alone:.0f} | |")
    for engine in ENGINES:
        alone, together = time_engine(find_model(arguments.model).directory, engine, questions)
        speeds.append(f"| {engine.name}, float32 | {alone:.0f} | {together:.0f} |")
    print(f"\n| tokens per second, two cores | one question at a time | {len(questions)} at once |\n|---|---|---|")
    print("\n".join(speeds))
    sys.exit(not agree)


if __name__ == "__main__":
    main()
