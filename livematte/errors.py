"""The error tree. Every message is one or two lines: what was got, what was wanted, what to try.

    LivematteError
    ├── SourceError      reading: a file, a camera, a stream
    │   └── BusyError    a camera that another program uses: it may come free
    ├── SinkError        writing: a file, a device, a stream
    ├── WeightsError     a network's weights: absent, damaged, refused
    ├── EngineError      a device, a precision or a runtime that is not here
    └── SettingsError    an option's value, or two that do not go together (exit code 2)

Wrong arguments to a function are ValueError or TypeError; the end of a stream ends the iteration.
"""


class LivematteError(Exception):
    """Root of all errors that livematte raises for its user."""


class SourceError(LivematteError):
    """A source cannot be opened, or broke while it was read."""


class BusyError(SourceError):
    """A camera is there, but another program uses it."""


class SinkError(LivematteError):
    """A sink cannot be opened, or broke while it was written."""


class WeightsError(LivematteError):
    """Weights are absent, damaged, of another network, or refused."""


class EngineError(LivematteError):
    """A device, precision or runtime is not present, or failed."""


class SettingsError(LivematteError):
    """A setting's value is not valid; the message lists the valid ones."""
