"""Microprocessor cores."""
