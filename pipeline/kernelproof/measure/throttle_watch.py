"""The GPU's state around each sample: what was measured while its clock was held back."""

from dataclasses import replace

from kernelproof.machine.gpu_monitor import Monitor
from kernelproof.measure.clock import Contestant, Recording


class ThrottleWatch:
    """Recordings around each of whose replays the GPU's state is read."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self.begin()

    def around(self, one: Contestant) -> Contestant:
        """The contestant, watched."""
        return replace(one, recording=_WatchedRecording(one.recording, self))

    def begin(self) -> None:
        """Reads the state before a round, whose `was_held_back` it is the first of."""
        self.was_held_back = False
        self.look()

    def look(self) -> None:
        """Reads the state; `was_held_back` from the first reading on at which the GPU is."""
        self.state = self._monitor.read()
        self.was_held_back |= self.state.is_held_back


class _WatchedRecording:
    """A recording; its replay ends with a reading, as what came before it did."""

    def __init__(self, recording: Recording, watched: ThrottleWatch) -> None:
        self._recording, self._watched = recording, watched
        self.is_graph = recording.is_graph

    def replay(self) -> float:
        us = self._recording.replay()
        self._watched.look()
        return us
