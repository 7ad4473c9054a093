"""Several trials a GPU: which worker takes which, the service that lets processes share one, trials on streams."""

import os
import stat

import pytest

from anynas.execution.inline import InlineExecutor
from anynas.execution.mps import CONTROL, mps
from anynas.execution.process import ProcessExecutor, gpu_of
from anynas.execution.streams import StreamsExecutor
from tests.execution.test_executors import HERE, drain, trial


def test_workers_take_the_gpus_in_turn():
    assert [gpu_of(index, listed="", count=3) for index in range(7)] == ["0", "1", "2", "0", "1", "2", "0"]
    assert [gpu_of(index, listed="5,GPU-8a", count=2) for index in range(3)] == ["5", "GPU-8a", "5"]
    assert gpu_of(1, listed="", count=0) == ""


@pytest.fixture
def control(tmp_path, monkeypatch):
    """A program of the service's name that writes down what it was told, and where its folders are."""
    log, program = tmp_path / "log", tmp_path / "bin" / CONTROL
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nread line\necho "$* $line $CUDA_MPS_PIPE_DIRECTORY" >> {log}\nexit ${{MPS_EXIT:-0}}\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_MPS_PIPE_DIRECTORY", raising=False)
    return log


def test_the_service_starts_and_ends_with_the_block(control):
    with mps() as runs:
        assert runs
        folder = os.environ["CUDA_MPS_PIPE_DIRECTORY"]
        assert os.path.isdir(folder)  # noqa: PTH112
        assert control.read_text() == f"-d  {folder}\n"
    assert control.read_text() == f"-d  {folder}\n quit {folder}\n"
    assert "CUDA_MPS_PIPE_DIRECTORY" not in os.environ
    assert not os.path.exists(folder)  # noqa: PTH110


def test_the_service_ends_after_an_error_too(control):
    with pytest.raises(RuntimeError, match="inside"), mps():
        raise RuntimeError("inside")
    assert "quit" in control.read_text()


def test_a_service_that_does_not_start_is_gone_without(control, monkeypatch):
    monkeypatch.setenv("MPS_EXIT", "1")
    with mps() as runs:
        assert not runs
        assert "CUDA_MPS_PIPE_DIRECTORY" not in os.environ
    assert "quit" not in control.read_text()


def test_without_its_program_there_is_no_service(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with mps() as runs:
        assert not runs


def test_a_pool_has_the_service_if_it_is_asked_for(control):
    for asked in (False, True):
        executor = ProcessExecutor(HERE, workers=1, mps=asked)
        assert executor.has_mps is asked
        assert ("CUDA_MPS_PIPE_DIRECTORY" in os.environ) is asked
        executor.close()
        assert "CUDA_MPS_PIPE_DIRECTORY" not in os.environ
    assert control.read_text().count("quit") == 1


def test_trials_on_streams_are_those_of_one_after_the_other():
    trials = [*(trial(number) for number in range(3)), trial(3, images=20_000)]
    alone = drain(InlineExecutor(HERE), trials)
    executor = StreamsExecutor(HERE, workers=2)
    side = drain(executor, trials)
    executor.close()
    assert executor.name == "streams"
    assert {n: (o.state, o.error, o.curve, o.reason) for n, o in side.items()} == {
        n: (o.state, o.error, o.curve, o.reason) for n, o in alone.items()
    }
