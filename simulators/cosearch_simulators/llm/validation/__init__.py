"""The engines against reference measurements and tools, a module for each set."""
