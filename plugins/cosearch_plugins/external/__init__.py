"""Simulators that others wrote, as fidelities of our problems, each in a process of its own."""
