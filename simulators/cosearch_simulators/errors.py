"""What can go wrong in a simulator, as exceptions whose message is one line that a user can act on."""


class SimulatorError(ValueError):
    """A simulator cannot run what it was given."""


class TraceError(SimulatorError):
    """A memory trace cannot be read, or what it holds cannot be simulated."""


class ConfigurationError(SimulatorError):
    """A device or a controller is described by a value that does not exist or is out of its bounds."""


class WorkloadError(SimulatorError):
    """A network or an operator is described by something that does not exist or cannot be."""
