"""The measuring side of a worker: start it, ask it, stop it between requests, end it.
A worker is stopped (SIGSTOP) whenever it is not asked, so that no spinning pool disturbs others."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .quiet import pin
from .systems import SystemInfo
from .threads import environment

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 600.0  # seconds; torch.compile has been seen to take 30


class SystemFailed(Exception):
    """A system could not do what it was asked; the text is the reason it is skipped."""


class Worker:
    """One system's process. `build`, `slice`, `weigh`, `drop` are the requests of `worker.py`."""

    def __init__(self, system: SystemInfo, threads: int) -> None:
        self.noise = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        what = [system.module, system.variant, str(threads)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", *what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.noise,
            cwd=ROOT,
            env=environment(threads),
            start_new_session=True,  # Ctrl-C is for the parent, which ends its workers
        )
        self.stopped = False
        try:
            self.versions: dict[str, str] = self._answer()["versions"]
        except BaseException:
            self.close()
            raise

    def build(self, spec: dict) -> dict:
        """Make the bench of a case: {"first": seconds, "check": numbers}."""
        return self._ask({"do": "build", "spec": spec})

    def slice(self, seconds: float, cores: set[int]) -> dict:
        """Time one slice on these cores: {"seconds": a run, "runs", "cores": cpu / wall time}."""
        pin(self.process.pid, cores)
        return self._ask({"do": "slice", "seconds": seconds})

    def weigh(self, spec: dict) -> dict:
        """The memory of a spec's steps; what the process did before would be part of it."""
        return self._ask({"do": "weigh", "spec": spec})

    def drop(self) -> None:
        """Free the bench."""
        self._ask({"do": "drop"})

    def alive(self) -> bool:
        """Whether the process can still be asked."""
        return self.process.poll() is None

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.noise):
            if stream:
                stream.close()

    def _ask(self, request: dict) -> dict:
        assert self.process.stdin
        if self.stopped:
            self.process.send_signal(signal.SIGCONT)
            self.stopped = False
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise SystemFailed(self._last_words()) from None
        return self._answer()

    def _answer(self) -> dict:
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        if not ready:
            self.process.kill()
            raise SystemFailed(f"no answer within {PATIENCE:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise SystemFailed(self._last_words())
        self._stop()
        answer = json.loads(line)
        if "error" in answer:
            raise SystemFailed(answer["error"])
        return answer

    def _stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        # until it rests, or has ended, which the next request will notice
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self.stopped = True

    def _last_words(self) -> str:
        code = self.process.wait()
        self.noise.seek(0)
        lines = self.noise.read().decode(errors="replace").strip().splitlines()
        return f"the process ended with {code}: {lines[-1] if lines else 'without a word'}"[:300]
