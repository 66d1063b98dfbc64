"""What either controller counts in a run, by its place in one array, and what a request finds in its bank."""

from __future__ import annotations

from cosearch_simulators.dram.common.timing import COMMAND_COUNT

CYCLES, ROW_HITS, ROW_MISSES, ROW_CONFLICTS = range(4)
READS_SERVED, WRITES_SERVED, READS_FORWARDED, WRITES_COALESCED = range(4, 8)
READ_LATENCY_SUM, ACTIVE_CYCLES, MAINTENANCE, STALLED, READ_WAIT_SUM, READS_WAITED = range(8, 14)
TOOL_LATENCY_SUM, TOOL_READS, ACCEPTED_CYCLES = range(14, 17)
"""The last three are the tool's own figure: the sum and the number of reads of its average latency, and the
cycle in which the last request was accepted."""
FIRST_COMMAND_COUNT = 17
COUNTERS = FIRST_COMMAND_COUNT + COMMAND_COUNT

HIT, MISS, CONFLICT = range(3)

REFRESH_INTERVALS = ("", "nREFI", "nREFIpb", "nREFIsb")
"""The timing name of the interval of each refresh mode: none, all banks, a bank, same bank of all groups."""
