"""A design space as Gymnasium action spaces: MultiDiscrete, Box and Dict.

MultiDiscrete needs parameters that can be counted; a Real or a very long Integer has a Box. A permutation is
its Lehmer digits. What an inactive parameter holds is 0 when encoding and ignored when decoding. A held
parameter keeps its columns, with one value, 0, in each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import DesignError, SpaceError, unknown_name
from cosearch.space import encodings
from cosearch.space.arrays import as_integers, as_rows
from cosearch.space.design_rows import DesignsLike
from cosearch.space.design_space import Designs, DesignSpace
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.permutations import Permutation
from cosearch.space.reals import Real

if TYPE_CHECKING:
    import gymnasium

MAX_DISCRETE = 2**16  # values of one discrete action; a policy has an output for each


def box(space: DesignSpace) -> gymnasium.spaces.Box:
    """The Box of `to_box`: [-1, 1], float64 so that encoding is exact; float32 actions are decoded too."""
    from gymnasium import spaces

    return spaces.Box(-1.0, 1.0, (space.unit_dim,), np.float64)


def to_box(space: DesignSpace, designs: DesignsLike) -> NDArray[np.float64]:
    """Points of [-1, 1], shape (n, unit_dim), float64: 2 * unit - 1."""
    return 2.0 * space.to_unit(designs) - 1.0


def from_box(space: DesignSpace, array: ArrayLike) -> Designs:
    """The inverse of `to_box`; any point of the box is some design.

    Raises:
        DesignError: a wrong shape, or a coordinate that is not in [-1, 1].
    """
    unit = (space.unit_layout.checked(array, -1.0, 1.0) + 1.0) / 2.0
    return Designs(space, encodings.decode_unit(space, unit))


def multi_discrete(space: DesignSpace) -> gymnasium.spaces.MultiDiscrete:
    """The MultiDiscrete of `to_multi_discrete`.

    Raises:
        SpaceError: a parameter is a Real, or has more than 65,536 values.
    """
    from gymnasium import spaces

    return spaces.MultiDiscrete(_all_digit_sizes(space))


def to_multi_discrete(space: DesignSpace, designs: DesignsLike) -> Positions:
    """The positions, int64, 0 where inactive; a permutation has k - 1 columns.

    Raises:
        SpaceError: as for `multi_discrete`.
    """
    _all_digit_sizes(space)
    index = space.designs(designs).index
    return np.concatenate([_digits(space, j, index[:, j]) for j in range(len(space))], axis=1)


def from_multi_discrete(space: DesignSpace, array: ArrayLike) -> Designs:
    """The inverse of `to_multi_discrete`; any element of the space is some design.

    Raises:
        DesignError: a wrong shape, or an entry out of range.
        SpaceError: as for `multi_discrete`.
    """
    sizes = _all_digit_sizes(space)
    digits = as_integers(array, len(sizes))
    _check_range(digits, sizes, space.parameters)
    index = np.empty((len(digits), len(space)), dtype=np.int64, order="F")
    start = 0
    for j, parameter in enumerate(space.parameters):
        if isinstance(parameter, Permutation):
            end = start + len(parameter.digit_sizes)
            index[:, j] = parameter.from_digits(digits[:, start:end])
            start = end
        else:
            index[:, j] = digits[:, start]
            start += 1
    return Designs(space, space.canonical(index))


def dict_space(space: DesignSpace) -> gymnasium.spaces.Dict:
    """The Dict of one action: for each parameter a Discrete, a MultiDiscrete (orders) or a Box([-1, 1])."""
    from gymnasium import spaces

    def one(column: int) -> Any:
        if not _is_countable(space, column):
            return spaces.Box(-1.0, 1.0, (1,), np.float64)
        sizes = _digit_sizes(space, column)
        if _is_flat(space.parameters[column]):
            return spaces.Discrete(sizes[0])
        return spaces.MultiDiscrete(list(sizes))

    return spaces.Dict({name: one(column) for column, name in enumerate(space.names)})


def to_dict_actions(space: DesignSpace, designs: DesignsLike) -> dict[str, NDArray[Any]]:
    """A batch of Dict actions: {parameter: array whose first axis is the design}."""
    index = space.designs(designs).index
    actions: dict[str, NDArray[Any]] = {}
    for j, parameter in enumerate(space.parameters):
        if _is_countable(space, j):
            digits = _digits(space, j, index[:, j])
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
    for j, parameter in enumerate(space.parameters):
        if parameter.name not in actions:
            raise DesignError(f"parameter {parameter.name!r} is missing from the action")
        array = np.asarray(actions[parameter.name])
        if not _is_countable(space, j):
            scaled = as_rows(array, np.float64, 1)
            if not (np.abs(scaled) <= 1.0).all():
                raise DesignError(f"parameter {parameter.name!r}: {scaled.ravel()} is not within [-1, 1]")
            columns.append(parameter.from_unit((scaled + 1.0) / 2.0))
        else:
            sizes = _digit_sizes(space, j)
            digits = as_integers(array[:, None] if _is_flat(parameter) else array, len(sizes))
            _check_range(digits, sizes, [parameter])
            columns.append(parameter.from_digits(digits))
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise DesignError(f"the action's arrays hold {sorted(lengths)} designs; expected one number for all")
    return Designs(space, space.canonical(np.asfortranarray(np.stack(columns, axis=1))))


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


def _all_digit_sizes(space: DesignSpace) -> list[int]:
    sizes: list[int] = []
    for column, parameter in enumerate(space.parameters):
        if not _is_countable(space, column):
            raise SpaceError(
                f"{space.label}: {parameter.kind} parameter {parameter.name!r} cannot be a MultiDiscrete "
                "action; use box() or dict_space()"
            )
        sizes += _digit_sizes(space, column)
    return sizes


def _digit_sizes(space: DesignSpace, column: int) -> tuple[int, ...]:
    sizes = space.parameters[column].digit_sizes
    return (1,) * len(sizes) if column in space.held_positions else sizes


def _is_countable(space: DesignSpace, column: int) -> bool:
    if column in space.held_positions:
        return True
    parameter = space.parameters[column]
    return not isinstance(parameter, Real) and max(parameter.digit_sizes, default=0) <= MAX_DISCRETE


def _is_flat(parameter: Parameter) -> bool:
    return not isinstance(parameter, Permutation)


def _digits(space: DesignSpace, column: int, positions: Positions) -> Positions:
    if column in space.held_positions:
        return np.zeros((len(positions), len(space.parameters[column].digit_sizes)), dtype=np.int64)
    return space.parameters[column].to_digits(np.maximum(positions, 0))  # position 0 has the digits 0, 0, ...


def _check_range(digits: Positions, sizes: Sequence[int], parameters: Sequence[Parameter]) -> None:
    wrong = (digits < 0) | (digits >= np.asarray(sizes, dtype=np.int64))
    if wrong.any():
        i, c = np.argwhere(wrong)[0]
        name = [name for parameter in parameters for name in parameter.digit_names()][c]
        raise DesignError(f"design {i}: {name} is {digits[i, c]}; expected 0 to {sizes[c] - 1}")
