"""What accelerators run: networks as typed lists of operators, and the loop nest that each comes down to."""

from cosearch_simulators.workloads.loop_nest import LOOPS, RELEVANT, TENSORS, LoopNest

__all__ = ["LOOPS", "RELEVANT", "TENSORS", "LoopNest"]
