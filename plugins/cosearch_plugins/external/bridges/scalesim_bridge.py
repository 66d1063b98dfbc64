"""One product on one array by SCALE-Sim, through its own classes, without traces."""

from __future__ import annotations

from typing import Any

import numpy as np
from scalesim.layout_utils import layouts
from scalesim.memory import double_buffered_scratchpad_mem, read_buffer
from scalesim.scale_config import scale_config
from scalesim.single_layer_sim import single_layer_sim
from scalesim.topology_utils import topologies

OFFSETS = (0, 10_000_000_000, 20_000_000_000)
"""First addresses of inputs, weights and outputs, too far apart to touch."""


def _largest(*values: Any) -> Any:
    found = max(*values)
    return found.item() if isinstance(found, np.ndarray) else found


# SCALE-Sim 3.0.0 writes int(max(column)) of an (n, 1) array, which NumPy refuses from 2.4 on: two of its
# modules get a `max` that returns the number, and say what they say with an older NumPy.
for _module in (double_buffered_scratchpad_mem, read_buffer):
    vars(_module)["max"] = _largest


def run(job: dict[str, Any]) -> dict[str, float]:
    """Cycles, words and stalls of the product."""
    config = scale_config()
    config.run_name = "layer"
    config.array_rows, config.array_cols = job["rows"], job["columns"]
    config.ifmap_sz_kb, config.filter_sz_kb, config.ofmap_sz_kb = (
        job[f"{operand}_words"] / 1024 for operand in ("inputs", "weights", "outputs")
    )
    config.ifmap_offset, config.filter_offset, config.ofmap_offset = OFFSETS
    config.df = job["dataflow"]
    config.use_user_bandwidth = True
    config.bandwidths = [job["outputs_bandwidth"]]
    config.ifmap_sram_bank_bandwidth = job["inputs_bandwidth"]
    config.filter_sram_bank_bandwidth = job["weights_bandwidth"]
    config.ifmap_sram_bank_num = config.filter_sram_bank_num = 1
    config.ifmap_sram_bank_port = config.filter_sram_bank_port = 2
    config.force_valid()
    m, n, k = job["m"], job["n"], job["k"]
    topology = topologies()
    topology.append_topo_arrays("layer", ["layer", m, k, 1, k, 1, n, 1, 1, 1, 1])
    topology.num_layers, topology.topo_load_flag = 1, True
    topology.set_spatio_temporal_params()
    layer = single_layer_sim()
    layer.memory_system = double_buffered_scratchpad_mem.double_buffered_scratchpad()
    layer.set_params(
        layer_id=0, config_obj=config, topology_obj=topology, layout_obj=layouts(), verbose=False
    )
    layer.run()
    layer.calc_report_data()
    return {
        name: float(value)
        for name, value in {
            "total_cycles": layer.total_cycles,
            "stall_cycles": layer.stall_cycles,
            "prefetch_cycles": -min(layer.ifmap_dram_start_cycle, layer.filter_dram_start_cycle),
            "overall_cycles": layer.overall_cycles,
            "mapping_efficiency": layer.mapping_eff / 100,
            "sram_inputs_reads": layer.ifmap_sram_reads,
            "sram_weights_reads": layer.filter_sram_reads,
            "sram_outputs_writes": layer.ofmap_sram_writes,
            "dram_inputs_reads": layer.ifmap_dram_reads,
            "dram_weights_reads": layer.filter_dram_reads,
            "dram_outputs_writes": layer.ofmap_dram_writes,
        }.items()
    }
