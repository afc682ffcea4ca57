"""Completions are kept as they are finished: a sampler killed halfway goes on without asking again.

One line of JSON a conversation, appended and synced before the next piece is drawn:

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
        if len(whole) < len(content):  # a kill cut the last line short; the next must not be glued to it
            os.truncate(path, len(whole))
        for line in whole.splitlines():
            try:
                entry = json.loads(line)
                self.known[entry["key"]] = [Completion(*values) for values in entry["completions"]]
            except (ValueError, KeyError, TypeError):
                continue  # a damaged line is a conversation to be asked again

    def append(self, entries: dict[str, list[Completion]]) -> None:
        """Keep completions by key; they are on the disk when this returns."""
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
    """A sampler whose finished completions are read back from a journal instead of being drawn again."""

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
            log.info("sampling resumes: %d of %d prompts were finished before", len(kept), len(keys))
            yield kept
        done = {*done, *kept}
        if len(done) == len(keys):
            return
        for piece in self.sampler.draw(conversations, sampling, seed, done):
            new = {number: completions for number, completions in piece.items() if number not in done}
            self.journal.append({keys[number]: completions for number, completions in new.items()})
            yield new

    def _keys(self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int) -> Iterator[str]:
        """What decides a conversation's completions. A question asked twice is to be answered twice."""
        common = [self.source, sampling.model_dump(), seed]
        times: Counter[str] = Counter()
        for conversation in conversations:
            asked = json.dumps([*common, conversation], sort_keys=True)
            yield hashlib.sha256(f"{asked}\0{times[asked]}".encode()).hexdigest()
            times[asked] += 1
