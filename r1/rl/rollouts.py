"""Check that vLLM can sample the rollouts, before a model is loaded; TRL would wait, or fail late."""

import json
import time
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import torch

from r1.config.sampling import RolloutConfig, TransformersRolloutConfig, VllmServerRolloutConfig
from r1.sampling.versions import check_versions
from r1.support.errors import UserError

SILENCE = 5.0
"""Timeout of a health check in seconds."""
DESCRIPTION = 120.0
"""Timeout of /server_info in seconds: vLLM lists its machine's packages along with its configuration."""


class ServerError(UserError):
    """The vLLM server for rollouts does not answer, or cannot receive the trainer's weights."""


def check_rollout(rollout: RolloutConfig) -> None:
    """Check the rollout engine against the installed packages and, if configured, against the running server.

    Raises:
        VersionMismatch: if the installed packages are incompatible.
        ServerError: if the configured server cannot serve this run.
        UserError: if vLLM is to sleep, which it cannot on a CPU.
    """
    if isinstance(rollout, TransformersRolloutConfig):
        return
    check_versions()
    if isinstance(rollout, VllmServerRolloutConfig):
        _check_server(rollout)
    elif rollout.sleep and not torch.cuda.is_available():
        raise UserError("rl.rollout.sleep = true: vLLM can sleep on a GPU only, and there is none; set it to false")


def _check_server(rollout: VllmServerRolloutConfig) -> None:
    here, shown = f"rl.rollout.base_url = {rollout.base_url!r}", "conf/rollout/vllm_server.yaml shows how to start one"
    end = time.monotonic() + rollout.timeout
    while isinstance(answer := _get(f"{rollout.base_url}/health", SILENCE), str):
        if time.monotonic() >= end:
            raise ServerError(
                f"{here}: no vLLM server answers within timeout = {rollout.timeout:g} s ({answer}); {shown}"
            )
        time.sleep(0.5)
    # TRL sends weights through the endpoints of development mode; without them it would fail at the first step.
    info = _get(f"{rollout.base_url}/server_info?config_format=json", DESCRIPTION)
    if isinstance(info, str):
        why = (
            "runs without VLLM_SERVER_DEV_MODE=1"
            if info.startswith("404")
            else f"does not answer /server_info ({info})"
        )
        raise ServerError(f"{here}: this server {why}, so it cannot receive weights; {shown}")
    if not info.get("vllm_config", {}).get("weight_transfer_config"):
        raise ServerError(
            f"{here}: this server runs without --weight-transfer-config, so it cannot receive weights; {shown}"
        )
    if not torch.cuda.is_available():
        raise ServerError(
            "rl.rollout.name = 'vllm_server': weights go to the server over NCCL, and the trainer has no GPU; "
            "choose rollout=vllm or rollout=transformers"
        )


def _get(url: str, seconds: float) -> dict[str, Any] | str:
    """The JSON object at a URL, empty if the response is none; or, as a string, why the request failed."""
    try:
        with urlopen(url, timeout=seconds) as response:
            content = response.read()
    except HTTPError as error:
        return f"{error.code} {error.reason}"
    except (URLError, HTTPException, OSError) as error:
        return str(getattr(error, "reason", error))
    try:
        answer = json.loads(content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
