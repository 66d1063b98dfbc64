"""The language-model agent, and an endpoint that answers well, badly, slowly, never, or refuses the key."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from matrix_engine import MatrixEngine

from cosearch import Proposals, Results, Study, Task
from cosearch.errors import AgentError
from cosearch.testing import check_agent
from cosearch_agents.chat import ChatError, Endpoint
from cosearch_agents.language_model import LanguageModelAgent
from cosearch_agents.prompts import read_designs

SECRET = "sk-a-key-that-nobody-may-see"
SPACE = MatrixEngine.space


class Model:
    """An endpoint on this machine; `answers` makes what it says out of the question's number."""

    def __init__(self):
        self.questions, self.keys, self.manner = [], [], "well"
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                model.questions.append(body["messages"][0]["content"])
                model.keys.append(self.headers.get("Authorization", ""))
                if model.manner == "refuses":
                    self.send_error(401, f"bad key {model.keys[-1]}")
                    return
                if model.manner == "breaks":
                    self.send_error(500)
                    return
                if model.manner in ("slowly", "never"):
                    time.sleep(0.4 if model.manner == "slowly" else 5.0)
                text = model.answer(len(model.questions))
                payload = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
                if model.manner == "no completion":
                    payload = b"<html>hello</html>"
                with contextlib.suppress(BrokenPipeError):  # nobody waits any more
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(payload)))
                    self.end_headers()
                    self.wfile.write(payload)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, number):
        if self.manner == "badly":
            return f'As a model I cannot say. {{"rows": "many"}} {SECRET} [1, 2'
        designs = SPACE.sample(6, 1 if self.manner == "always the same" else number).to_dicts()
        return "Here they are:\n```json\n" + json.dumps(designs) + "\n```\nGood luck!"


@pytest.fixture
def model(monkeypatch):
    found = Model()
    monkeypatch.setenv("COSEARCH_LLM_URL", f"http://127.0.0.1:{found.server.server_port}/v1")
    monkeypatch.setenv("COSEARCH_LLM_MODEL", "small")
    monkeypatch.setenv("COSEARCH_LLM_KEY", SECRET)
    yield found
    found.server.shutdown()
    found.server.server_close()


def study(store=None, budget=22, **settings):
    return Study.create(
        MatrixEngine(),
        LanguageModelAgent,
        budget=budget,
        seed=0,
        agent_settings={"initial": 6, "timeout_s": 3.0, **settings},
        store=store,
    )


def transcript(agent):
    return agent.state()["transcript"]


def test_its_designs_are_evaluated_and_it_is_shown_what_matters(model):
    run = study()
    data = run.run()
    assert len(data.designs) == 22
    asked = {key for number in range(1, len(model.questions) + 1) for key in SPACE.sample(6, number).keys()}
    assert len(set(data.designs.keys()) & asked) == 16  # all but the first six
    question = model.questions[-1]
    for word in ("latency_ns [ns]", "minimise", "buffer_kib", "only with prefetch", "the buffer cannot feed"):
        assert word in question
    assert json.dumps(data.designs[0]) in question or "front" in question
    assert run.agent.account[0].startswith("language-model: 4 of 4 answers")


@pytest.mark.parametrize("manner", ["badly", "breaks", "no completion"])
def test_an_answer_that_is_no_use_is_replaced_by_mutants(model, manner):
    model.manner = manner
    run = study()
    assert len(run.run().designs) == 22
    assert len(model.questions) == 3  # then it is left alone
    assert all(entry["designs"] == 0 for entry in transcript(run.agent).values())


def test_a_slow_answer_is_waited_for_and_one_that_never_comes_is_not(model):
    model.manner = "slowly"
    assert len(study(budget=14).run().designs) == 14
    assert len(model.questions) == 2
    model.manner = "never"
    run = study(budget=14, timeout_s=0.3)
    began = time.monotonic()
    assert len(run.run().designs) == 14
    assert time.monotonic() - began < 4.0
    assert {entry["error"] for entry in transcript(run.agent).values()} == {"no answer within 0.3 s"}


def test_a_refused_key_is_one_clear_line_without_it(model):
    model.manner = "refuses"
    with pytest.raises(AgentError, match="refuses the key.*COSEARCH_LLM_KEY") as caught:
        study().run()
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_endpoint_says_what_to_set_before_anything_is_evaluated(monkeypatch):
    monkeypatch.delenv("COSEARCH_LLM_URL", raising=False)
    run = study()
    with pytest.raises(AgentError, match="COSEARCH_LLM_URL"):
        run.run()
    assert len(run.data.designs) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COSEARCH_LLM_KEY", f"{SECRET}\nsecond line"),
        ("COSEARCH_LLM_KEY", f"{SECRET}\u20ac"),
        ("COSEARCH_LLM_URL", f"http://me:{SECRET}@127.0.0.1/v1"),
        ("COSEARCH_LLM_URL", f"http://127.0.0.1/{SECRET} v1"),
    ],
)
def test_what_cannot_be_sent_is_refused_without_being_shown(model, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(AgentError, match=name) as caught:
        study().run()
    assert SECRET not in str(caught.value)


def test_a_request_that_fails_here_does_not_quote_itself(model):
    endpoint = Endpoint(f"http://127.0.0.1:{SECRET}", "small", f"{SECRET}\nx")
    with pytest.raises(ChatError, match="cannot be sent") as caught:
        endpoint.answer("?", temperature=0.0, seed=0, timeout_s=3.0)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("manner", ["well", "badly"])
def test_the_key_reaches_neither_the_store_nor_any_text(model, manner, tmp_path, capfd):
    model.manner = manner
    study(tmp_path / "study.db").run()
    assert model.keys[0] == f"Bearer {SECRET}"
    for path in Path(tmp_path).iterdir():
        assert SECRET.encode() not in path.read_bytes()
    assert SECRET not in "".join(capfd.readouterr())


def test_a_stored_study_goes_on_and_its_transcript_replays_without_the_endpoint(model, tmp_path, monkeypatch):
    whole = study(tmp_path / "whole.db")
    data = whole.run()
    monkeypatch.delenv("COSEARCH_LLM_URL")
    again = LanguageModelAgent(Task.of(MatrixEngine()), seed=0, budget=22, **whole.agent.settings)
    nothing = data.designs[:0]
    empty = Results.of(nothing, data.outcomes.take(slice(0, 0)))
    again.restore(json.loads(json.dumps(whole.agent.state())), empty, Proposals(nothing))
    told = 0
    while told < 22:
        asked = again.ask(4)
        assert asked == data.designs[told : told + len(asked)] or told + len(asked) > 22
        asked = asked[: 22 - told]
        again.tell(Results.of(asked, MatrixEngine().evaluate(asked), number=told))
        told += len(asked)


def test_keeps_the_contract(model):
    model.manner = "always the same"
    check_agent(LanguageModelAgent, settings={"initial": 4, "timeout_s": 2.0}, evaluations=10)


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ("", 0),
        ("[]", 0),
        ('{"unknown": 1}', 0),
        ('{"rows": 5}', 0),
        ('text {"rows": 8, "columns": 8, "prefetch": false, "depth": 8} text {"rows": 4}', 2),
        ('{"designs": [{"rows": 8}, {"rows": 16}]}', 2),
        ("{" * 5000, 0),
        ('{"rows": 64, "columns": 64, "buffer_kib": 4}', 0),  # forbidden
    ],
)
def test_designs_are_read_out_of_whatever_stands_around_them(answer, count):
    assert len(read_designs(SPACE, answer)) == count
