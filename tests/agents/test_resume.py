"""A study that was interrupted and resumed asks and finds the same as one that was not, for every agent."""

from __future__ import annotations

import numpy as np
import pytest
from matrix_engine import MatrixEngine

from cosearch import Study, hookimpl
from cosearch.registry import registry

SETTINGS = {
    "random": {},
    "sobol": {},
    "nsga2": {"population": 12},
    "qlognehvi": {"initial": 12, "samples": 16, "starts": 32},
    "qlognparego": {"initial": 12, "samples": 8, "starts": 16},
    "saasbo": {"initial": 12, "samples": 8, "starts": 16},
    "morbo": {"initial": 12, "samples": 8, "starts": 16},
    "mf-qlognehvi": {"initial": 12, "samples": 8, "starts": 16},
    "ppo": {"episodes": 12, "minibatch": 12},
    "maskable-ppo": {"episodes": 12, "minibatch": 12},
    "auto": {},
    "exhaustive": {"levels": 3},
    "nsga3": {"population": 12},
    "sms-emoa": {"population": 12},
    "mixed-ga": {"population": 12},
    "cma-es": {},
    "moead": {"initial": 8},
    "steady-nsga2": {"population": 10},
    "islands": {"initial": 8, "population": 6},
    "regularised-evolution": {"initial": 8, "population": 10},
    "annealing": {},
    "hill-climbing": {},
    "netadapt": {},
    "ant-colony": {"initial": 8},
    "mcts": {},
    "nested-mcts": {},
    "gradient": {"starts": 8, "steps": 20},
    "tree-guided": {"trees": 16, "candidates": 64, "rounds": 1},
    "asha": {},
    "bohb": {},
    "hyperband": {},
    "successive-halving": {},
    "optuna-tpe": {},
    "optuna-nsga2": {},
    "recurrent-ppo": {"episodes": 12, "minibatch": 12, "epochs": 2},
    "multi-agent-ppo": {"episodes": 12, "minibatch": 12},
    "a2c": {"episodes": 12},
    "reinforce": {"episodes": 12},
    "dqn": {"episodes": 12, "minibatch": 12, "gradient_steps": 1},
    "sac": {"episodes": 12, "minibatch": 12, "gradient_steps": 1},
}


class Plugin:
    """Registers the matrix engine for this process."""

    @hookimpl
    def cosearch_problems(self):
        return [MatrixEngine]


@pytest.fixture(autouse=True, scope="module")
def _registered():
    if MatrixEngine.name not in registry().problems:
        registry().register(Plugin(), "matrix-engine-of-the-tests")


def created(agent, store, batch_size=None):
    return Study.create(
        MatrixEngine(),
        agent,
        budget=40,
        seed=3,
        agent_settings=SETTINGS[agent],
        store=store,
        batch_size=batch_size,
    )


@pytest.mark.parametrize("agent", SETTINGS)
def test_an_interrupted_study_ends_like_an_uninterrupted_one(agent, tmp_path):
    batch_size = 12 if agent in ("random", "sobol") else None
    whole = created(agent, tmp_path / "whole.db", batch_size).run()

    def interrupt(progress):
        if progress.evaluations >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        created(agent, tmp_path / "parts.db", batch_size).run(interrupt)
    parts = Study.resume(tmp_path / "parts.db").run()
    assert len(whole.designs) == 40
    assert parts.designs.keys() == whole.designs.keys()
    assert np.array_equal(parts.told, whole.told)


@pytest.mark.parametrize("evaluations", [7, 24])
@pytest.mark.parametrize("agent", ["annealing", "islands"])
def test_what_was_evaluated_and_not_told_keeps_its_number(agent, evaluations, tmp_path):
    """Both share results out by the numbers of trials."""
    whole = created(agent, tmp_path / "whole.db", None).run()
    study = created(agent, tmp_path / "parts.db", None)

    def stop(study, results):
        if results.number.max() + 1 >= evaluations:
            study.stop()

    study.run(callbacks=[stop])
    parts = Study.resume(tmp_path / "parts.db").run()
    assert parts.designs.keys() == whole.designs.keys()


@pytest.mark.parametrize("agent", ["random", "sobol"])
def test_a_stream_goes_on_where_whole_blocks_of_it_were_told(agent, tmp_path):
    """A stream comes in blocks of 256; one of which all was told is no sign that the space is used up."""
    whole = Study.create(MatrixEngine(), agent, budget=600, seed=3).run()
    Study.create(MatrixEngine(), agent, budget=320, seed=3, store=tmp_path / "study.db").run()
    parts = Study.resume(tmp_path / "study.db", budget=600).run()
    assert parts.designs == whole.designs
    assert parts.told.tolist() == whole.told.tolist()
