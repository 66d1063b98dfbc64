"""What papers published of machines with several memories, and what our engine of tiers says of the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cosearch_simulators.llm import MODELS, Serving, platform_named, precision_code
from cosearch_simulators.llm import evaluate as evaluate_gpu
from cosearch_simulators.llm.devices import GIB
from cosearch_simulators.llm.engines.tiered.entry import evaluate
from cosearch_simulators.llm.machines import Machine, Tier
from cosearch_simulators.llm.models import dense
from cosearch_simulators.llm.published_machines import cambricon_llm, neupims, sn40l

GPT3_7B = dense(50257, 4096, 32, 32, 32, 128, 16384, matrices=2, longest=4096)

SHAREGPT = Serving(batch=512.0, prompt=80.0, output=296.0, tp=4.0)
"""NeuPIMs' largest batch with ShareGPT's mean lengths, its 7B model over four devices."""


def tokens_per_s(model: str, inside: bool) -> float:
    """Cambricon-LLM's, in 8 bits."""
    serving = Serving(prompt=512.0, output=512.0, precision=precision_code("int8"))
    return 1e3 / float(evaluate(MODELS[model], *cambricon_llm(inside=inside), serving)["tpot_ms"][0])


def dgx(gb_per_s: float) -> tuple[Machine, tuple[Tier, Tier]]:
    """A DGX as tiers: a GPU's memory and, over PCI Express, the host's."""
    machine, (hbm, ddr) = sn40l()
    host = replace(ddr, capacity_bytes=2048 * GIB, bandwidth=gb_per_s * 1e9)
    return machine, (replace(hbm, capacity_bytes=80 * GIB), host)


def switching_gain(gb_per_s: float) -> float:
    """Of SN40L's eight sockets over a DGX, 150 models of 7B."""
    serving, model = Serving(prompt=256.0, output=64.0), MODELS["llama-2-7b"]
    node = evaluate(model, *sn40l(), replace(serving, tp=8.0), models=150.0, switches=1.0)
    other = evaluate(model, *dgx(gb_per_s), serving, models=150.0, switches=1.0)
    return float(other["switch_ms"][0] / node["switch_ms"][0])


def step_ms(inside: bool, blocked: bool, interleaved: bool, serving: Serving = SHAREGPT) -> float:
    """A decode step on NeuPIMs' hardware, or on its authors' baselines."""
    machine = neupims(inside=inside, blocked=blocked, interleaved=interleaved)
    return float(evaluate(GPT3_7B, *machine, serving)["step_ms"][0])


def gpu_step_ms() -> float:
    """The same step on our calibrated A100s."""
    return float(evaluate_gpu(GPT3_7B, platform_named("a100_sxm"), SHAREGPT)["step_ms"][0])


@dataclass(frozen=True)
class Published:
    """A result: what it is, the paper's value, ours, and what differs."""

    what: str
    there: float
    here: float
    differs: str


def results() -> list[Published]:
    """All that are numbers."""
    ours = step_ms(True, False, True)
    small, large = tokens_per_s("llama-2-7b", True), tokens_per_s("llama-2-70b", True)
    near, far, gpu = switching_gain(64.0), switching_gain(32.0), gpu_step_ms() / ours
    flash = "the flash's geometry is assumed: 512 dies that read and multiply 16 KiB in 30 us"
    rates = "both sides take their whole rates"
    first = "first order, one batch of 512 with ShareGPT's mean lengths; the paper's mean is over many"
    return [
        Published("Cambricon-LLM, 7B, tokens/s (arXiv 2409.15654)", 36.34, small, flash),
        Published("Cambricon-LLM, 70B, tokens/s", 3.44, large, flash),
        Published("SN40L switching models, over DGX H100 (arXiv 2405.07518)", 15.0, near, rates),
        Published("SN40L switching models, over DGX A100", 31.0, far, rates),
        Published("NeuPIMs over a GPU (arXiv 2403.00579)", 3.0, gpu, first + "; our A100"),
        Published("NeuPIMs over the naive NPU and PIM", 1.6, step_ms(True, True, False) / ours, first),
    ]
