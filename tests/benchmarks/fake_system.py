"""A system that does almost nothing, to test the protocol between runner and worker.
The variant is how it misbehaves: "absent", "broken", "wrong", "silent", "dying"; "" is well.
"measuring" takes its times itself; "weighing" keeps 100 MB and needs as much again at first."""

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
        if self.variant == "measuring":
            times = {"seconds": 2e-6, "late": 3e-6}
            return Bench(lambda count: None, lambda: [1.0], measure=lambda seconds: times)
        if self.variant == "weighing":
            return Weight().bench()
        off = 1.0 if self.variant == "wrong" else 0.0

        def run(count: int) -> None:
            for _ in range(count):
                sum(range(100))

        def reset() -> None:
            self.resets += 1
            if self.variant == "dying" and self.resets == 3:
                os._exit(8)

        return Bench(run, lambda: [1.0 + off, float(self.threads)], reset)


class Weight:
    """Takes memory as a step would that is recorded first."""

    def __init__(self) -> None:
        self.kept = bytearray()

    def bench(self) -> Bench:
        return Bench(self.run, self.check)

    def run(self, count: int) -> None:
        assert sum(self.kept[:: 1 << 12]) >= 0

    def check(self) -> list[float]:
        self.kept = bytearray(b"1") * 100_000_000
        passing = bytearray(b"2") * 100_000_000
        return [float(passing[-1])]
