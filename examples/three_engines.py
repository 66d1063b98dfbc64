"""One search by the rules of three engines: where their fronts agree, where they do not, and why."""

import numpy as np

from cosearch import Study, make_problem
from cosearch.objectives import minimised
from cosearch.pareto import pareto_mask

ENGINES = {
    "timeloop": "takes the best mapping of each layer, and lets its loads, compute and stores all overlap",
    "scalesim": "folds each layer on the array as it is, and sends partial sums of every fold to the memory",
    "npu": "folds alike, but keeps sums in the core, and tiles wait for the bus, the buffer and each other",
}


def main() -> None:
    problems = {
        name: make_problem("accelerator", engine=name, workload="alexnet", bits=8) for name in ENGINES
    }
    common = problems["scalesim"].space  # what all three know: no register is searched, and three dataflows
    for problem in problems.values():
        problem.space = common
    found = []
    for problem in problems.values():
        study = Study.create(problem, "nsga2", budget=120, seed=1)
        study.run()
        found += list(study.pareto_front().designs)
    designs = common.designs(list({repr(design): design for design in found}.values()))

    values = {n: minimised(p.objectives, p.evaluate(designs)) for n, p in problems.items()}
    on_front = {name: pareto_mask(points) for name, points in values.items()}
    print(f"{len(designs)} designs are on a front that one of the searches found; of these")
    for name, mask in on_front.items():
        flows = sorted(set(np.asarray(designs["dataflow"])[mask].tolist()))
        print(f"  {mask.sum():3d} are on the front of {name} ({', '.join(flows)}), which {ENGINES[name]}")
    print(f"  {np.all(list(on_front.values()), axis=0).sum():3d} are on all three fronts")

    spread = np.log([values[name][:, 1] for name in ENGINES]).std(axis=0)
    for title, row in (("agree most", spread.argmin()), ("agree least", spread.argmax())):
        design = designs[int(row)]
        print(f"where they {title} on energy: {design['dataflow']}, {design['buffer_kib']} KiB of buffer")
        for name in ENGINES:
            latency, energy, _ = values[name][row]
            print(f"  {name:9s}{latency / 1e6:8.2f} ms {energy / 1e9:8.2f} mJ")


if __name__ == "__main__":
    main()
