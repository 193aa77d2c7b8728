"""A stand-in for the clock of a GPU: launches run at once, and take a given time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class FakeRecording:
    """Launches that take `us` each, and one microsecond more at each further replay."""

    launches: int
    us: float
    name: str = ""
    replays: list[str] = field(default_factory=list)
    drift: float = 0.0
    is_graph: bool = True

    def replay(self) -> float:
        """Notes the replay, and returns its microseconds."""
        before = self.replays.count(self.name)
        self.replays.append(self.name)
        return self.us * self.launches + self.drift * before


@dataclass(kw_only=True)
class FakeClock:
    """A clock on which each launch takes `us`; the last launch of a recording is called."""

    us: float = 2.0
    l2_bytes: int = 1000
    recorded: list[Sequence[Callable[[], object]]] = field(default_factory=list)

    def record(self, launches: Sequence[Callable[[], object]]) -> FakeRecording:
        """Notes and tries the launches."""
        self.recorded.append(launches)
        launches[-1]()
        return FakeRecording(launches=len(launches), us=self.us)

    def synchronize(self) -> None:
        """Has nothing to wait for."""

    def free(self) -> None:
        """Has nothing to give back."""
