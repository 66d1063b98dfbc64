"""One search by the rules of three engines: where their fronts agree, where they do not, and why."""

import numpy as np

from cosearch import Study, make_problem
from cosearch.objectives import minimised
from cosearch.pareto import pareto_mask

ENGINES = {
    "timeloop": "gives each layer its best mapping, and lets its loads, compute and stores overlap",
    "scalesim": "folds each layer on the array as it is, and sends every fold's sums to the memory",
    "npu": "folds alike, but keeps sums in the core, and tiles wait for the bus and each other",
}


def main() -> None:
    problems = {
        name: make_problem("accelerator", engine=name, workload="alexnet", bits=8) for name in ENGINES
    }
    common = problems["scalesim"].space  # what all three know: no registers to choose, three dataflows
    found = {}
    for problem in problems.values():
        problem.space = common
        study = Study.create(problem, "nsga2", budget=120, seed=1)
        study.run()
        found |= {repr(design): design for design in study.pareto_front().designs}
    designs = common.designs(list(found.values()))

    outcomes = {name: problem.evaluate(designs) for name, problem in problems.items()}
    able = np.all([found.ok for found in outcomes.values()], axis=0)
    print(
        f"{len(designs)} designs are on a front that a search found; {np.sum(~able)} cannot run everywhere:"
    )
    for name, result in outcomes.items():
        for reason in sorted({str(text).partition(":")[0] for text in result.reason if text}):
            print(f"  {name}: {reason}")

    values = {name: minimised(problems[name].objectives, result)[able] for name, result in outcomes.items()}
    on_front = {name: pareto_mask(points) for name, points in values.items()}
    print(f"of the other {np.sum(able)}")
    for name, mask in on_front.items():
        print(f"  {np.sum(mask):3d} are on the front of {name}, which {ENGINES[name]}")
    print(f"  {np.sum(np.all(list(on_front.values()), axis=0)):3d} are on all three fronts")

    apart = np.log([points[:, 1] for points in values.values()]).std(axis=0)
    for title, row in (("agree most", apart.argmin()), ("agree least", apart.argmax())):
        design = designs[int(np.flatnonzero(able)[row])]
        print(f"where they {title} on energy: {design['dataflow']}, {design['buffer_kib']} KiB of buffer")
        for name, points in values.items():
            print(f"  {name:9s}{points[row, 0] / 1e6:8.2f} ms {points[row, 1] / 1e9:8.2f} mJ")


if __name__ == "__main__":
    main()
