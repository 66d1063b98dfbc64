"""Machines that were published, as numbers: what the tests hold the mechanisms of tiers against."""

from __future__ import annotations

from cosearch_simulators.llm.devices import GIB
from cosearch_simulators.llm.machines import Machine, Tier, bank_bandwidth

HBM2_PJ_PER_BIT, GDDR_PJ_PER_BIT = 3.9, 14.0
"""O'Connor et al., "Fine-grained DRAM", MICRO 2017."""


def neupims(
    inside: bool = True, blocked: bool = False, interleaved: bool = True
) -> tuple[Machine, tuple[Tier]]:
    """NeuPIMs' NPU and its HBM, or the same as its authors' baselines.

    From the simulator's own configuration (casys-kaist/NeuPIMs: `systolic_ws_128x128_dev.json`,
    `neupims.json`, `HBM2_8Gb_x128_dualpim.ini`): 8 arrays of 128 x 128 and 8 vector units of 128 at 1 GHz, 32
    channels of 64 bytes every 2 ns and of 32 banks with 16 multipliers each, rows of 1 KiB, tRP and tRCD 14
    ns, tCCD_L 2 ns, tFAW 30 ns. The chips' own link is not published; A100's is taken for it.

    Args:
        inside: whether attention is done in the banks; NPU-only where not.
        blocked: whether a bank has one row buffer (the naive NPU+PIM).
        interleaved: whether two sub-batches take turns.
    """
    channels, banks = 32, 32
    within = channels * bank_bandwidth(banks, 1024, 32, 28, 2, window_ns=30, overlapped=not blocked)
    memory = Tier(
        capacity_bytes=32 * GIB,
        bandwidth=channels * 32e9,
        pj_per_bit=HBM2_PJ_PER_BIT,
        inside_bandwidth=within if inside else 0.0,
        inside_rate=2.0 * channels * banks * 16 * 0.5e9,
        inside_pj_per_bit=HBM2_PJ_PER_BIT / 2,
        inside=float(inside),
        blocked=float(blocked),
    )
    machine = Machine(
        arrays=8.0,
        side=128.0,
        clock_ghz=1.0,
        lanes=1024.0,
        sram_bytes=134218 * 1024.0,
        launch_s=0.0,
        link=300e9,
        interleaved=float(interleaved),
    )
    return machine, (memory,)


def pim_gpt(inside: bool = True) -> tuple[Machine, tuple[Tier]]:
    """PIM-GPT (arXiv 2310.09385): a small chip for what is no product, all products in the banks of GDDR6.

    As SK hynix's AiM (Kwon et al., ISSCC 2022): a channel has 16 banks of 16 multipliers at 1 GHz beside 16
    pins at 16 Gb/s; 8 channels. Without `inside` the same memory is read by the chip.
    """
    channels, banks = 8, 16
    memory = Tier(
        capacity_bytes=8 * 0.5 * GIB,
        bandwidth=channels * 32e9,
        pj_per_bit=GDDR_PJ_PER_BIT,
        inside_bandwidth=channels * bank_bandwidth(banks, 2048, 32, 36, 1) if inside else 0.0,
        inside_rate=2.0 * channels * banks * 16 * 1e9,
        inside_pj_per_bit=GDDR_PJ_PER_BIT / 4,
        inside=2.0 * inside,
    )
    machine = Machine(
        arrays=1.0,
        side=64.0,
        clock_ghz=1.0,
        lanes=256.0,
        sram_bytes=128 * 1024.0,
        launch_s=0.0,
        fused=1.0,
    )
    return machine, (memory,)


def cambricon_llm(
    dies: int = 512, channels: int = 32, inside: bool = True
) -> tuple[Machine, tuple[Tier, Tier]]:
    """Cambricon-LLM (arXiv 2409.15654): an NPU, LPDDR for the cache, flash whose dies multiply.

    Its abstract gives the tokens a second; the geometry of its largest configuration could not be read here
    and is assumed: `dies` that each read and multiply a page of 16 KiB in 30 us (typical of a die of TLC
    NAND), on `channels` of 1 GB/s. Without `inside` weights come over the channels alone, as flash
    offloading has it.
    """
    cache = Tier(capacity_bytes=1 * GIB, bandwidth=51.2e9, pj_per_bit=4.0)
    flash = Tier(
        capacity_bytes=512 * GIB,
        bandwidth=channels * 1e9,
        pj_per_bit=10.0,
        inside_bandwidth=dies * 16384 / 30e-6 if inside else 0.0,
        inside_rate=dies * 2.0 * 16384 / 30e-6,
        inside_pj_per_bit=2.0,
        inside=2.0 * inside,
    )
    machine = Machine(arrays=1.0, side=64.0, clock_ghz=1.0, lanes=256.0, sram_bytes=2.0 * (1 << 20))
    return machine, (cache, flash)


def sn40l(fused: bool = True) -> tuple[Machine, tuple[Tier, Tier]]:
    """SambaNova SN40L (arXiv 2405.07518), one socket of eight: 638 TFLOPS, 520 MiB, 64 GiB of HBM, DDR5.

    1,040 units that are modelled as arrays of 12 x 12 at 2.1 GHz. HBM of 2 TB/s, DDR of 1.5 TiB; a node's
    eight sockets bring models from DDR at over 1 TB/s (Prabhakar's seminar at IISc, 2024): 125 GB/s each.
    Without `fused` each operator is a kernel of its own.
    """
    hbm = Tier(capacity_bytes=64 * GIB, bandwidth=2e12, pj_per_bit=HBM2_PJ_PER_BIT)
    ddr = Tier(capacity_bytes=1536 * GIB, bandwidth=125e9, pj_per_bit=GDDR_PJ_PER_BIT)
    machine = Machine(
        arrays=1040.0,
        side=12.1,
        clock_ghz=2.095,
        lanes=1040 * 32.0,
        sram_bytes=520.0 * (1 << 20),
        fused=float(fused),
        cache_first=1.0,
        link=100e9,
    )
    return machine, (hbm, ddr)
