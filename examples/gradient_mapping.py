"""Descend the gradient of a mapping's cost, round it, and compare with the mapper (DOSA's idea)."""

import numpy as np
import torch

from cosearch_simulators.accelerator.engines.continuous.cost import continuous_cost
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.accelerator.mapper import map_nests
from cosearch_simulators.accelerator.mapping.rounding import round_mapping
from cosearch_simulators.accelerator.system.architecture import preset
from cosearch_simulators.workloads import LoopNest

STARTS, STEPS = 16, 120


def main() -> None:
    chip = preset("shidiannao").compile()
    layer = LoopNest.of({"K": 64, "C": 64, "P": 28, "Q": 28, "R": 3, "S": 3})
    levels = len(chip.names)
    order = [[6, 7, 3, 4, 5, 2, 1, 0]] * levels  # loops of each level, innermost first: R S C P Q K N G
    array = torch.tensor((chip.table[:, 3] * chip.table[:, 4] > 1.0)[:, None])  # the levels with an array

    rng = np.random.default_rng(0)
    logs = [torch.tensor(rng.uniform(0.1, 1.0, (STARTS, levels, 8)), requires_grad=True) for _ in range(3)]
    optimizer = torch.optim.Adam(logs, lr=0.05)
    for step in range(STEPS):
        optimizer.zero_grad()
        factors = [torch.exp(logs[0]), torch.exp(logs[1] * array), torch.exp(logs[2] * array)]
        cost = continuous_cost(chip, layer, *factors, order)
        (torch.log(cost.edp) + 3 * cost.overflow).sum().backward()
        optimizer.step()
        with torch.no_grad():
            for log in logs:
                log.clamp_(min=0.0)
        if step % 40 == 0:
            print(f"step {step:3d}: median EDP {cost.edp.median().item():.3e} pJ cycles")

    whole = round_mapping(
        chip, layer, *(factor.detach().numpy() for factor in factors), order, imperfect=True
    )
    costs = evaluate([chip], [layer], whole)
    found = map_nests([chip], [layer], "edp").costs
    print(f"rounded: best EDP {(costs.energy_pj * costs.cycles).min():.3e} of {STARTS} starts, all valid")
    print(f"mapper:       EDP {(found.energy_pj * found.cycles)[0]:.3e}")


if __name__ == "__main__":
    main()
