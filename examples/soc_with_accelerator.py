"""A system on a chip and the accelerator in it, searched as one design.

The stages of MobileNetV2 run on processors, on accelerators of their own, or on one array of this package,
whose rows, columns, buffer, clock and dataflow are searched with the rest. First cheaply, by what no mapping
goes below; then the best designs again with the mappings that are found.
"""

from __future__ import annotations

import numpy as np

from cosearch import Study
from cosearch_plugins.soc.soc import Soc


def main() -> None:
    problem = Soc(workload="mobilenet_v2", array=True, objectives=["latency_ns:min", "area_mm2:min"])
    study = Study.create(problem, "nsga2", budget=300, seed=0, fidelity="bound")
    study.run()
    designs = problem.space.designs(list(study.pareto_front().designs)[:6])
    judged = problem.evaluate(designs, fidelity="mapper")
    hosts = [parameter.name for parameter in problem.space if parameter.name.startswith("host_")]
    print("latency [ms]  area [mm2]  stages on the array  array")
    for i in np.argsort(judged["latency_ns"]).tolist():
        on_array = sum(designs[i][name] == "array" for name in hosts)
        size = f"{designs[i]['array_rows']} x {designs[i]['array_columns']}" if on_array else "none"
        latency_ms, area_mm2 = judged["latency_ns"][i] / 1e6, judged["area_mm2"][i]
        print(f"{latency_ms:12.3f}  {area_mm2:10.3f}  {on_array:19d}  {size}")


if __name__ == "__main__":
    main()
