"""The tools of compute-sanitizer that are asked, and how each is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# The exit code of a run whose tool has reported something: always, for a fault is planted.
REPORTED = 86

_OPTIONS = {
    "error-exitcode": str(REPORTED),
    # ptxas and the C compiler, which Triton starts, launch nothing.
    "target-processes": "application-only",
    # Until the process touches the GPU: torch is imported first. The run has a limit of its own.
    "launch-timeout": "0",
    # A fault ends the launch, and not all that comes after it.
    "destroy-on-device-error": "kernel",
    # The host's frames are all of the Python interpreter.
    "show-backtrace": "device",
    # More than the planted faults, which are counted.
    "print-limit": "1000",
}


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One tool: its name, and the options that it alone takes."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def planted(self) -> str:
        """The name of the kernel of `planted` that has this tool's fault."""
        return f"_planted_{self.name}_kernel"

    def command(self, executable: Path, log: Path, application: Sequence[str]) -> list[str]:
        """What runs an application under it; the log is replaced."""
        options = {"tool": self.name, **_OPTIONS, **dict(self.options)}
        options["log-file"] = str(log).replace("%", "%%")  # a lone % stands for other things
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return [str(executable), *words, *application]


TOOLS = (
    # Allocations are made end to end, so that a store past one's end would be another's. A call
    # that fails is raised by torch or Triton, and they try some that may.
    Tool(name="memcheck", options=(("padding", "512"), ("report-api-errors", "no"))),
    Tool(name="racecheck"),
    Tool(name="initcheck"),
    Tool(name="synccheck"),
)
