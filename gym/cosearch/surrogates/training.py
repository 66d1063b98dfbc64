"""Training: from recorded evaluations to a surrogate, with how good it is on designs that it has not seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SurrogateError, unknown_name
from cosearch.outcomes import Outcomes
from cosearch.space import Designs
from cosearch.surrogates.examination import examined
from cosearch.surrogates.models import model_class
from cosearch.surrogates.outside import Seen
from cosearch.surrogates.recorded import Recorded
from cosearch.surrogates.scaling import Scales
from cosearch.surrogates.surrogate import Base, Surrogate, fitted
from cosearch.surrogates.threads import one_thread
from cosearch.surrogates.validity import Validity

Matrix = NDArray[np.float64]
Rough = Callable[[Designs], Outcomes]
FEWEST = 8
"""Valid designs, from which on something can be learned."""
FEW = 1000
DEFAULT_FOR_FEW, DEFAULT = "gp", "gbdt"


@dataclass(frozen=True)
class Start:
    """The rough fidelity that a surrogate starts from.

    Attributes:
        fidelity: its name.
        evaluate: the outcomes of designs at it.
    """

    fidelity: str
    evaluate: Rough


def default_model(designs: int) -> str:
    """The model that needs no tuning for so many designs."""
    return DEFAULT_FOR_FEW if designs < FEW else DEFAULT


def train(
    recorded: Recorded,
    model: str | None = None,
    *,
    start: Start | None = None,
    held_out: float = 0.2,
    seed: int = 0,
    tabulated: bool = True,
) -> Surrogate:
    """A surrogate of all that was recorded, examined by another one that saw only a part.

    Args:
        recorded: the evaluations.
        model: one of `models.MODELS`; default by the number of designs.
        start: the rough fidelity that it starts from.
        held_out: the share of designs that the examination holds out; 0 for none.
        seed: of what is random.
        tabulated: whether a model of trees is kept as a table too, where that is small.

    Raises:
        UnknownNameError: for an unknown model.
        SurrogateError: for too few designs.
    """
    began = time.perf_counter()
    name = model or default_model(len(recorded))
    model_class(name)
    rough = None if start is None else rough_values(start, recorded)
    if rough is not None:  # where the rough fidelity says nothing, there is nothing to correct
        there = np.asarray(np.isfinite(rough).any(axis=1))
        recorded, rough = recorded.take(there), rough[there]
    count = int(recorded.valid.sum())
    if count < FEWEST:
        raise SurrogateError(
            f"{count} valid designs at fidelity {recorded.origin.fidelity} are too few to learn from; "
            f"expected at least {FEWEST}"
        )
    whole = learn(recorded, name, rough, start, seed)
    training_s = time.perf_counter() - began
    examination: dict[str, Any] = {}
    if held_out:
        order = np.random.default_rng(seed).permutation(len(recorded))
        cut = max(1, round(held_out * len(recorded)))
        test, rest = order[:cut], order[cut:]
        if recorded.valid[rest].sum() >= FEWEST and recorded.valid[test].any():
            part = learn(recorded.take(rest), name, None if rough is None else rough[rest], start, seed)
            examination = examined(part, recorded.take(test), None if rough is None else rough[test])
    origin = replace(whole.origin, training_s=training_s)
    made = replace(whole, origin=origin, examination=examination)
    return made.tabulated() if tabulated else made


def learn(recorded: Recorded, name: str, rough: Matrix | None, start: Start | None, seed: int) -> Surrogate:
    """A surrogate of all that was recorded, without an examination."""
    valid = recorded.valid
    if rough is not None:
        valid = valid & np.isfinite(rough).any(axis=1)
    known = recorded.take(valid)
    base = None if rough is None else Base.of(rough[valid], known.values)
    learned_from = (
        known.values if base is None or rough is None else base.correction(rough[valid], known.values)
    )
    scales = Scales.of(learned_from)
    space = recorded.designs.space
    origin = replace(
        recorded.origin,
        base="" if start is None else start.fidelity,
        designs=len(recorded),
        invalid=int((~recorded.valid).sum()),
    )
    seen = Seen.of(known.designs, seed)
    blank = Surrogate(origin, space, None, scales, base, np.empty(0), None, seen)  # type: ignore[arg-type]
    with one_thread():
        inputs = blank.inputs(recorded.designs, None if rough is None else np.nan_to_num(rough))
        fit, half_widths = fitted(name, inputs[valid], scales.learned(learned_from), seed)
        validity = Validity.fit(inputs, recorded.valid, seed)
    return replace(blank, model=fit, half_widths=half_widths, validity=validity)


def rough_values(start: Start, recorded: Recorded) -> Matrix:
    """The metrics of all designs at the rough fidelity, (n, m); NaN where it has none."""
    outcomes = start.evaluate(recorded.designs).with_metrics(recorded.origin.metric_names)
    return np.stack([outcomes.metrics[name] for name in recorded.origin.metric_names], axis=1)


def check_base(problem: Any, base: str, fidelity: str) -> None:
    """Whether a problem has a fidelity that is rougher than the one to learn.

    Raises:
        UnknownNameError: for a fidelity that it lacks.
        SurrogateError: for one that is no rougher.
    """
    names = list(problem.fidelity_names)
    if base not in names:
        raise unknown_name(f"fidelity of problem {problem.name}", base, names)
    if names.index(base) >= names.index(fidelity):
        raise SurrogateError(f"fidelity {base} is no rougher than {fidelity}, which is to be learned")
