"""Network and hardware searched together: strategies at equal budget, beside the best fixed hardware.

    python examples/joint_search.py --budget 400 --seeds 5 --html joint.html

The page compares the strategies, with intervals over seeds, and draws accuracy against latency by hardware.
"""

import argparse

from cosearch import Store, Study, make_problem
from cosearch.report import write_report

GOAL = {"objectives": ["top1:max", "latency_ns:min"], "constraints": ["area_mm2<=2"]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", default="steady-nsga2")
    parser.add_argument("--budget", type=int, default=40, help="designs of each study")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--fixed", type=int, default=2, help="how many hardware designs are tried fixed")
    parser.add_argument(
        "--fidelity", default="bound", help="`mapper` maps every layer: 10 ms for each design"
    )
    parser.add_argument("--html", help="the page to write")
    options = parser.parse_args()
    store = Store.in_memory()

    def search(agent, seed, hardware=None):
        problem = make_problem("cnn-accelerator", **GOAL)
        problem.space = problem.space.hold(hardware or {})
        how = {"budget": options.budget, "fidelity": options.fidelity, "store": store}
        study = Study.create(problem, agent, seed=seed, **how)
        study.run()
        return study.pareto_front()

    fronts = []
    for strategy in ("joint", "alternating", "successive", "hierarchical"):
        agent = options.agent if strategy == "joint" else f"{strategy}:{options.agent}"
        fronts += [search(agent, seed) for seed in range(options.seeds)]
        best = [f"{front.outcomes['top1'].max():.2f}" for front in fronts[-options.seeds :]]
        print(f"{strategy}: best top-1 {', '.join(best)} %")

    # Hardware from one end of the fronts to the other, each with a search of network and precision alone.
    found = [(front.outcomes["latency_ns"][i], d) for front in fronts for i, d in enumerate(front.designs)]
    found.sort(key=lambda pair: pair[0])
    step = max(1, len(found) // options.fixed)
    for _, design in found[step // 2 :: step][: options.fixed]:
        hardware = {name: value for name, value in design.items() if name.startswith("hardware.")}
        front = search(options.agent, 0, hardware)
        best = front.outcomes["top1"].max()
        print(f"fixed hardware {', '.join(map(str, hardware.values()))}: best top-1 {best:.2f} %")

    if options.html:
        write_report(store, options.html, pictures=False)
        print(f"wrote {options.html}")


if __name__ == "__main__":
    main()
