"""Systems on a chip: task graphs on processing elements, memories and buses."""
