"""A system that does almost nothing, to test the protocol between runner and worker.
The variant is how it misbehaves: "absent", "broken", "wrong", "silent", "dying"; "" is well."""

import os

from benchmarks.bench import Bench


class System:
    """Counts its runs; a run does no work worth timing."""

    def __init__(self, variant: str, threads: int) -> None:
        if variant == "absent":
            raise ImportError("No module named 'fake'")
        self.variant = variant
        self.threads = threads
        self.resets = 0

    def versions(self) -> dict[str, str]:
        print("libraries print; the protocol must not mind")
        return {"fake": f"1.0, OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}"}

    def build(self, spec: dict) -> Bench:
        if self.variant == "broken":
            raise NotImplementedError("fake has no step\nand says so at length")
        if self.variant == "silent":
            os._exit(7)
        off = 1.0 if self.variant == "wrong" else 0.0

        def run(count: int) -> None:
            for _ in range(count):
                sum(range(100))

        def reset() -> None:
            self.resets += 1
            if self.variant == "dying" and self.resets == 3:
                os._exit(8)

        return Bench(run, lambda: [1.0 + off, float(self.threads)], reset)
