"""The tools of compute-sanitizer that are run, and the options of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# The exit code of a run whose tool has reported something: always, since errors are planted.
REPORTED = 86

_OPTIONS = {
    "error-exitcode": str(REPORTED),
    # ptxas and the C compiler, which Triton starts, launch nothing.
    "target-processes": "application-only",
    # The seconds until the process touches the GPU; torch is imported before. 0: no limit.
    "launch-timeout": "0",
    # An error ends its launch, and not all that comes after it.
    "destroy-on-device-error": "kernel",
    # The host's frames are all of the Python interpreter.
    "show-backtrace": "device",
    # More than the planted errors, which are counted.
    "print-limit": "1000",
}


@dataclass(frozen=True, kw_only=True)
class SanitizerTool:
    """A tool of compute-sanitizer, with the options that no other tool takes."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def planted_kernel(self) -> str:
        """The name of the kernel of `planted_errors` that commits an error for this tool."""
        return f"_planted_{self.name}_kernel"

    def command(self, executable: Path, log: Path, application: Sequence[str]) -> list[str]:
        """Returns the command that runs an application under the tool and replaces the log."""
        options = {"tool": self.name, **_OPTIONS, **dict(self.options)}
        options["log-file"] = str(log).replace("%", "%%")  # a single % begins a placeholder
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return [str(executable), *words, *application]


TOOLS = (
    # Allocations lie end to end, so that a store past one's end would hit the next: hence padding.
    # Failing calls are raised by torch and Triton, which make some on purpose.
    SanitizerTool(name="memcheck", options=(("padding", "512"), ("report-api-errors", "no"))),
    SanitizerTool(name="racecheck"),
    SanitizerTool(name="initcheck"),
    SanitizerTool(name="synccheck"),
)
