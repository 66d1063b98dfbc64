"""An agent in twenty lines: it looks around the designs that nothing has beaten yet."""

import numpy as np

from cosearch import Agent, Designs, hookimpl
from cosearch.objectives import feasible, minimised
from cosearch.pareto import pareto_mask


class NeighbourSearch(Agent):
    """Asks for neighbours of a random Pareto design."""

    name = "neighbour-search"
    batch_size = 16
    front = None

    def ask(self, n):
        if self.front is None or len(self.front) == 0:
            return self.space.sample(n, self.rng)
        near = self.space.neighbours(self.front[int(self.rng.integers(len(self.front)))])
        return near[self.rng.permutation(len(near))[:n]]

    def tell(self, designs, outcomes):
        meets = feasible(self.constraints, outcomes)
        values = minimised(self.objectives, outcomes)[meets]
        designs = designs[meets]
        if self.front is not None:
            designs, values = Designs.concat([self.front, designs]), np.concatenate([self.values, values])
        best = pareto_mask(values)
        self.front, self.values = designs[best], values[best]


@hookimpl
def cosearch_agents():
    return [NeighbourSearch]


if __name__ == "__main__":
    import sys

    from cosearch import make_problem, register
    from cosearch.study import Study

    register(sys.modules[__name__])
    problem = make_problem("dram-controller", workload="random:requests=2000")
    found = Study.create(problem, "neighbour-search", budget=200).run()
    front = pareto_mask(minimised(problem.objectives, found.outcomes))
    print(f"{front.sum()} Pareto designs of {len(found.designs)}")
