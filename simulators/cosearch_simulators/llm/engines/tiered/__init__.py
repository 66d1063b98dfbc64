"""Chips with several memories, some of which compute: tiers, processing in memory, in-die flash, dataflow."""
