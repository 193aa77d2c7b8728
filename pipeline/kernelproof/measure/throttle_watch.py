"""The watch over a GPU's clock while it measures: finds samples that were held back."""

from dataclasses import replace

from kernelproof.machine.gpu_monitor import Monitor
from kernelproof.measure.clock import Contestant, Recording


class ThrottleWatch:
    """A reader of the GPU's state before a round and after each of its samples.

    `state` is the last reading; `was_held_back` tells if any since `begin` was of a slowed clock.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self.begin()

    def around(self, contestant: Contestant) -> Contestant:
        """Returns the contestant with a reading after each of its replays."""
        return replace(contestant, recording=_WatchedRecording(contestant.recording, self))

    def begin(self) -> None:
        """Forgets earlier readings, and reads the state before a round."""
        self.was_held_back = False
        self.look()

    def look(self) -> None:
        """Reads the state once more."""
        self.state = self._monitor.read()
        self.was_held_back |= self.state.is_held_back


class _WatchedRecording:
    """A recording whose replay ends with a reading of the GPU's state."""

    def __init__(self, recording: Recording, watch: ThrottleWatch) -> None:
        self._recording, self._watch = recording, watch
        self.is_graph = recording.is_graph

    def replay(self) -> float:
        """Returns the microseconds of the replay."""
        us = self._recording.replay()
        self._watch.look()
        return us
