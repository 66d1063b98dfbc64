"""Studies killed with SIGKILL at random moments lose and double nothing, whatever backend they run on."""

from __future__ import annotations

import pytest

from killed_studies import Count, Killing

# The kills that are made by `pytest --slow tests/gym/run/test_kills.py`, together a hundred.
HUNDRED = {
    ("inline", 1): 24,
    ("processes", 1): 18,
    ("processes", 2): 22,
    ("ray", 1): 16,
    ("ray", 2): 20,
}


def assert_nothing_lost(count: Count, kills: int) -> None:
    print(count)
    assert count.kills == kills
    assert count.while_running > kills / 2
    assert (count.lost, count.doubled, count.unfinished, count.other_end) == (0, 0, 0, 0)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_few_kills(tmp_path, workers):
    """Those of inline are in test_study.py, those of a Ray cluster in test_ray.py."""
    killing = Killing(tmp_path, {"backend": "processes", "workers": workers}, seed=workers)
    assert_nothing_lost(killing.kill(2), 2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("backend", "workers"), HUNDRED, ids=lambda value: str(value))
def test_a_hundred_kills(tmp_path, backend, workers):
    options = {"backend": backend, "workers": workers}
    if backend == "ray":
        cluster = pytest.importorskip("cosearch.run.ray_backend.cluster")
        ray = cluster._quiet()
        ray.init(num_cpus=2, object_store_memory=200 * 2**20, include_dashboard=False, log_to_driver=False)
        options["ray_address"] = ray.get_runtime_context().gcs_address
    try:
        kills = HUNDRED[backend, workers]
        assert_nothing_lost(Killing(tmp_path, options, seed=workers).kill(kills), kills)
    finally:
        if backend == "ray":
            ray.shutdown()
