"""The problem `hybrid-lm-cpu`: which mix of layers a small language model has, trained and timed for real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal

if TYPE_CHECKING:
    from cosearch_simulators.hybrid_lm import Corpus

MIXERS = ("attention", "grouped_query", "sliding_window", "short_convolution", "linear_attention")
DEPTHS = (2, 3, 4, 6, 8)

SPACE = DesignSpace(
    [
        Ordinal("depth", DEPTHS, default=4, description="layers"),
        *(
            Categorical(
                f"layer_{number}",
                MIXERS,
                description="how the layer mixes positions",
                when=None if number <= DEPTHS[0] else {"depth": [d for d in DEPTHS if d >= number]},
            )
            for number in range(1, DEPTHS[-1] + 1)
        ),
        Ordinal("width", (64, 96, 128, 192, 256), default=128, description="of the residual stream"),
        Ordinal("feed_forward_ratio", (1, 2, 3, 4), default=3, description="hidden width, in widths"),
        Categorical("precision", ("float32", "bfloat16", "int8"), description="in which it is served"),
    ],
    name="hybrid-lm-cpu",
    groups={
        "mix": ["depth", *(f"layer_{number}" for number in range(1, DEPTHS[-1] + 1))],
        "size": ["width", "feed_forward_ratio"],
        "precision": ["precision"],
    },
)


class HybridLmCpuSettings(Settings):
    """What is learned, for how long, and what is timed."""

    text: InputFile | None = setting(
        None,
        "a file to learn, of any bytes, the last twentieth held out; default the sources of Python's "
        "standard library, of which one file in twenty is held out",
    )
    steps: int = setting(400, "of training at the highest fidelity", ge=1, le=1_000_000)
    prompt: int = setting(512, "tokens of the prefill that is timed", ge=1, le=16_384)
    decoded: int = setting(32, "tokens that are timed after it", ge=1, le=4_096)
    repeats: int = setting(5, "of prefill and decoding; the median counts", ge=3, le=1_000)
    window: int = setting(64, "tokens that a sliding window sees", ge=1, le=16_384)


class HybridLmCpu(Problem):
    """A small language model of mixed layers, really trained, and really run on this machine's processor.

    Layers are attention, grouped-query attention, sliding windows, LFM2's short convolutions or gated linear
    attention. Quality is bits for each byte of held-out text; latency is the median of repeated prefill and
    decoding on one pinned core. A design takes seconds at the lowest fidelity and minutes at the highest;
    latencies are measured, so they differ from run to run and from machine to machine.
    """

    name = "hybrid-lm-cpu"
    space = SPACE
    metrics = (
        Metric("bits_per_byte", "bit", "of held-out text, in the precision of the design"),
        Metric("decode_ms", "ms", "for each token after the prompt, median; one sequence, one core"),
        Metric("prefill_ms", "ms", "for the whole prompt, median; one sequence, one core"),
        Metric("parameters", "1", "weights"),
        Metric("weight_bytes", "B", "memory of the weights"),
        Metric("cache_bytes", "B", "what decoding keeps of one sequence after the prompt"),
        Metric("decode_macs", "1", "multiply-accumulates for a token after the prompt"),
    )
    objectives = (Objective("bits_per_byte", "min", reference=8.0), Objective("decode_ms", "min"))
    fidelities = (
        Fidelity("sixteenth", 1 / 16, "a sixteenth of the training steps"),
        Fidelity("quarter", 1 / 4, "a quarter of the training steps"),
        Fidelity("full", 1.0, "all training steps"),
    )
    Settings = HybridLmCpuSettings
    seeded = True
    measured_metrics = ("decode_ms", "prefill_ms")

    def build(self) -> None:
        """Say what is learned; a user's text is looked at at once."""
        if self.settings.text is not None:
            _ = self._corpus
        learned = self.settings.text or "the sources of Python's standard library"
        self.about = (
            f"training on {learned}, at most {self.settings.steps} steps; timed with a prompt of "
            f"{self.settings.prompt} tokens"
        )

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """Train and time the designs, one after the other."""
        from cosearch_simulators.hybrid_lm import evaluate

        shares = {each.name: each.cost for each in self.fidelity_list}
        found = evaluate(
            self._columns(designs),
            self._corpus,
            steps=max(1, round(shares[fidelity] * self.settings.steps)),
            seed=seed,
            prompt=self.settings.prompt,
            decoded=self.settings.decoded,
            repeats=self.settings.repeats,
            window=self.settings.window,
        )
        return Outcomes(found.metrics, found.codes, found.reason, standard_error=found.standard_error)

    def features(self, designs: Designs) -> dict[str, NDArray[np.float64]]:
        """What counting alone says: weights, multiply-accumulates and the cache."""
        from cosearch_simulators.hybrid_lm.evaluation import counted

        return dict(counted(self._columns(designs), self.settings.prompt, self.settings.window))

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The layers in their order, with the weights and the memory of a sequence that each has."""
        from cosearch_plugins.hybrid_lm.pictures import layers_picture
        from cosearch_simulators.hybrid_lm.evaluation import architectures

        (network,) = architectures(self._columns(self.space.designs([design])), self.settings.window)
        return () if isinstance(network, str) else (layers_picture(network, self.settings.prompt),)

    def _columns(self, designs: Designs) -> dict[str, Any]:
        return {name: np.asarray(designs[name]) for name in self.space.names}

    @cached_property
    def _corpus(self) -> Corpus:
        from cosearch_simulators.errors import SimulatorError
        from cosearch_simulators.hybrid_lm import read_text, standard_library

        try:
            return standard_library() if self.settings.text is None else read_text(self.settings.text)
        except SimulatorError as error:
            raise ArgumentError(f"text: {error}") from None
