"""A design space as Gymnasium action spaces: MultiDiscrete, Box and Dict.

MultiDiscrete needs parameters that can be counted; a Real or a very long Integer has a Box. A permutation is
its Lehmer digits. What an inactive parameter holds is 0 when encoding and ignored when decoding.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import DesignError, SpaceError, unknown_name
from cosearch.space.conditions import deactivate
from cosearch.space.designs import Designs
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.parsing import as_integers, as_rows
from cosearch.space.permutations import Permutation
from cosearch.space.reals import Real

if TYPE_CHECKING:
    import gymnasium

    from cosearch.space.design_space import DesignsLike, DesignSpace

MAX_DISCRETE = 2**16  # values of one discrete action; a policy has an output for each


def box(space: DesignSpace) -> gymnasium.spaces.Box:
    """The Box of `to_box`: [-1, 1], float64 so that encoding is exact; float32 actions are decoded too."""
    from gymnasium import spaces

    return spaces.Box(-1.0, 1.0, (space.unit_dim,), np.float64)


def multi_discrete(space: DesignSpace) -> gymnasium.spaces.MultiDiscrete:
    """The MultiDiscrete of `to_multi_discrete`.

    Raises:
        SpaceError: a parameter is a Real, or has more than 65,536 values.
    """
    from gymnasium import spaces

    return spaces.MultiDiscrete(_digit_sizes(space))


def to_multi_discrete(space: DesignSpace, designs: DesignsLike) -> Positions:
    """The positions, int64, 0 where inactive; a permutation has k - 1 columns.

    Raises:
        SpaceError: as for `multi_discrete`.
    """
    _digit_sizes(space)
    index = space.designs(designs).index
    return np.concatenate([_digits(p, index[:, j]) for j, p in enumerate(space.parameters)], axis=1)


def from_multi_discrete(space: DesignSpace, array: ArrayLike) -> Designs:
    """The inverse of `to_multi_discrete`; any element of the space is some design.

    Raises:
        DesignError: a wrong shape, or an entry out of range.
        SpaceError: as for `multi_discrete`.
    """
    sizes = _digit_sizes(space)
    digits = as_integers(array, len(sizes))
    names = [name for parameter in space.parameters for name in parameter.digit_names()]
    _check_range(digits, sizes, names)
    index = np.empty((len(digits), len(space)), dtype=np.int64, order="F")
    ends = itertools.accumulate(len(parameter.digit_sizes) for parameter in space.parameters)
    for j, (parameter, end) in enumerate(zip(space.parameters, ends, strict=True)):
        index[:, j] = parameter.from_digits(digits[:, end - len(parameter.digit_sizes) : end])
    return Designs(space, deactivate(index, space.conditions))


def dict_space(space: DesignSpace) -> gymnasium.spaces.Dict:
    """The Dict of one action: a Discrete, a MultiDiscrete (permutation) or a Box([-1, 1]) a parameter."""
    from gymnasium import spaces

    def one(parameter: Parameter) -> Any:
        if not _is_countable(parameter):
            return spaces.Box(-1.0, 1.0, (1,), np.float64)
        if _is_flat(parameter):
            return spaces.Discrete(parameter.size)
        return spaces.MultiDiscrete(list(parameter.digit_sizes))

    return spaces.Dict({parameter.name: one(parameter) for parameter in space.parameters})


def to_dict_actions(space: DesignSpace, designs: DesignsLike) -> dict[str, NDArray[Any]]:
    """A batch of Dict actions: {parameter: array whose first axis is the design}."""
    index = space.designs(designs).index
    actions: dict[str, NDArray[Any]] = {}
    for j, parameter in enumerate(space.parameters):
        if _is_countable(parameter):
            digits = _digits(parameter, index[:, j])
            actions[parameter.name] = digits[:, 0] if _is_flat(parameter) else digits
        else:
            scaled = 2.0 * parameter.to_unit(np.maximum(index[:, j], 0)) - 1.0
            actions[parameter.name] = np.where(index[:, j] < 0, 0.0, scaled)[:, None]
    return actions


def from_dict_actions(space: DesignSpace, actions: Mapping[str, ArrayLike]) -> Designs:
    """The inverse of `to_dict_actions`.

    Raises:
        DesignError: a parameter is missing, or has a wrong shape or an entry out of range.
    """
    for name in actions:
        if name not in space:
            raise unknown_name("parameter", name, space.names)
    columns = []
    for parameter in space.parameters:
        if parameter.name not in actions:
            raise DesignError(f"parameter {parameter.name!r} is missing from the action")
        array = np.asarray(actions[parameter.name])
        if not _is_countable(parameter):
            scaled = as_rows(array, np.float64, 1)
            if not (np.abs(scaled) <= 1.0).all():
                raise DesignError(f"parameter {parameter.name!r}: {scaled.ravel()} is not within [-1, 1]")
            columns.append(parameter.from_unit((scaled + 1.0) / 2.0))
        else:
            digits = as_integers(array[:, None] if _is_flat(parameter) else array, len(parameter.digit_sizes))
            _check_range(digits, parameter.digit_sizes, parameter.digit_names())
            columns.append(parameter.from_digits(digits))
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise DesignError(f"the action's arrays hold {sorted(lengths)} designs; expected one number for all")
    return Designs(space, deactivate(np.asfortranarray(np.stack(columns, axis=1)), space.conditions))


def to_dict_action(space: DesignSpace, design: DesignsLike) -> dict[str, Any]:
    """The Dict action of one design, an element of `dict_space`."""
    designs = space.designs(design)
    if len(designs) != 1:
        raise DesignError(f"{len(designs)} designs; expected one (to_dict_actions takes a batch)")
    return {name: array[0] for name, array in to_dict_actions(space, designs).items()}


def from_dict_action(space: DesignSpace, action: Mapping[str, ArrayLike]) -> Designs:
    """The one design of a Dict action, as a batch of one.

    Raises:
        DesignError: as for `from_dict_actions`.
    """
    return from_dict_actions(space, {name: np.asarray(value)[None] for name, value in action.items()})


def _digit_sizes(space: DesignSpace) -> list[int]:
    for parameter in space.parameters:
        if not _is_countable(parameter):
            raise SpaceError(
                f"{space.label}: {parameter.kind} parameter {parameter.name!r} cannot be a MultiDiscrete "
                "action; use box() or dict_space()"
            )
    return [size for parameter in space.parameters for size in parameter.digit_sizes]


def _is_countable(parameter: Parameter) -> bool:
    return not isinstance(parameter, Real) and all(size <= MAX_DISCRETE for size in parameter.digit_sizes)


def _is_flat(parameter: Parameter) -> bool:
    return not isinstance(parameter, Permutation)


def _digits(parameter: Parameter, positions: Positions) -> Positions:
    return parameter.to_digits(np.maximum(positions, 0))  # position 0 has the digits 0, 0, ...


def _check_range(digits: Positions, sizes: Any, names: list[str]) -> None:
    wrong = (digits < 0) | (digits >= np.asarray(sizes, dtype=np.int64))
    if wrong.any():
        i, c = np.argwhere(wrong)[0]
        raise DesignError(f"design {i}: {names[c]} is {digits[i, c]}; expected 0 to {sizes[c] - 1}")
