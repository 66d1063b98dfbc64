"""The cheapest fleet for a stream of requests: proven without queues, then searched with them."""

import numpy as np

from cosearch import Study, make_problem

RATE, BUDGET = 6.0, 120


def main() -> None:
    # Without bursts and queues, integer programming proves what the cheapest mix is.
    simple = make_problem("llm-fleet", rate=RATE)
    best = simple.optimum()
    counts = {kind: count for kind, count in simple.counts(simple.optimal_design()).items() if count}
    print(f"loads alone: {best.usd_per_hour:.2f} USD/h with {counts}, proven: {best.proven}")

    # With them, and with everything else that a fleet may be, it is a search.
    problem = make_problem(
        "llm-serving",
        model="llama-3.1-8b",
        lengths="sharegpt4",
        rate=RATE,
        seconds=90.0,
        warmup_s=10.0,
        ttft_level_ms=2000.0,
        tpot_level_ms=100.0,
        objectives=["usd_per_hour:min"],
    )
    study = Study.create(problem, "nsga2", budget=BUDGET, seed=0)
    found = study.run()
    kept = found.outcomes.ok & (found.outcomes["attainment"] >= 0.99)
    row = int(np.flatnonzero(kept)[np.argmin(found.outcomes["usd_per_hour"][kept])])
    design, outcome = found.designs[row], found.outcomes.row(row)
    print(f"with queues: {outcome['usd_per_hour']:.2f} USD/h, attainment {outcome['attainment']:.1%}")
    print(
        {
            name: value
            for name, value in design.items()
            if name in ("device", "tp", "instances", "disaggregated")
        }
    )


if __name__ == "__main__":
    main()
