"""Writing files: whatever happens on the way, the old or the new file is there, whole.
Failures are injected where disks, users and killers would put them.
"""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from backlit.nn import atomic
from backlit.nn.atomic import SUFFIX, write_atomically


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")
    return path


def alone(path):
    return [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_file_is_replaced(target):
    write_atomically(target, [b"ne", b"w"])
    assert target.read_bytes() == b"new"
    assert alone(target)


@pytest.mark.parametrize("call", ["replace", "fsync", "open"])
def test_a_failing_disk_keeps_the_old_file(target, monkeypatch, call):
    def fail(*arguments, **keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, call, fail)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(target, [b"new"])
    monkeypatch.undo()
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(target)
    assert "nothing was written" in str(caught.value)
    assert target.read_bytes() == b"old"
    assert alone(target)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_an_interrupted_writer_keeps_the_old_file(target, error):
    def chunks():
        yield b"new"
        raise error

    with pytest.raises(error):
        write_atomically(target, chunks())
    assert target.read_bytes() == b"old"
    assert alone(target)


def test_a_really_full_disk_keeps_the_old_file(target):
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "write_atomically(sys.argv[1], [b'x' * 1000] * 100)\n"
    )
    ran = in_process(script, target).communicate(timeout=60)[1]
    assert b"File too large" in ran
    assert target.read_bytes() == b"old"
    assert alone(target)


def in_process(script, *arguments):
    """A process that has `write_atomically` and nothing else of backlit: it starts in no time."""
    load = (
        "import importlib.util as u\n"
        f"s = u.spec_from_file_location('atomic', {atomic.__file__!r})\n"
        "m = u.module_from_spec(s); s.loader.exec_module(m)\n"
        "write_atomically = m.write_atomically\n"
    )
    command = [sys.executable, "-c", load + script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_killed_writer_never_leaves_half_a_file(target):
    script = (
        "import itertools, sys\n"
        "for i in itertools.count():\n"
        "    write_atomically(sys.argv[1], [bytes([i % 256]) * 100_000] * 10)\n"
        "    if i == 0: print('ready', flush=True)\n"
    )
    for round in range(6):
        writer = in_process(script, target)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.003 * round)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        data = target.read_bytes()
        assert len(data) == 1_000_000
        assert len(set(data)) == 1
    write_atomically(target, [b"new"])
    assert alone(target), "the parts of the killed writers are swept by the next one"


def test_only_stale_parts_of_the_same_file_are_swept(target):
    folder = target.parent
    stale = folder / f".model.bin.0123456789ab{SUFFIX}"
    other = folder / f".other.bin.0123456789ab{SUFFIX}"
    stale.write_bytes(b"half")
    other.write_bytes(b"half")
    part, descriptor = atomic.create_part(str(target))
    try:
        write_atomically(target, [b"new"])
        assert not stale.exists()
        assert other.exists()
        assert os.path.exists(part), "a part whose writer lives is left alone"
    finally:
        os.close(descriptor)


def test_a_sweep_between_creation_and_lock_is_noticed(target, monkeypatch):
    real, swept = atomic.fcntl.flock, []

    def flock(descriptor, operation):
        if not swept:
            (part,) = target.parent.glob(f".*{SUFFIX}")
            swept.append(part)
            part.unlink()
        return real(descriptor, operation)

    monkeypatch.setattr(atomic.fcntl, "flock", flock)
    write_atomically(target, [b"new"])
    assert target.read_bytes() == b"new"
    assert swept


def test_names_with_wildcards_sweep_nothing_else(tmp_path):
    (tmp_path / f".aXb.0{SUFFIX}").write_bytes(b"")
    write_atomically(tmp_path / "a*b", [b"new"])
    assert (tmp_path / f".aXb.0{SUFFIX}").exists()


def test_the_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "m", [b""])
    finally:
        os.umask(before)
    assert (tmp_path / "m").stat().st_mode & 0o777 == 0o640


def test_a_link_is_followed(target):
    link = target.parent / "sub"
    link.mkdir()
    link = link / "latest"
    link.symlink_to(target)
    write_atomically(link, [b"new"])
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
