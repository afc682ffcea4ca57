"""The endpoint engine and the journal, against a tiny server on the loopback."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from r1.config.sampling import OpenaiEngineConfig, SamplingConfig
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.sampling import open_sampler
from r1.sampling.fitting import ContextExceeded
from r1.sampling.interface import Completion, Conversation, Drawn, Sampler, chunks
from r1.sampling.journal import Journal, Resumed
from r1.sampling.openai_engine import EndpointError, OpenaiSampler
from r1.support.errors import ConfigurationError
from tests.conftest import ROOT, compose

pytestmark = pytest.mark.slow

UNUSED = Policy(Path("unused"))
"""An endpoint samples what it serves."""
KEY = "sk-no-real-key-0123456789"
WARM = SamplingConfig(temperature=1.0, top_p=0.9, max_new_tokens=12, num_samples=3)
QUESTIONS = [as_messages(f"What is {n} + 1?") for n in range(12)]
Answer = tuple[int, dict[str, Any] | bytes]


def chat(text: str | None, finish: str = "stop", tokens: int = 5, **message: Any) -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return 200, {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": tokens, "total_tokens": 99}}


def refusal(status: int, message: str, **more: Any) -> Answer:
    return status, {"error": {"message": message, **more}}


class Endpoint:
    """What the server was asked, and what it is to answer."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = self.most = 0
        self.lock = threading.Lock()
        self.models = ["tiny"]
        self.answer: Callable[[dict[str, Any], int], Answer] = lambda body, nth: chat(
            f"{body['messages'][-1]['content']} {body.get('seed')}"
        )
        self.url = ""

    def engine(self, **changed: Any) -> OpenaiEngineConfig:
        values = {
            "name": "openai", "base_url": self.url, "model": "tiny", "api_key_env": None, "seeded": True,
            "max_concurrency": 4, "timeout": 20.0, "retries": 2,
        }  # fmt: skip
        return OpenaiEngineConfig.model_validate(values | changed)

    def sampler(self, **changed: Any) -> OpenaiSampler:
        return OpenaiSampler(self.engine(**changed))


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    state = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply((200, {"object": "list", "data": [{"id": name, "object": "model"} for name in state.models]}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with state.lock:
                nth = sum(earlier == body for earlier in state.asked)
                state.asked.append(body)
                state.headers.append({name.lower(): value for name, value in self.headers.items()})
                state.under_way += 1
                state.most = max(state.most, state.under_way)
            answer = state.answer(body, nth)
            with state.lock:
                state.under_way -= 1
            self.reply(answer)

        def reply(self, answer: Answer) -> None:
            status, content = answer
            sent = content if isinstance(content, bytes) else json.dumps(content).encode()
            with suppress(ConnectionError):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.send_header("retry-after-ms", "1")
                if status == 302:
                    self.send_header("Location", "http://192.0.2.1/")
                self.end_headers()
                self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield state
    server.shutdown()
    server.server_close()


def test_order_seeds_and_parameters(endpoint: Endpoint) -> None:
    def late(body: dict[str, Any], nth: int) -> Answer:  # the first questions are answered last
        time.sleep(0.02 * (1 + (body["seed"] * 7) % 5))
        return chat(f"{body['messages'][-1]['content']} {body['seed']}", tokens=body["seed"])

    endpoint.answer = late
    drawn = endpoint.sampler().sample(QUESTIONS, WARM, seed=100)
    for number, completions in enumerate(drawn):
        seeds = [100 + 3 * number + sample for sample in range(3)]
        assert completions == [Completion(f"What is {number} + 1? {seed}", seed, False) for seed in seeds]
    assert endpoint.most == 4, "as many as max_concurrency, and never more"
    # Requests of several connections may arrive in another order than they were sent.
    assert min(endpoint.asked, key=lambda body: body["seed"]) == {
        "model": "tiny", "messages": QUESTIONS[0], "temperature": 1.0, "top_p": 0.9, "max_tokens": 12, "seed": 100,
    }  # fmt: skip


def test_without_seeds(endpoint: Endpoint) -> None:
    endpoint.sampler(seeded=False).sample(QUESTIONS[:1], WARM, seed=100)
    assert len(endpoint.asked) == 3 and not any("seed" in body for body in endpoint.asked)


@pytest.mark.parametrize(
    ("conversation", "changed"),
    [(as_messages("What is 1 + 1?", "It is"), {}), (QUESTIONS[0], {"bad_words": ("wait",)})],
    ids=["a-begun-answer", "a-forbidden-word"],
)
def test_what_the_protocol_lacks_is_not_asked_for(
    endpoint: Endpoint, conversation: list[dict[str, str]], changed: dict[str, Any]
) -> None:
    with pytest.raises(EndpointError, match=r"neither forbids words .* nor continues a begun answer"):
        endpoint.sampler().sample([conversation], WARM.model_copy(update=changed), seed=0)
    assert not endpoint.asked


def test_greedy_asks_once(endpoint: Endpoint) -> None:
    drawn = endpoint.sampler().sample(QUESTIONS, WARM.model_copy(update={"temperature": 0.0}), seed=0)
    assert len(endpoint.asked) == len(QUESTIONS)
    assert all(len(completions) == 3 and len(set(completions)) == 1 for completions in drawn)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_retries(endpoint: Endpoint, status: int) -> None:
    endpoint.answer = lambda body, nth: refusal(status, "slow down") if nth < 2 else chat("x")
    assert endpoint.sampler().sample(QUESTIONS[:2], WARM, 0) == [[Completion("x", 5, False)] * 3] * 2
    assert len(endpoint.asked) == 2 * 3 * 3
    endpoint.asked.clear()
    with pytest.raises(EndpointError, match=rf"^http://\S+ returned {status} after 1 retries: slow down$"):
        endpoint.sampler(retries=1, max_concurrency=1).sample(QUESTIONS, WARM, 0)
    assert len(endpoint.asked) == 2


@pytest.mark.parametrize(
    ("answer", "completion"),
    [
        (chat("4", "length", 12), Completion("4", 12, True)),
        (chat("4", "content_filter"), Completion("4", 5, True)),
        (chat(None, "length", 12, reasoning_content="so"), Completion("<think>so", 12, True)),
        (chat("4", "length", 12, reasoning_content="so"), Completion("<think>so</think>4", 12, True)),
        (chat("\n\n4", reasoning_content="\nso\n"), Completion("<think>\nso\n</think>\n\n4", 5, False)),
        (chat("4", reasoning="so", reasoning_content=None), Completion("<think>so</think>4", 5, False)),
        (chat("", reasoning="so"), Completion("<think>so</think>", 5, False)),
        (chat("<think>so</think>4", reasoning_content=None), Completion("<think>so</think>4", 5, False)),
        ((200, b"\n\n" + json.dumps(chat("4")[1]).encode()), Completion("4", 5, False)),  # DeepSeek keeps alive so
    ],
)
def test_what_is_read_of_an_answer(endpoint: Endpoint, answer: Answer, completion: Completion) -> None:
    endpoint.answer = lambda body, nth: answer
    assert endpoint.sampler().sample(QUESTIONS[:1], WARM, 0) == [[completion] * 3]


def without(key: str) -> Answer:
    status, body = chat("4")
    assert isinstance(body, dict)
    return status, {name: value for name, value in body.items() if name != key}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, b"<html>Bad gateway</html>"), "returned no valid chat completion: response: Invalid JSON"),
        ((200, b""), "returned no valid chat completion: response: Invalid JSON"),
        ((200, {"choices": []} | {"usage": {"completion_tokens": 1}}), "choices: List should have at least 1 item"),
        (without("usage"), "returned no valid chat completion: usage: Field required"),
        (without("choices"), "returned no valid chat completion: choices: Field required"),
        ((302, b""), "returned 302"),
        (refusal(401, f"Incorrect API key provided: {KEY}"), "needs an API key (401): set api_key_env"),
        (refusal(404, "The model `tiny` does not exist."), "does not know the model 'tiny' or the address (404): The"),
        (refusal(402, "Insufficient Balance"), "returned 402: Insufficient Balance"),
        (refusal(400, "top_p:\nno"), "returned 400: top_p: no"),
    ],
)
def test_errors_have_one_line(endpoint: Endpoint, answer: Answer, words: str) -> None:
    endpoint.answer = lambda body, nth: answer
    with pytest.raises(EndpointError) as raised:
        endpoint.sampler(max_concurrency=1).sample(QUESTIONS, WARM, 0)
    message = str(raised.value)
    assert words in message and "\n" not in message and KEY not in message
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 256 tokens. However, you requested 300 tokens",
        {"message": "too long", "code": "context_length_exceeded"},
    ],
)
def test_prompts_refused_as_too_long_are_dropped(
    endpoint: Endpoint, message: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = (400, message if isinstance(message, dict) else {"error": {"message": message}})
    answer = endpoint.answer
    endpoint.answer = lambda body, nth: refused if "is 7" in str(body["messages"]) else answer(body, nth)
    engine = endpoint.engine(max_concurrency=4)
    drawn = open_sampler(UNUSED, engine, tmp_path).sample(QUESTIONS, WARM, 0)
    long = ["is 7" in question[-1]["content"] for question in QUESTIONS]
    assert any(long) and [not completions for completions in drawn] == long
    assert {len(completions) for completions in drawn} == {0, WARM.num_samples}
    said = f"{sum(long)} of {len(QUESTIONS)} prompts are dropped, as a prompt does not fit with max_new_tokens = 12"
    assert said in " ".join(capsys.readouterr().out.split())
    assert open_sampler(UNUSED, engine, tmp_path).sample(QUESTIONS, WARM, 0) == drawn

    endpoint.answer = lambda body, nth: refused
    with pytest.raises(ContextExceeded, match=r"max_new_tokens = 12, says http.*'What is 0 \+ 1\?'\)$"):
        endpoint.sampler(max_concurrency=1).sample(QUESTIONS, WARM, 0)


def test_the_only_model_is_found(endpoint: Endpoint) -> None:
    assert endpoint.sampler(model=None).source == f"tiny at {endpoint.url}"
    endpoint.models = ["a", "b"]
    with pytest.raises(EndpointError, match=r"lists 2 models \(a, b\): set `model`"):
        endpoint.sampler(model=None)
    endpoint.models = []
    with pytest.raises(EndpointError, match=r"lists 0 models \(none\)"):
        endpoint.sampler(model=None)


def test_nobody_there() -> None:
    engine = Endpoint().engine(base_url="http://127.0.0.1:1/v1", model=None, retries=0)
    with pytest.raises(
        EndpointError, match=r"^http://127.0.0.1:1/v1 cannot be reached \(.+\): is the server running\?$"
    ):
        OpenaiSampler(engine)


def test_a_silent_endpoint(endpoint: Endpoint) -> None:
    def slow(body: dict[str, Any], nth: int) -> Answer:
        time.sleep(1)
        return chat("x")

    endpoint.answer = slow
    with pytest.raises(EndpointError, match=r"did not respond within timeout = 0\.2 s"):
        endpoint.sampler(timeout=0.2, retries=0).sample(QUESTIONS, WARM, 0)


def test_the_key_is_sent_and_never_said(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY + "\n")
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "of-another-account")
    engine = endpoint.engine(api_key_env="TEACHER_KEY")
    open_sampler(UNUSED, engine, tmp_path).sample(QUESTIONS[:1], WARM, 0)
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "of-another-account" not in str(endpoint.headers)
    assert KEY not in repr(engine) + (tmp_path / "completions.jsonl").read_text()

    for status, words in ((401, r"rejects the API key in TEACHER_KEY \(401\)$"), (400, r"returned 400: wrong: \*\*\*")):
        endpoint.answer = lambda body, nth, status=status: refusal(status, f"wrong: {KEY}")  # type: ignore[misc]
        with pytest.raises(EndpointError, match=words):
            OpenaiSampler(engine).sample(QUESTIONS, WARM, 0)
    out, err = capfd.readouterr()
    assert KEY not in out + err

    monkeypatch.setenv("TEACHER_KEY", f"{KEY}\n{KEY}")
    with pytest.raises(EndpointError, match=r"^api_key_env = 'TEACHER_KEY': its value cannot be an API key$"):
        OpenaiSampler(engine)
    monkeypatch.delenv("TEACHER_KEY")
    with pytest.raises(EndpointError, match="'TEACHER_KEY': this environment variable is not set"):
        OpenaiSampler(engine)


