"""A store on a server: it is stopped, killed and started while studies write to it."""

from __future__ import annotations

import threading
import time

import numpy as np
import psycopg
import pytest

from cosearch import Store, Study
from cosearch.cli import run as cli
from cosearch.errors import StoreError, StudyLockedError
from cosearch.store import server
from cosearch.store.database import Session
from postgresql_server import PrivateServer
from stored_studies import append, assert_counts_up, record, written
from timed_problems import Brief


@pytest.fixture
def url(postgresql: PrivateServer) -> str:
    return postgresql.new_database()


@pytest.fixture
def patience(monkeypatch):
    """How long a server is waited for here."""
    monkeypatch.setattr(server, "RETURN_S", 1.5)
    monkeypatch.setattr(server, "LOOK_S", 0.1)


def searching(url, **options):
    """A study of two milliseconds a design that runs in a thread; what ended it is in the list."""
    study, ended = Study.create(Brief(), "random", budget=400, seed=5, store=url, **options), []

    def run():
        try:
            ended.append(study.run())
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until = time.monotonic() + 30
    with Store.open(url) as store:
        while store.study().evaluations < 40 and time.monotonic() < until:
            time.sleep(0.02)
    return thread, ended


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("options", [{}, {"workers": 2}], ids=["one worker", "two workers"])
def test_a_study_goes_on_when_its_server_comes_back(postgresql, url, how, options):
    thread, ended = searching(url, **options)
    getattr(postgresql, how)()
    time.sleep(0.7)
    assert not ended
    postgresql.start()
    thread.join(60)
    (data,) = ended
    assert not isinstance(data, BaseException), data
    assert data.record.evaluations == len(set(data.designs.keys())) == 400
    assert sorted(data.told.tolist()) == list(range(400))
    if not options:
        whole = Study.create(Brief(), "random", budget=400, seed=5).run()
        assert data.designs == whole.designs
        np.testing.assert_array_equal(data.outcomes["left"], whole.outcomes["left"])


def test_a_server_that_stays_away_ends_the_study_in_time_and_it_is_resumed(postgresql, url, patience):
    thread, ended = searching(url)
    before = time.monotonic()
    postgresql.stop()
    thread.join(60)
    try:
        assert time.monotonic() - before < 15
        (error,) = ended
        assert isinstance(error, StoreError)
        said = str(error)
        assert "its server does not answer" in said
        assert "it was waited for 1.5 s: resume once it is back" in said
        assert "not kept and will be run again" in said
        assert "\n" not in said
    finally:
        postgresql.start()
    data = Study.resume(url).run()
    assert data.designs == Study.create(Brief(), "random", budget=400, seed=5).run().designs
    assert data.told.tolist() == list(range(400))


def test_a_commit_whose_answer_was_lost_is_not_made_twice(url, patience, monkeypatch):
    """The server has stored it, and the connection breaks before it can say so."""
    monkeypatch.setattr(server, "LOOK_S", 0.01)
    with Store.open(url, create=True) as store, store.writer(store.create_study(record())) as writer:
        append(writer, 5)
        original, lost = Session.commit, []

        def commit(session):
            original(session)
            if not lost:
                lost.append(session)
                raise psycopg.OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(Session, "commit", commit)
        for n in (3, *(1,) * 70, 200):
            lost.clear()
            writer.tell(append(writer, n))
        monkeypatch.undo()
        append(writer, 1)
        stored = writer.stored
    with Store.open(url) as store:
        assert_counts_up(store.evaluations(store.study()), at_least=279)
        assert len(store.evaluations(store.study())) == stored == 279


@pytest.mark.parametrize("n", [5, 3])
def test_what_another_process_has_taken_up_meanwhile_is_not_written_to(postgresql, url, patience, n):
    with Store.open(url, create=True) as store:
        writer = store.writer(store.create_study(record()))
        append(writer, 5)
        terminate(postgresql, url)
        with Store.open(url) as again, again.writer(again.study()) as other:
            append(other, n)
            with pytest.raises(StudyLockedError):  # while it has the study
                again.writer(again.study())
        with pytest.raises(StoreError, match="was written by another process while its server was away"):
            append_others(writer)
        with pytest.raises(StoreError, match="was written by another process"):
            writer.set_status("running")
        writer.close()
    with Store.open(url) as store:
        assert_counts_up(store.evaluations(store.study()))
        assert len(store.evaluations(store.study())) == 5 + n


def append_others(writer):
    """Five evaluations, as many as the other writer may have stored, and others than those."""
    from stored_studies import designs, outcomes

    writer.append(np.arange(5, 10), designs(500, 5), outcomes(500, 5))


def terminate(postgresql, url):
    """Close all connections to a database, as a network does that breaks."""
    name = url.partition("@/")[2].partition("?")[0]
    with psycopg.connect(postgresql._dsn("postgres"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )


def test_a_study_on_a_server_has_one_writer_and_a_lock_ends_with_its_process(url):
    with written(url) as store, Store.open(url) as again, store.writer(store.study()):
        assert again.study().status == "finished"
        with pytest.raises(StudyLockedError, match="being written by another process"):
            again.writer(again.study())
    with Store.open(url) as store, store.writer(store.study()) as writer:
        append(writer, 1)


def test_no_server_or_no_database_is_said_at_once_and_in_a_line(postgresql, url, capsys):
    began = time.monotonic()
    for where, says in (
        (url.replace("base_", "no_base_"), "does not exist"),
        ("postgresql+psycopg://ada:secret@127.0.0.1:1/base", "its server does not answer"),
    ):
        assert cli(["studies", where]) == 2
        err = capsys.readouterr().err
        assert says in err
        assert "secret" not in err
        assert len(err.strip().splitlines()) == 1
    assert time.monotonic() - began < 20


def test_a_foreign_database_or_one_of_a_newer_cosearch_is_refused_and_left_alone(postgresql, url):
    written(url).close()
    other = postgresql.new_database()
    for where, statement in ((other, "CREATE TABLE birds (name TEXT)"), (url, NEWER)):
        with psycopg.connect(where.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement)
    with pytest.raises(StoreError, match=r"is not a cosearch store \(it has no cosearch tables\)"):
        Store.open(other, create=True)
    with pytest.raises(StoreError, match="written by a newer cosearch .*upgrade"):
        Store.open(url)


NEWER = "UPDATE cosearch_meta SET value = '99' WHERE key = 'format'"
