"""A plugin that cannot be imported."""

raise ImportError("needs libsimulator 7, found 6")