# --- configuration ------------------------------------------------------------

OPENAI = "engine@rejection_sampling.engine=openai"


@pytest.mark.parametrize(
    ("override", "words", "secret"),
    [
        ("base_url=https://api.deepseek.com/v1", "is not on this machine, and offline is true", ""),
        ("base_url=http://127.0.0.1.evil.example/v1", "is not on this machine", ""),
        ("base_url=http://localhost@evil.example/v1", "holds a user", "evil"),
        (f"base_url=http://me:{KEY}@127.0.0.1/v1", "holds a user", KEY),
        (f"'base_url=\"http://127.0.0.1/v1?key={KEY}\"'", "holds a user, a query", KEY),
        ("base_url=127.0.0.1:8000", "must look like http://", ""),
        ("base_url=ftp://127.0.0.1", "must look like http://", ""),
        (f"api_key_env={KEY}", "api_key_env: must be the NAME of an environment variable", KEY),
    ],
)
def test_an_impossible_endpoint_is_refused_without_its_secret(override: str, words: str, secret: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        compose(OPENAI, f"rejection_sampling.engine.{override}" if override[0] != "'" else
                f"rejection_sampling.engine.{override.strip(chr(39))}")  # fmt: skip
    message = str(raised.value)
    assert words in message and "rejection_sampling.engine" in message
    assert not secret or secret not in message


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "127.0.0.5:1", "\\[::1\\]:8000"])
def test_the_loopback_may_be_called_offline(host: str) -> None:
    engine = compose(OPENAI, f"rejection_sampling.engine.base_url='http://{host}/v1'".replace("\\", ""))
    assert isinstance(engine.rejection_sampling.engine, OpenaiEngineConfig) and engine.offline


