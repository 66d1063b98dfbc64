"""An agent in twenty lines: it looks around the designs that nothing has beaten yet."""

from itertools import compress

from cosearch import Agent, hookimpl
from cosearch.objectives import feasible, minimised
from cosearch.pareto import pareto_mask


class NeighbourSearch(Agent):
    """Asks for neighbours of a random Pareto design."""

    name = "neighbour-search"
    batch_size = 16
    front = ()

    def ask(self, n):
        if not self.front:
            return self.space.sample(n, self.rng)
        near = self.space.neighbours(self.front[self.rng.integers(len(self.front))][0])
        return near[self.rng.permutation(len(near))[:n]]

    def tell(self, designs, outcomes):
        told = zip(designs, minimised(self.objectives, outcomes), strict=True)
        found = [*self.front, *compress(told, feasible(self.constraints, outcomes))]
        self.front = list(compress(found, pareto_mask([values for _, values in found])))


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
