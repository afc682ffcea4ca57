"""A journal of finished completions, from which a killed sampling run resumes.

One line of JSON per conversation, appended and synced before the next chunk is drawn:

    {"key": "5f2c…", "completions": [["<think>3 + 4 = 7.</think><answer>7</answer>", 21, false]]}
"""

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple
from pathlib import Path

from r1.config.sampling import SamplingConfig
from r1.sampling.interface import Completion, Conversation, Drawn, Sampler

log = logging.getLogger(__name__)


class Journal:
    """An append-only file of finished completions by key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, list[Completion]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # a kill truncated the last line; do not append to it
            os.truncate(path, len(whole))
        for line in whole.splitlines():
            try:
                entry = json.loads(line)
                self.known[entry["key"]] = [Completion(*values) for values in entry["completions"]]
            except (ValueError, KeyError, TypeError):
                continue  # a damaged line: its conversation is sampled again

    def append(self, entries: dict[str, list[Completion]]) -> None:
        """Append completions by key; they are on disk when this returns."""
        lines = [
            json.dumps({"key": key, "completions": [astuple(one) for one in completions]}) + "\n"
            for key, completions in entries.items()
        ]
        with self.path.open("ab") as file:
            file.write("".join(lines).encode())
            file.flush()
            os.fsync(file.fileno())
        self.known |= entries


class Resumed(Sampler):
    """A sampler that reads finished completions from a journal instead of drawing them again."""

    def __init__(self, sampler: Sampler, path: Path) -> None:
        self.name, self.source = sampler.name, sampler.source
        self.sampler, self.journal = sampler, Journal(path)

    def close(self) -> None:
        """See Sampler."""
        self.sampler.close()

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        """See Sampler."""
        keys = list(self._keys(conversations, sampling, seed))
        kept = {
            number: self.journal.known[key]
            for number, key in enumerate(keys)
            if number not in done and len(self.journal.known.get(key, ())) == sampling.num_samples
        }
        if kept:
            log.info("sampling resumes: %d of %d prompts were already finished", len(kept), len(keys))
            yield kept
        done = {*done, *kept}
        if len(done) == len(keys):
            return
        for chunk in self.sampler.draw(conversations, sampling, seed, done):
            new = {number: completions for number, completions in chunk.items() if number not in done}
            self.journal.append({keys[number]: completions for number, completions in new.items() if completions})
            yield new

    def _keys(self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int) -> Iterator[str]:
        """Hash of all that determines a conversation's completions; repeats of a conversation get different keys."""
        common = [self.source, sampling.model_dump(), seed]
        times: Counter[str] = Counter()
        for conversation in conversations:
            asked = json.dumps([*common, conversation], sort_keys=True)
            yield hashlib.sha256(f"{asked}\0{times[asked]}".encode()).hexdigest()
            times[asked] += 1
