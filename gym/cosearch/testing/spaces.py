"""The conformance check of design spaces: that designs come back from every encoding as they went in."""

from __future__ import annotations

import json
from collections.abc import Callable

from cosearch.errors import CosearchError, DesignError
from cosearch.outcomes import reason_of
from cosearch.problem import Problem
from cosearch.space import Designs, DesignSpace
from cosearch.space.convert.gymnasium import from_box, from_multi_discrete, to_box, to_multi_discrete
from cosearch.testing.conformance import expect


def check_space(problem: Problem, batch: Designs) -> None:
    """Check the space of a problem with some of its designs.

    Raises:
        ConformanceError: the encoding that loses something, and what comes back.
    """
    who, space = f"problem {problem.name!r}: its space", problem.space
    trips: dict[str, Callable[[], Designs]] = {
        "the index matrix": lambda: space.from_index(batch.index),
        "packed rows": lambda: space.designs_from_packed(batch.packed()),
        "plain dicts": lambda: space.designs([dict(design) for design in batch]),
        "JSON": lambda: space.designs(json.loads(json.dumps([dict(design) for design in batch]))),
        "the unit cube": lambda: space.from_unit(space.to_unit(batch)),
        "one-hot columns": lambda: space.from_onehot(space.to_onehot(batch)),
        "Gymnasium's Box": lambda: from_box(space, to_box(space, batch)),
        "Gymnasium's MultiDiscrete": lambda: from_multi_discrete(space, to_multi_discrete(space, batch)),
    }
    for name, trip in trips.items():
        try:
            back = trip()
        except DesignError as error:
            expect(False, who, f"designs to come back from {name} as they went in", f"an error: {error}")
        except CosearchError:  # a space of real numbers has no such encoding
            continue
        except Exception as error:  # a parameter of the author's own may raise anything
            expect(False, who, f"designs to come back from {name}", f"an error: {reason_of(error)}")
        else:
            for i in range(len(batch)):
                expect(
                    back[i] == batch[i], who, f"designs to come back from {name} as they went in",
                    f"{back[i]} for {batch[i]}",
                )  # fmt: skip
    _check_json(who, space)


def _check_json(who: str, space: DesignSpace) -> None:
    """A study keeps the space as JSON and compares it by its hash."""
    asked = "a space that JSON can keep, with the same hash when it is read again"
    try:
        again = DesignSpace.from_dict(json.loads(json.dumps(space.to_dict())), drop_functions=True)
    except Exception as error:  # a parameter of the author's own may raise anything
        expect(False, who, asked, f"an error: {reason_of(error)}")
    else:
        functions = any(not rule.expression for rule in space.forbidden)  # which JSON can only name
        expect(functions or again.hash() == space.hash(), who, asked, "another hash")
