"""Devices, and the share of their peak that training and decoding reach."""

from dataclasses import dataclass
from typing import Literal

DeviceName = Literal["h800", "h100", "a100", "cpu"]


@dataclass(frozen=True)
class Device:
    """One accelerator, or this machine.

    Attributes:
        flops: dense peak in FLOP/s; bfloat16 on a GPU, float32 on the CPU.
        memory: bytes.
        bandwidth: memory bandwidth in bytes/s.
        link, network: bytes/s per device, one way, within a node and between nodes.
        dollars: price per hour.
        source: source of these figures.
    """

    name: str
    flops: float
    memory: float
    bandwidth: float
    link: float
    network: float
    dollars: float
    source: str

    @property
    def is_cpu(self) -> bool:
        """True for this machine, where vLLM takes a KV cache of a given size instead of a share of the memory."""
        return self is DEVICES["cpu"]


DEVICES: dict[DeviceName, Device] = {
    "h800": Device(
        *("H800 80GB", 989e12, 80e9, 3.35e12, 200e9, 50e9, 2.00),
        "compute and memory of an H100, NVLink at 400 GB/s both ways; price: arXiv 2412.19437, table 1",
    ),
    "h100": Device(
        *("H100 SXM 80GB", 989e12, 80e9, 3.35e12, 450e9, 50e9, 3.78),
        "NVIDIA data sheets (H100, DGX H100); price: Lambda on demand, May 2026 (techbytes.app)",
    ),
    "a100": Device(
        *("A100 SXM 80GB", 312e12, 80e9, 2.039e12, 300e9, 25e9, 2.50),
        "NVIDIA data sheets (A100, DGX A100); price: Modal, May 2026 (techbytes.app)",
    ),
    # Per core: 8 floats, 2 units, multiply and add, about 3 GHz. Matrices of the miniature's size measured 70e9 in all.
    "cpu": Device(
        *("2 AMD AVX2 cores", 2 * 32 * 3e9, 24 * 2**30, 20e9, 10e9, 1e9, 0.0),
        "AVX2 peak at 3 GHz; bandwidths are assumptions",
    ),
}

PER_NODE = 8
"""Devices per node; between nodes, traffic goes over the network."""

MFU = 0.38
"""Share of peak FLOP/s in training: the lowest published for Llama 3, 38 to 43 % (arXiv 2407.21783, table 4)."""

MBU = 0.6
"""Share of memory bandwidth in decoding: about 60 % measured at batch size 1 on GPUs (Databricks, LLM Inference
Performance Engineering, 2023). An assumption for larger batches and for the CPU."""
