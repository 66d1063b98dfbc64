"""DRAMSys 4's memory controller, command for command: a machine for each bank, an arbiter in front of them.

No data are forwarded from waiting writes and no delays of arbiter, controller and PHY; classes of service are
ours. `evaluate` is the entry, `simulate_players` that for several traces, `validation.validate` the judge.
"""

from cosearch_simulators.dram.engines.dramsys.controllers import BankMachineControllers
from cosearch_simulators.dram.engines.dramsys.evaluation import evaluate
from cosearch_simulators.dram.engines.dramsys.players import Player, PlayersResult, simulate_players

__all__ = ["BankMachineControllers", "Player", "PlayersResult", "evaluate", "simulate_players"]
