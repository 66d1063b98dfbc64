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

    def tell(self, results):
        values = minimised(self.objectives, results.outcomes)
        met = feasible(self.constraints, results.outcomes)
        found = [*self.front, *compress(zip(results.designs, values, strict=True), met)]
        self.front = list(compress(found, pareto_mask([values for _, values in found])))


@hookimpl
def cosearch_agents():
    return [NeighbourSearch]


if __name__ == "__main__":
    import sys

    from cosearch import Study, make_problem, register

    register(sys.modules[__name__])
    problem = make_problem("dram-controller", workload="random:requests=2000")
    study = Study.create(problem, "neighbour-search", budget=200)
    found = study.run()
    print(f"{len(study.pareto_front().designs)} Pareto designs of {len(found.designs)}")
