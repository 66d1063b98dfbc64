"""Ramulator 2.1's memory controller, command for command: one read and one write queue for all banks.

One trace, no power-down, no classes of service; `evaluate` is the entry, `validation.validate` the judge.
"""

from cosearch_simulators.dram.engines.ramulator.controllers import (
    REFRESH_POLICIES,
    ROW_POLICIES,
    SCHEDULERS,
    Controllers,
)
from cosearch_simulators.dram.engines.ramulator.evaluation import evaluate

__all__ = ["REFRESH_POLICIES", "ROW_POLICIES", "SCHEDULERS", "Controllers", "evaluate"]
