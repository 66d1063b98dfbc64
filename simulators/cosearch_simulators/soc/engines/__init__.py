"""The ways to cost a system on a chip, each after the tool whose rules it follows."""
