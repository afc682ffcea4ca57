"""Devices and how well they are used."""

from dataclasses import dataclass
from typing import Literal

DeviceName = Literal["h800", "h100", "a100", "cpu"]


@dataclass(frozen=True)
class Device:
    """One accelerator, or this machine.

    Attributes:
        flops: dense peak, FLOP/s; bfloat16 on a GPU, float32 on the CPU.
        memory: bytes.
        bandwidth: bytes per second between memory and compute.
        dollars: per hour.
        source: where these figures come from.
    """

    name: str
    flops: float
    memory: float
    bandwidth: float
    dollars: float
    source: str


DEVICES: dict[DeviceName, Device] = {
    "h800": Device(
        "H800 80GB", 989e12, 80e9, 3.35e12, 2.00, "H100's compute and memory; $2/h: arXiv 2412.19437, table 1"
    ),
    "h100": Device(
        "H100 SXM 80GB", 989e12, 80e9, 3.35e12, 3.78, "NVIDIA data sheet; Lambda on demand, May 2026 (techbytes.app)"
    ),
    "a100": Device(
        "A100 SXM 80GB", 312e12, 80e9, 2.039e12, 2.50, "NVIDIA data sheet; Modal, May 2026 (techbytes.app)"
    ),
    "cpu": Device("2 AMD AVX2 cores", 70e9, 24 * 2**30, 20e9, 0.0, "measured arithmetic; bandwidth assumed"),
}

MFU = 0.38
"""Share of the peak that training reaches: Llama 3's lowest published, 38 to 43 % (arXiv 2407.21783, table 4)."""

MBU = 0.6
"""Share of the bandwidth that decoding reaches: about 60 % measured for batch 1 on GPUs (Databricks, LLM Inference
Performance Engineering, 2023). An assumption for larger batches and for the CPU."""
