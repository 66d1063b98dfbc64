"""Controller designs: broadcasting, and what is said about bad ones."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch_simulators.dram import Controllers
from cosearch_simulators.errors import ConfigurationError


def test_a_single_value_stands_for_all_designs() -> None:
    designs = Controllers(scheduler=["frfcfs", "fcfs", "frfcfs_row_hit"], read_queue=16)
    assert len(designs) == 3
    assert np.asarray(designs.read_queue).tolist() == [16, 16, 16]
    assert designs.codes("scheduler").tolist() == [0, 2, 1]
    assert designs.problems() == ["", "", ""]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"scheduler": "frfcf"}, "unknown scheduler 'frfcf'; did you mean 'frfcfs'?"),
        ({"row_policy": "closed"}, "unknown row_policy 'closed'; did you mean 'closed_cap'?"),
        ({"refresh": "allbank"}, "unknown refresh 'allbank'; did you mean 'all_bank'?"),
        ({"address_mapping": "RoBaRaCo"}, "unknown address_mapping 'RoBaRaCo'; did you mean 'RoBaRaCoCh'?"),
        ({"read_queue": 0}, "read_queue must be a whole number from 1 to 65536, got 0"),
        ({"write_queue": 65537}, "write_queue must be a whole number from 1 to 65536, got 65537"),
        ({"read_queue": 1.5}, "read_queue must be a whole number from 1 to 65536, got 1.5"),
        ({"row_cap": -1}, "row_cap must be a whole number from 1 to 65536, got -1"),
        ({"write_low_watermark": 0.9}, "0 < low < high <= 1, got low 0.9 and high 0.8"),
        ({"write_low_watermark": 0.0}, "0 < low < high <= 1, got low 0 and high 0.8"),
        ({"write_high_watermark": float("nan")}, "0 < low < high <= 1, got low 0.2 and high nan"),
    ],
)
def test_a_bad_design_is_described_without_spoiling_the_others(columns: dict, message: str) -> None:
    name, bad = next(iter(columns.items()))
    good = np.asarray(getattr(Controllers(), name))[0]
    problems = Controllers(**{name: [good, bad, good]}).problems()
    assert problems[0] == problems[2] == ""
    assert message in problems[1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"read_queue": [1, 2], "write_queue": [1, 2, 3]}, "read_queue has 2 rows, expected 1 or 3"),
        ({"write_low_watermark": ["a"]}, "write_low_watermark must hold numbers"),
        ({"scheduler": [["frfcfs"]]}, "scheduler must be one-dimensional and not empty"),
        ({"scheduler": []}, "scheduler must be one-dimensional and not empty"),
    ],
)
def test_columns_of_the_wrong_shape_or_kind_are_rejected(columns: dict, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Controllers(**columns)