def test_online_any_endpoint_may_be_called() -> None:
    compose(OPENAI, "offline=false", "rejection_sampling.engine.base_url=https://api.deepseek.com/v1")


# --- the journal --------------------------------------------------------------


def test_a_failed_run_goes_on_where_it_failed(endpoint: Endpoint, tmp_path: Path) -> None:
    undisturbed = endpoint.sampler().sample(QUESTIONS, WARM, 0)
    endpoint.asked.clear()
    answer = endpoint.answer
    endpoint.answer = lambda body, nth: refusal(400, "no") if "is 7" in str(body["messages"]) else answer(body, nth)
    with pytest.raises(EndpointError):
        open_sampler(UNUSED, endpoint.engine(), tmp_path).sample(QUESTIONS, WARM, 0)
    kept = len((tmp_path / "completions.jsonl").read_text().splitlines())
    assert kept >= 6
    endpoint.answer = answer
    endpoint.asked.clear()
    assert open_sampler(UNUSED, endpoint.engine(), tmp_path).sample(QUESTIONS, WARM, 0) == undisturbed
    assert len(endpoint.asked) == 3 * (len(QUESTIONS) - kept)
    endpoint.asked.clear()
    assert open_sampler(UNUSED, endpoint.engine(), tmp_path).sample(QUESTIONS, WARM, 0) == undisturbed
    assert not endpoint.asked
    for changed, seed in (({"temperature": 0.5}, 0), ({"num_samples": 2}, 0), ({}, 1)):
        endpoint.asked.clear()
        other = WARM.model_copy(update=changed)
        open_sampler(UNUSED, endpoint.engine(), tmp_path).sample(QUESTIONS, other, seed)
        assert len(endpoint.asked) == len(QUESTIONS) * other.num_samples


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on_where_it_was_killed(endpoint: Endpoint, tmp_path: Path, kill: signal.Signals) -> None:
    """Finished prompts are not asked again; Ctrl-C does not wait for the answers that are under way."""
    stuck, killed = threading.Event(), threading.Event()

    def until_killed(body: dict[str, Any], nth: int) -> Answer:
        if "is 8 " in str(body["messages"]) and not killed.is_set():
            stuck.set()
            killed.wait(30)
        return chat(f"{body['messages'][-1]['content']} {body['seed']}")

    endpoint.answer = until_killed
    code = (
        "import signal; from pathlib import Path; from tests.sampling.test_openai_engine import *\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job inherits that it is ignored
        f"e = Endpoint(); e.url = {endpoint.url!r}\n"
        f"open_sampler(UNUSED, e.engine(), Path({str(tmp_path)!r})).sample(QUESTIONS, WARM, 0)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE)
    assert stuck.wait(60)
    time.sleep(0.3)
    process.send_signal(kill)
    process.communicate(timeout=60)
    killed.set()
    journal = tmp_path / "completions.jsonl"
    kept = len(Journal(journal).known)
    assert 8 <= kept <= 11
    with journal.open("ab") as file:
        file.write(b'{"key": "abc", "completions": [["half')
    endpoint.asked.clear()
    drawn = open_sampler(UNUSED, endpoint.engine(), tmp_path).sample(QUESTIONS, WARM, 0)
    assert len(endpoint.asked) == 3 * (len(QUESTIONS) - kept)
    assert [[one.text for one in completions] for completions in drawn] == [
        [f"What is {number} + 1? {3 * number + sample}" for sample in range(3)] for number in range(len(QUESTIONS))
    ]
    assert len(Journal(journal).known) == len(QUESTIONS), "the half line harms no line after it"


def test_damaged_lines_are_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    journal.append({"a": [Completion("第\u2028\n", 1, True)], "b": []})
    path.write_bytes(b"\0\0\xff\n[1]\n7\n{}\n" + path.read_bytes() + b'{"key": "c", "completions": [[1]]}\n{"key"')
    assert Journal(path).known == journal.known
    assert path.read_bytes().endswith(b"}\n")


class Chunked(Sampler):
    """An in-process engine: chunks of three, each with a seed of its own; killed before a chunk if told to."""

    name = "chunked"

    def __init__(self, killed_at: int = -1, source: str = "m") -> None:
        self.killed_at, self.source = killed_at, source
        self.drawn: list[int] = []

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        for number, chunk in chunks(range(len(conversations)), 3, done):
            if number == self.killed_at:
                raise KeyboardInterrupt
            self.drawn.append(number)
            yield {
                index: [Completion(f"{seed + number} {index} {sample}", 1, False) for sample in range(3)]
                for index in chunk
            }


def test_pieces_of_an_engine_are_drawn_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    asked = [*QUESTIONS[:5], *QUESTIONS[:5]]  # questions asked twice are answered twice
    undisturbed = Chunked().sample(asked, WARM, 7)
    with pytest.raises(KeyboardInterrupt):
        Resumed(Chunked(killed_at=2), path).sample(asked, WARM, 7)
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 6
    path.write_bytes(b"".join(lines[:5]) + lines[5][:20])  # a chunk cut short: its first two prompts are whole
    again = Chunked()
    assert Resumed(again, path).sample(asked, WARM, 7) == undisturbed
    assert again.drawn == [1, 2, 3]
    keys = Counter(json.loads(line)["key"] for line in path.read_text().splitlines())
    assert len(keys) == len(asked) and set(keys.values()) == {1}
    other = Chunked(source="another model")
    Resumed(other, path).sample(asked, WARM, 7)
    assert other.drawn == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("text", "finish", "more", "restored"),
    [
        ("<answer>4", "stop", {"stop_reason": "</answer>"}, "<answer>4</answer>"),
        ("<answer>4", "stop", {"stop_reason": None}, "<answer>4"),  # vLLM: its end token
        ("<answer>4", "stop", {}, "<answer>4</answer>"),  # others do not say
        ("<answer>4</answer>", "stop", {}, "<answer>4</answer>"),
        ("I do not know.", "stop", {}, "I do not know."),
        ("<answer>4", "length", {}, "<answer>4"),
    ],
)
def test_the_stop_string_that_an_endpoint_drops_is_put_back(
    text: str, finish: str, more: dict[str, Any], restored: str, endpoint: Endpoint
) -> None:
    def answer(body: dict[str, Any], nth: int) -> Answer:
        status, content = chat(text, finish)
        assert isinstance(content, dict)
        content["choices"][0] |= more
        return status, content

    endpoint.answer = answer
    sampler = OpenaiSampler(endpoint.engine(), ["</answer>"])
    ((first, *_), *_) = sampler.sample(QUESTIONS[:1], WARM, 0)
    assert (first.text, first.truncated) == (restored, finish == "length")
    assert endpoint.asked[0]["stop"] == ["</answer>"]


def test_without_a_stop_string_none_is_sent(endpoint: Endpoint) -> None:
    endpoint.sampler().sample(QUESTIONS[:1], WARM, 0)
    assert "stop" not in endpoint.asked[0]
