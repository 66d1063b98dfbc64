"""The agent `language-model`: asks a language model for designs, and mutates the front where that fails.

Any endpoint that speaks OpenAI's chat completions will do: `COSEARCH_LLM_URL` (such as
`http://localhost:8000/v1`), `COSEARCH_LLM_MODEL` and, if the endpoint wants one, `COSEARCH_LLM_KEY`, all
from the environment. The key is sent to the endpoint and goes nowhere else. What was asked and answered is
kept in the study (`state`), so a study that is resumed, or run again from its transcript, needs no endpoint
for it.

After M. Zheng et al., "Can GPT-4 perform neural architecture search?" (GENIUS), 2023. What the model is
shown is in `prompts`; what it answers is checked like anybody's design.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosearch import Designs, DesignSpace, Integer, Proposals, Real, Results
from cosearch.errors import AgentError
from cosearch_agents.archive import HistoryAgent
from cosearch_agents.chat import ChatError, Endpoint
from cosearch_agents.prompts import prompt_of, read_designs
from cosearch_agents.variation import Variation

# Failures in a row, after which the endpoint is left alone.
PATIENCE = 3


class LanguageModelAgent(HistoryAgent):
    """Asks an OpenAI-compatible endpoint for designs; mutates the front where the answer is no use."""

    name = "language-model"
    batch_size = 4
    hyperparameters = DesignSpace(
        [
            Integer(
                "initial",
                0,
                1000,
                default=6,
                description="default and Sobol designs before the first question",
            ),
            Integer(
                "shown", 1, 100, default=12, description="designs of the history that the model is shown"
            ),
            Real("temperature", 0.0, 2.0, default=0.7, description="of the model"),
            Real("timeout_s", 0.1, 600.0, default=60.0, log=True, description="for one answer"),
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._variation = Variation(self.space)
        self._transcript: dict[str, dict[str, Any]] = {}
        self._failures = 0

    @property
    def account(self) -> tuple[str, ...]:
        """How often the model was asked, and how often that was of use."""
        asked = len(self._transcript)
        useful = sum(entry["designs"] > 0 for entry in self._transcript.values())
        line = (
            f"language-model: {useful} of {asked} answers had a new design; mutants stand in for the others"
        )
        errors = [entry["error"] for entry in self._transcript.values() if entry["error"]]
        return (f"{line}; the last failure: {errors[-1]}" if errors else line,) if asked else ()

    def state(self) -> Mapping[str, Any]:
        """The transcript: by how many designs had been asked, question, answer or error."""
        return {"transcript": self._transcript, "failures": self._failures}

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Take the history and the transcript."""
        super().restore(state, history, pending)
        self._transcript = dict(state.get("transcript", {}))
        self._failures = int(state.get("failures", 0))

    def propose(self, n: int, rng: np.random.Generator) -> Designs:
        """The model's designs, then mutants of the front."""
        if not self._transcript:
            Endpoint.of_environment(self.name)  # better said now than after the first evaluations
        first = self.beginning(n, self.settings["initial"])
        if first is not None:
            return first
        found = self._answered(n)
        if len(found) >= n or not len(self.archive):
            return found
        elite = self.archive.designs[self.archive.elite()]
        parents = elite[rng.integers(len(elite), size=8 * n)]
        return Designs.concat([found, self._variation.mutants(parents, rng)])

    def _answered(self, n: int) -> Designs:
        """The new designs of the model's answer; none where it fails."""
        key = str(len(self.archive) + len(self.pending))
        entry = self._transcript.get(key)
        if entry is None:
            if self._failures >= PATIENCE:
                return self.space.designs([])
            entry = self._asked(n)
            found = self.unknown(read_designs(self.space, entry["answer"]))
            entry["designs"] = len(found)
            self._failures = 0 if len(found) else self._failures + 1
            self._transcript[key] = entry
        return self.unknown(read_designs(self.space, entry["answer"]))[:n]

    def _asked(self, n: int) -> dict[str, Any]:
        """Question and answer, for the transcript.

        Raises:
            AgentError: there is no endpoint, or it refuses the key.
        """
        endpoint = Endpoint.of_environment(self.name)
        question = prompt_of(self.task, self.archive, n, self.settings["shown"])
        answer = error = ""
        try:
            answer = endpoint.answer(
                question,
                temperature=self.settings["temperature"],
                seed=self.seed,
                timeout_s=self.settings["timeout_s"],
            )
        except ChatError as failure:
            if failure.refused:
                raise AgentError(f"agent {self.name}: {failure}") from None
            error = str(failure)
        return {"question": question, "answer": answer, "error": error, "designs": 0}
