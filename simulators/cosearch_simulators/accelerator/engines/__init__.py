"""Ways to cost a mapping or a network, each named after the tool or paper whose rules it follows."""
