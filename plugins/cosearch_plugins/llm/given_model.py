"""The model that a problem of chips is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosearch.errors import ArgumentError

if TYPE_CHECKING:
    from cosearch_simulators.llm import Model


def given_model(name: str, prompt: int, output: int) -> Model:
    """The published model of this name, whose context holds prompt and output (tokens).

    Raises:
        ArgumentError: there is none, or its context is shorter.
    """
    from cosearch_simulators.errors import SimulatorError
    from cosearch_simulators.llm import model_named

    try:
        model = model_named(name)
    except SimulatorError as error:
        raise ArgumentError(str(error)) from None
    if prompt + output > model.longest:
        raise ArgumentError(
            f"prompt + output is {prompt + output} tokens, the model's context has {model.longest:g}"
        )
    return model
