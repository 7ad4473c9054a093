"""`--detach` and `anynas status` as people use them: drivers of their own, watched, ended, killed, gone on with."""

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from small_study import SMALL, write

import anynas
from anynas.cli import detached
from anynas.folder import lease_of

TINY = ["--epochs", "1", "--images", "64", "--sampler", "random"]
SEARCH = ["search", "--space", "LeNet", *TINY, "--run", "r"]
LONG = [*SEARCH, "--trials", "5000", "--executor", "process", "--workers", "2"]


def until(condition, seconds=120):
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def finished(folder):
    return anynas.load_run(folder).status().finished if (folder / "run.json").exists() else 0


def ended(pid):
    """Wait for a child of this process, and return its exit code, negative if a signal ended it."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError("it did not end")


@pytest.fixture
def detach(here, tmp_path):
    """Return a function that starts a driver and returns its number and what was said; it ends with the test."""
    started = []

    def start(*arguments):
        code, out, err = here(*arguments, "--detach", cwd=tmp_path)
        assert (code, err) == (0, "")
        pid = int(re.search(r"^the driver goes on by itself: process (\d+), ", out, re.M)[1])
        started.append(pid)
        return pid, out

    yield start
    for pid in started:
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_a_detached_driver_is_at_work_is_seen_and_ends_cleanly_when_told(tmp_path, here, detach, leftovers):
    pid, out = detach(*LONG)
    assert out.endswith(
        f"\nrun r\nthe driver goes on by itself: process {pid}, what it says is in r/driver.log\n"
        f"how far it is: anynas status r\nto end it, with all that is finished kept: kill {pid}\n"
    )
    assert re.search(r"^about \d+ (s|min|h .*): 5,000 trials, then 7 trainings", out, re.M)
    until(lambda: finished(tmp_path / "r") >= 2)
    assert os.getsid(pid) == pid, "it has no terminal"
    since = lease_of(tmp_path / "r")["started"]
    code, out, _ = here("status", "r", cwd=tmp_path)
    assert code == 0
    assert f"\ndriver    at work: process {pid} on {socket.gethostname()}, since {since}\n" in out
    assert re.search(r"^trials    \[\.{24}\] \d+/5,000 finished, about .* left$", out, re.M)
    assert re.search(r"^last      a trial finished \d+ s ago$", out, re.M)
    assert max(map(len, out.splitlines()[1:])) <= 80, "all but the folder's path"
    before = (tmp_path / "r" / "driver.log").read_bytes()
    for again in ([], ["--detach"]):
        code, _, err = here(*LONG, *again, cwd=tmp_path)
        assert (code, err) == (
            2,
            f"anynas: {tmp_path}/r: must have one driver at a time; process {pid} on {socket.gethostname()}, since "
            f"{since} is at work on it; wait for it, or stop it\n",
        )
    log = (tmp_path / "r" / "driver.log").read_bytes()
    assert log.startswith(before)
    assert log.count(b"\nrun r\n") == 1, "who was refused wrote nothing there"
    os.kill(pid, signal.SIGTERM)
    assert ended(pid) == 130
    assert leftovers() == []
    log = (tmp_path / "r" / "driver.log").read_text()
    assert log.endswith("anynas: interrupted; what is finished is safe in r; the same command goes on\n")
    assert re.match(r"\d{4}-\d\d-\d\dT\S+ anynas search --space LeNet .* --workers 2\nLeNet: ", log)
    assert "\x1b" not in log
    status = anynas.load_run(tmp_path / "r").status()
    assert (status.driver, status.asked, status.finished >= 2) == ("not at work", 5000, True)
    assert status.log[-1] == log.splitlines()[-1]


@pytest.mark.ray
@pytest.mark.extended
def test_a_detached_driver_of_rays_actors_ends_cleanly_too(tmp_path, detach, leftovers):
    pid, _ = detach(*LONG, "--executor", "ray")
    until(lambda: finished(tmp_path / "r") >= 2)
    os.kill(pid, signal.SIGTERM)
    assert ended(pid) == 130
    assert leftovers() == []
    log = (tmp_path / "r" / "driver.log").read_text()
    assert "going on with processes" not in log
    assert log.endswith("anynas: interrupted; what is finished is safe in r; the same command goes on\n")


def test_a_driver_that_was_killed_is_said_to_have_died_and_the_same_command_goes_on(tmp_path, here, detach, leftovers):
    pid, _ = detach(*LONG)
    until(lambda: finished(tmp_path / "r") >= 1)
    os.kill(pid, signal.SIGKILL)
    assert ended(pid) == -signal.SIGKILL
    assert leftovers() == []
    code, out, _ = here("status", "r", cwd=tmp_path)
    assert code == 0
    assert f"\ndriver    died: process {pid} on " in out
    assert "\ndriver.log ends with\n" in out
    fields = json.loads(here("status", "r", "--json", cwd=tmp_path)[1])
    assert (fields["driver"], fields["pid"], fields["asked"]) == ("died", pid, 5000)
    trials = fields["finished"] + 1
    pid, _ = detach(*SEARCH, "--trials", trials, "--executor", "inline")
    assert ended(pid) == 0
    run = anynas.load_run(tmp_path / "r")
    assert (len(run.table()), run.status().is_finished) == (trials, True)
    assert (tmp_path / "r" / "error_flops.png").exists()
    out = here("status", "r", cwd=tmp_path)[1]
    assert "\ndriver    none is needed: all is finished\n" in out
    assert f"\nwinner    trial {run.result()['number']}, " in out


def test_a_run_with_nothing_left_to_do_is_said_to_have_ended(tmp_path, here, detach):
    arguments = [*SEARCH, "--trials", "1", "--executor", "inline"]
    pid, _ = detach(*arguments)
    assert ended(pid) == 0
    code, out, err = here(*arguments, "--det", cwd=tmp_path)  # argparse takes the beginning of an option's name
    assert (code, err) == (0, "")
    if "the driver goes on" not in out:  # it may be seen at its short work
        assert out.endswith(
            "\nthe driver has done all that was left, and ended; what it said is in r/driver.log\n"
            "how far it is: anynas status r\n"
        )


@pytest.mark.extended
def test_a_study_goes_on_detached_to_its_verdicts(tmp_path, here, detach):
    write(tmp_path, SMALL)
    pid, out = detach("study", "run", "small.toml", "--executor", "inline")
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"\nhow far it is: anynas status runs/{folder.name}\n" in out
    assert ended(pid) == 0
    assert (folder / "results" / "verdicts.json").exists()
    out = here("status", f"runs/{folder.name}", cwd=tmp_path)[1]
    assert re.search(r"^trials    \[#{24}\] 16/16 finished\npopulation  finished  ", out, re.M)
    assert re.search(r"^wide +4/4 ", out, re.M)
    assert re.search(rf"^runs/{folder.name} +16/16 .* all is finished$", here("status", cwd=tmp_path)[1], re.M)
    (listed,) = json.loads(here("status", "--json", cwd=tmp_path)[1])["runs"]
    assert (listed["run"], listed["is_finished"]) == (str(folder), True)


def test_a_driver_that_cannot_begin_has_its_line_and_exit_code_shown(tmp_path, here, monkeypatch):
    monkeypatch.setattr(detached, "_arguments", lambda options, path: ["search", "--space", "AnyNetF"])
    code, _, err = here(*LONG, "--detach", cwd=tmp_path)
    assert (code, err) == (2, 'anynas: unknown space "AnyNetF"; did you mean "AnyNetE" or "AnyNetD" or "AnyNetC"?\n')
    monkeypatch.undo()
    code, _, err = here(*SEARCH, "--trials", "1", "--executor", "inline", cwd=tmp_path)
    assert (code, err) == (0, ""), "the folder with nothing but a log in it is still the run's"


def test_a_driver_that_dies_before_it_is_at_work_is_told_of(tmp_path, here, monkeypatch):
    monkeypatch.setattr(detached, "_arguments", lambda options, path: ["spaces"])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "rich.py").write_text("import os, sys; print('no luck', flush=True); os.kill(os.getpid(), 9)\n")
    code, _, err = here(*LONG, "--detach", cwd=tmp_path)
    assert (code, err) == (
        137,
        "anynas: the driver must come to work; it ended with exit code 137 (no luck); see r/driver.log\n",
    )


def test_ctrl_c_before_the_driver_is_at_work_ends_it_too(tmp_path, here, monkeypatch, leftovers):
    def interrupted(pid, folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(detached, "_is_at_work", interrupted)
    code, _, err = here(*LONG, "--detach", cwd=tmp_path)
    assert (code, err) == (130, "anynas: interrupted\n")
    assert leftovers() == []
    assert not (tmp_path / "r" / "driver.json").exists()


@pytest.mark.parametrize(
    "arguments", [[*LONG, "--seed", "-1"], [*LONG, "--executor", "cloud"], ["study", "run", "lectur"]]
)
def test_bad_input_is_told_before_anything_is_detached(arguments, tmp_path, refused):
    alone = refused(*arguments, cwd=tmp_path)
    assert refused(*arguments, "--detach", cwd=tmp_path) == alone


def test_a_dry_run_detaches_nothing(tmp_path, here):
    assert here(*LONG, "--detach", "--dry-run", cwd=tmp_path)[0] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_another_machine_is_refused_and_its_log_left_alone(tmp_path, here):
    arguments = [*SEARCH, "--trials", "1", "--executor", "inline"]
    here(*arguments, cwd=tmp_path)
    lease = {"host": "elsewhere", "pid": 41, "started": "2026-01-02T03:04:05+00:00"}
    (tmp_path / "r" / "driver.json").write_text(json.dumps(lease))
    code, _, err = here(*arguments, "--detach", cwd=tmp_path)
    assert (code, err) == (
        2,
        f"anynas: {tmp_path}/r: must have one driver at a time; process 41 on elsewhere, since "
        "2026-01-02T03:04:05+00:00 had it last; pass --takeover if that one is dead\n",
    )
    assert not (tmp_path / "r" / "driver.log").exists()
    out = here("status", "r", cwd=tmp_path)[1]
    assert "driver    on another machine: process 41 on elsewhere, since\n" in out


@pytest.fixture
def terminal(tmp_path):
    """Return a function that runs `anynas` in a terminal of its own, and returns (its process, the terminal)."""
    open_ends = []

    def start(*arguments):
        pid, end = pty.fork()
        if pid == 0:
            os.chdir(tmp_path)
            os.execv(sys.executable, [sys.executable, "-m", "anynas", *map(str, arguments)])
        open_ends.append(end)
        return pid, end

    yield start
    for end in open_ends:
        with contextlib.suppress(OSError):
            os.close(end)


def read(end, wanted, seconds=120):
    """Read a terminal until a text has come, and return everything."""
    os.set_blocking(end, False)
    text, deadline = b"", time.monotonic() + seconds
    while wanted not in text:
        assert time.monotonic() < deadline, text
        with contextlib.suppress(BlockingIOError):
            text += os.read(end, 65536)
        time.sleep(0.05)
    return text.decode()


@pytest.mark.extended
def test_a_terminal_that_closes_ends_a_driver_like_ctrl_c_but_not_a_detached_one(tmp_path, terminal, leftovers):
    pid, end = terminal(*LONG)
    read(end, b"2/5000")
    os.close(end)
    assert ended(pid) in (1, 130), "130, but for what it may still have to say to nobody"
    assert leftovers() == []
    assert not (tmp_path / "r" / "driver.json").exists()
    before = finished(tmp_path / "r")
    assert before >= 2
    pid, end = terminal(*LONG, "--detach")
    said = read(end, b"kill ")
    assert ended(pid) == 0
    os.close(end)
    driver = lease_of(tmp_path / "r")["pid"]
    assert f"process {driver}, " in said
    until(lambda: finished(tmp_path / "r") >= before + 2)
    pid, end = terminal("status", "r", "--watch", "0.2")
    assert f"at work: process {driver}" in read(end, b"last ")
    os.kill(driver, signal.SIGTERM)
    assert "none is at work; the same command goes on" in read(end, b"driver.log ends with")
    assert ended(pid) == 0
    assert leftovers() == []


@pytest.mark.extended
def test_nohup_still_lets_a_driver_outlive_its_terminal(tmp_path, leftovers):
    driver = subprocess.Popen(
        ["nohup", sys.executable, "-m", "anynas", *LONG],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    until(lambda: finished(tmp_path / "r") >= 1)
    driver.send_signal(signal.SIGHUP)
    before = finished(tmp_path / "r")
    until(lambda: finished(tmp_path / "r") >= before + 2)
    driver.send_signal(signal.SIGTERM)
    driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert leftovers() == []


def test_watching_without_a_terminal_prints_a_line_each_time_and_at_last_all(tmp_path, detach):
    pid, _ = detach(*LONG)
    command = [sys.executable, "-m", "anynas", "status", "r", "--watch", "0.2"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as watching:
        lines = [watching.stdout.readline() for _ in range(3)]
        os.kill(pid, signal.SIGINT)
        assert ended(pid) == 130
        rest = watching.stdout.read()
    assert watching.returncode == 0
    for line in lines:
        assert re.fullmatch(r"\S+T\S+  \d+/5,000 finished.*; driver at work\n", line)
    assert f"\nrun       {tmp_path}/r\n" in "\n" + rest
    assert "\ndriver    none is at work; the same command goes on\n" in rest
    assert "\x1b" not in rest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "anynas: nowhere: must be a run's folder, with run.json in it; there is none"),
        (["--watch"], "anynas: --watch must have one run to look at; got none; give its folder, RUN"),
        (
            ["r", "--watch", "--json"],
            "anynas: --json is of one moment, so --watch has no meaning; leave one of them out",
        ),
        *(
            (
                ["--watch", value],
                "anynas: argument --watch: must be seconds, above 0 and at most a day, and RUN before it; got "
                f'"{value}"; see anynas status --help',
            )
            for value in ("r", "0", "nan", "1e9")
        ),
    ],
)
def test_bad_input_to_status_gets_one_line(arguments, message, tmp_path, refused):
    assert refused("status", *arguments, cwd=tmp_path) == message


def test_the_list_of_runs_is_whole_though_one_cannot_be_read(tmp_path, here):
    assert here("status", cwd=tmp_path) == (0, "no run in runs; begin one: anynas search --space AnyNetD\n", "")
    here(*SEARCH[:-2], "--trials", "1", "--executor", "inline", "--run", "runs/one", cwd=tmp_path)
    (tmp_path / "runs" / "two").mkdir()
    (tmp_path / "runs" / "two" / "run.json").write_text("{")
    (tmp_path / "runs" / "notes").mkdir()
    code, out, err = here("status", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"run +trials +best % +left +driver *\n"
        r"runs/one +1/1 +\d\d\.\d\d +all is finished *\n"
        r"not readable: runs/two/run\.json: must be JSON; it is damaged; restore it from a\s+copy\n",
        out,
    )


def test_a_users_script_that_called_the_command_is_started_again(tmp_path, monkeypatch):
    script = tmp_path / "mine.py"
    script.write_text(
        "import sys\nfrom few_images import few\nfrom anynas.cli import main\nfrom anynas.data import DATA_SETS\n"
        "DATA_SETS['mine'] = few\nif __name__ == '__main__':\n    sys.exit(main())\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    command = [sys.executable, str(script), *SEARCH, "--data", "mine", "--trials", "1", "--executor", "inline"]
    answer = subprocess.run([*command, "--detach"], cwd=tmp_path, capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    until(lambda: (tmp_path / "r" / "result.json").exists())
