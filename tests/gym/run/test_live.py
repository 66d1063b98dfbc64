"""A running search says in its store what it runs, and takes up designs that others ask for there."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest

from cosearch import Study
from cosearch.store import Store, live, locks
from small_problems import TwoSpheres


class Slow(TwoSpheres):
    """Takes a twentieth of a second for each design."""

    name = "slow-spheres"

    def simulate(self, designs, *, fidelity, seed):
        time.sleep(0.05 * len(designs))
        return super().simulate(designs, fidelity=fidelity, seed=seed)


def followed(path, budget=20, ask=(), **options):
    """Run a study, and what others see of it meanwhile."""
    store = Store.open(path, create=True)
    study = Study.create(Slow(), "uniform", budget=budget, store=store, name="one", **options)
    seen, done = [], threading.Event()

    def look():
        with Store.open(path) as other:
            for number, design in enumerate(ask, start=1):
                assert live.enqueue(other, study.record, design) == number
            while not done.is_set():
                found = live.doing(other, study.record)
                seen.extend([] if found is None else [found[1]])
                time.sleep(0.02)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        data = study.run()
    finally:
        done.set()
        watcher.join()
    return data, seen, store


@pytest.mark.parametrize(("options", "least"), [({}, 2), ({"batch_size": 1}, 4)])
def test_what_runs_can_be_read_by_others_and_is_gone_at_the_end(tmp_path, options, least):
    """Of designs that are run together, about a second's work, the first is shown."""
    data, seen, store = followed(tmp_path / "s.db", **options)
    evaluated = data.designs.to_dicts()
    shown = [one for state in seen for one in state["running"]]
    assert len({str(one["design"]) for one in shown}) >= least
    for one in shown:
        assert one["design"] in evaluated
    assert {state["workers"] for state in seen} == {1}
    assert all(0 <= one["seconds"] < 20 for one in shown)
    assert live.doing(store, data.record) is None
    store.close()


def test_a_design_that_others_ask_for_is_evaluated_once_and_within_the_budget(tmp_path):
    wish = {"x": -17, "y": 11, "shape": "square"}
    data, _, store = followed(tmp_path / "s.db", budget=40, ask=[wish, wish, {"x": 1}, {"nonsense": 1}])
    assert len(data.designs) == 40
    assert data.designs.to_dicts().count(wish) == 1
    assert [each.design for each in live.asked(store, data.record)][:2] == [wish, wish]
    store.close()


def test_what_a_study_was_asked_while_it_did_not_run_is_evaluated_when_it_goes_on(tmp_path):
    path, wish = tmp_path / "s.db", {"x": -17, "y": 11, "shape": "square"}
    Study.create(TwoSpheres(), "uniform", budget=10, store=path, name="one").run()
    with Store.open(path) as store:
        assert live.enqueue(store, store.study(), wish) == 1
    data = Study.resume(path, "one", budget=20).run()
    assert data.designs.to_dicts().count(wish) == 1
    again = Study.resume(path, "one", budget=30).run()
    assert again.designs.to_dicts().count(wish) == 1


def test_a_study_that_was_killed_says_nothing_any_more(tmp_path):
    path = tmp_path / "s.db"
    data = Study.create(TwoSpheres(), "uniform", budget=10, store=path, name="one").run()
    with Store.open(path) as store:
        locks._path(str(path), data.record.id).write_text('[1.0, {"running": []')  # half of a note
        assert live.doing(store, data.record) is None
        assert store.study().status == "finished"


def test_a_store_in_which_nobody_asked_for_anything_has_no_table_more(tmp_path):
    path = tmp_path / "s.db"
    Study.create(TwoSpheres(), "uniform", budget=10, store=path, name="one").run()
    with sqlite3.connect(path) as database:
        names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert not names & {"live", "enqueued"}
