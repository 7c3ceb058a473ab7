"""One system's memory, a new process for each sample: a peak belongs to a whole process.
Has the three methods of a worker; `weigh.py` is the half that runs in the process."""

from .client import Worker
from .quiet import pin
from .systems import SystemInfo


class Scales:
    """Weighs the step of a spec again and again."""

    def __init__(self, system: SystemInfo, threads: int) -> None:
        self.system, self.threads = system, threads
        self.versions: dict[str, str] = {}
        self.spec: dict = {}

    def build(self, spec: dict) -> dict:
        """The losses of the first steps, to compare."""
        self.spec = spec
        return {"check": self.slice(0.0, set())["check"]}

    def slice(self, seconds: float, cores: set[int]) -> dict:
        """One sample, however long it takes: {"first_megabytes", "megabytes", "check"}."""
        worker = Worker(self.system, self.threads)
        try:
            self.versions = worker.versions
            pin(worker.process.pid, cores)
            return worker.weigh(self.spec)
        finally:
            worker.close()

    def drop(self) -> None:
        """Nothing is kept between samples."""
