"""The command line as people meet it: in a process of its own, its output and exit code compared whole."""

import json
import os
import re
import subprocess
import sys
import time

import pandas as pd
import pytest

import anynas
from anynas.designspace import builtin_spaces
from anynas.terminal import plural

NAMES = (
    "search",
    "study",
    "status",
    "sample",
    "spaces",
    "show",
    "table",
    "compare",
    "power",
    "report",
    "train",
    "export",
    "predict",
    "doctor",
    "completion",
)
TINY = ["--epochs", "1", "--images", "64", "--executor", "inline"]


def run(*arguments, cwd, env=None):
    """Run `anynas` in a folder, in a process of its own, and return (exit code, standard output, standard error)."""
    answer = subprocess.run(
        [sys.executable, "-m", "anynas", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return answer.returncode, answer.stdout, answer.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["search", "--space", "AnyNetF"],
            'anynas: unknown space "AnyNetF"; did you mean "AnyNetE" or "AnyNetD" or "AnyNetC"?',
        ),
        (
            ["search", "--space", "AnyNetD", "--flops", "1.2e6:0.8e6"],
            "anynas: flops must be LOW:HIGH with 0 <= LOW <= HIGH; got 1.2e+06:800000",
        ),
        (
            ["search", "--space", "AnyNetD", "--flops", "1:2"],
            "anynas: AnyNetD (fashion): flops 1:2 must hold for some draws; accepted 0 of 1,048,576 candidates; "
            "widen the band",
        ),
        (
            ["search", "--space", "AnyNetD", "--flops", "many"],
            'anynas: argument --flops: must be LOW:HIGH, two numbers; got "many"; see anynas search --help',
        ),
        (
            ["search", "--space", "AnyNetD", "--sampler", "tpo"],
            'anynas: unknown sampler "tpo"; did you mean "tpe"?',
        ),
        (
            ["search", "--space", "AnyNetD", "--objectives", "error,flop"],
            'anynas: unknown objective "flop"; did you mean "flops"?',
        ),
        (
            ["search", "--space", "AnyNetD", "--objectives", "flops,params"],
            "anynas: objectives must have error among them; got flops, params",
        ),
        (
            ["search", "--space", "AnyNetD", "--objectives", "error,flops", "--rungs", "2", "--epochs", "9"],
            "anynas: rungs compare trials by error alone, so objectives must be error; got error, flops; leave --rungs "
            "out",
        ),
        (
            ["search", "--space", "AnyNetD", "--sampler", "nsga2", "--rungs", "2", "--epochs", "9"],
            "anynas: rungs need a sampler that learns from paused trials, or from none: tpe, random or qmc; got nsga2",
        ),
        (
            ["search", "--space", "AnyNetD", "--sampler", "random", "--warm-start", "runs/earlier"],
            "anynas: a warm start needs a sampler that learns from trials: tpe, gp or nsga2; got random",
        ),
        (
            ["search", "--space", "AnyNetD", "--warm-start", "runs/earlier"],
            "anynas: runs/earlier: must be a run's folder, with run.json in it; there is none",
        ),
        (["search", "--space", "AnyNetD", "--workers", "0"], "anynas: workers must be at least 1; got 0"),
        (["search", "--space", "AnyNetD", "--trials", "0"], "anynas: trials must be at least 1; got 0"),
        (["search", "--space", "AnyNetD", "--minutes", "0"], "anynas: minutes must be above 0; got 0.0"),
        (["search", "--space", "AnyNetD", "--seed", "-1"], "anynas: seed must be at least 0; got -1"),
        (
            ["search", "--space", "AnyNetD", "--executor", "rya"],
            'anynas: unknown executor "rya"; did you mean "ray"?',
        ),
        (
            ["search", "--space", "AnyNetD", "--regime", "fashoin"],
            'anynas: unknown regime "fashoin"; did you mean "fashion"?',
        ),
        (
            ["search", "--space", "AnyNetD", "--data", "mnist"],
            'anynas: unknown data set "mnist"; known: cifar10, fashion-mnist, fashion-mnist-mini, synthetic; or pass '
            "the path of a folder of pictures",
        ),
        (
            ["search", "--space", "AnyNetD", "--regime", "cifar"],
            "anynas: regime cifar has no data set of its own; pass --data with one of 3 channels and 10 classes "
            "(synthetic has any)",
        ),
        (
            ["search", "--space", "AnyNetD", "--regime", "cifar", "--data", "fashion-mnist-mini"],
            'anynas: data set "fashion-mnist-mini" must have 3 channels and 10 classes for these networks; '
            "it has 1 and 10; choose another --data or --regime",
        ),
        (
            ["search", "--space", "AnyNetD", "--images", "20000"],
            "anynas: images must be at least one batch (64) and at most the data set's 10000; got 20000",
        ),
        (["search", "--space", "AnyNetD", "--epochs", "0"], "anynas: epochs must be at least 1; got 0"),
        (["search", "--space", "AnyNetD", "--rungs", "0"], "anynas: rungs must be at least 1; got 0"),
        (
            ["search", "--space", "AnyNetD", "--epochs", "9", "--rungs", "2", "--reduction", "1"],
            "anynas: reduction must be at least 2; got 1",
        ),
        (
            ["search", "--space", "AnyNetD", "--epochs", "4", "--rungs", "3"],
            "anynas: rungs must differ in epochs; 3 rungs with reduction 3 of 4 epochs have 1, 1, 4; choose fewer "
            "rungs, or at least 5 epochs",
        ),
        (
            ["search", "--space", "AnyNetD", "--recipe", "none.toml"],
            "anynas: none.toml: must be a readable TOML file; No such file or directory",
        ),
        (
            ["search", "--space", "AnyNetD", "--address", "1.2.3.4:6379", "--executor", "process"],
            "anynas: address is for the executor ray; got executor process",
        ),
        (["search"], "anynas: the following arguments are required: --space; see anynas search --help"),
        (
            ["search", "--space", "AnyNetD", "--trails", "3"],
            "anynas: unrecognized arguments: --trails 3; see anynas --help",
        ),
        (
            ["serach"],
            "anynas: argument COMMAND: invalid choice: 'serach' (choose from search, study, status, sample, spaces, "
            "show, table, compare, power, report, train, export, predict, doctor, completion); see anynas --help",
        ),
        (["sample", "--space", "AnyNetD", "-n", "-1"], "anynas: n and start must be at least 0; got n -1, start 0"),
        (
            ["show", "AnyNetX"],
            'anynas: unknown space or architecture "AnyNetX"; did you mean "AnyNetE" or "AnyNetD" or "AnyNetC"?',
        ),
        (
            ["show", "regnetx_400mf", "--input", "224"],
            'anynas: argument --input: must be CxHxW, three positive numbers; got "224"; see anynas show --help',
        ),
        (["table", "nowhere"], "anynas: nowhere: must be a run's folder, with run.json in it; there is none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_gets_one_line_and_exit_code_2(arguments, message, tmp_path, refused):
    said = refused(*arguments, cwd=tmp_path)
    if sys.version_info < (3, 12):  # older argparse puts the choices in quotes
        said = re.sub(r"\(choose from (.*?)\)", lambda found: found.group().replace("'", ""), said)
    assert said == message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            'extends = "AnyNetC"\nnondecreasin = ["width"]',
            'anynas: mine.toml: unknown key "nondecreasin"; did you mean "nondecreasing" or "nonincreasing"?',
        ),
        (
            'extends = "AnyNetC"\n[parameters.depth]\nmax = 12',
            'anynas: mine.toml: parameters.depth: unknown key "max"; known: count, high, law, low, num, step, values',
        ),
        (
            'extends = "AnyNetC"\n[parameters.depth]\nlow = 20',
            "anynas: mine.toml: depth: low must be at least 1 and at most high; got low 20, high 16",
        ),
        (
            'extends = "AnyNetC"\nnondecreasing = ["widht"]',
            'anynas: mine.toml: nondecreasing: unknown parameter "widht"; did you mean "width"?',
        ),
    ],
)
def test_a_wrong_space_file_gets_one_line(lines, message, tmp_path, refused):
    (tmp_path / "mine.toml").write_text(lines)
    assert refused("search", "--space", "mine.toml", cwd=tmp_path) == message


def test_a_gpu_that_is_not_there_gets_one_line(tmp_path):
    asked = ("search", "--space", "AnyNetD", "--device", "cuda")
    code, out, err = run(*asked, cwd=tmp_path, env={"CUDA_VISIBLE_DEVICES": ""})
    assert (code, out, list(tmp_path.iterdir())) == (2, "", [])
    assert err.removesuffix("\n") == (
        "anynas: device cuda must be present and torch built for it; no CUDA device was found; use --device cpu or auto"
    )


def test_data_missing_offline_get_one_line_that_says_where_to_put_them(tmp_path):
    """Without the package's folder and with a proxy that nobody answers, the data are nowhere to be had."""
    code = (
        "import sys; from pathlib import Path; import anynas.data.fashion_mnist as f; "
        "f.DEBIAN = Path('no-such-folder'); "
        "from anynas.cli import main; sys.exit(main(['search', '--space', 'AnyNetD', '--data', 'fashion-mnist']))"
    )
    offline = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "", "ANYNAS_CACHE": str(tmp_path / "cache")}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, **offline},
        capture_output=True,
        text=True,
    )
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == (
        f'anynas: data set "fashion-mnist" must be in {tmp_path}/cache/fashion-mnist or no-such-folder, or the network '
        "reachable; train-images-idx3-ubyte is in neither and its download failed ([Errno 111] Connection refused); "
        "install Debian's package dataset-fashion-mnist, or use --data fashion-mnist-mini\n"
    ).replace("train-images-idx3-ubyte is", "train-images-idx3-ubyte.gz is")


def test_a_runs_folder_with_another_question_is_refused_and_left_alone(tmp_path, here, refused):
    common = ["search", "--space", "AnyNetD", *TINY, "--trials", "1", "--run", "r", "--sampler", "random"]
    assert here(*common, cwd=tmp_path)[0] == 0
    said = refused(*common, "--seed", "1", cwd=tmp_path)
    assert said == "anynas: r: a run's seed must not change; it has 0, got 1; choose another --run"


def test_a_second_driver_on_one_run_is_refused_and_told_who_has_it(tmp_path):
    common = ["search", "--space", "AnyNetD", "--run", "r", "--sampler", "random", *TINY]
    first = subprocess.Popen(
        [sys.executable, "-m", "anynas", *common, "--trials", "500"], cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "r" / "driver.json").exists():
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        code, _, err = run(*common, cwd=tmp_path)
        owner = json.loads((tmp_path / "r" / "driver.json").read_text())
    finally:
        first.terminate()
        assert first.wait(60) == 130
    assert code == 2
    assert err == (
        f"anynas: {tmp_path}/r: must have one driver at a time; process {first.pid} on {owner['host']}, since "
        f"{owner['started']} is at work on it; wait for it, or stop it\n"
    )


def test_a_dry_run_tells_the_plan_and_the_time_and_writes_nothing(tmp_path):
    code, out, err = run("search", "--space", "AnyNetD", "--dry-run", cwd=tmp_path)
    assert (code, err, list(tmp_path.iterdir())) == (0, "", [])
    assert re.search(r"^about \d+ (s|min): \d+ trials, then 7 trainings to choose the winner; ", out, re.M)
    assert re.search(r"^run runs/AnyNetD-[0-9a-f]{8}$", out, re.M)


def test_search_on_rungs_says_what_each_reached_and_what_was_spent(tmp_path, here):
    tiny = ["--epochs", "3", "--images", "64", "--executor", "inline", "--sampler", "random"]
    arguments = ["search", "--space", "LeNet", *tiny, "--trials", "6", "--rungs", "2", "--run", "r"]
    code, out, err = here(*arguments, cwd=tmp_path)
    assert (code, err) == (0, "")
    result = anynas.load_run(tmp_path / "r").result()
    first, top = (rung["trials"] for rung in result["rungs"])
    trained, in_full = first + 2 * top, 3 * first
    assert "\ntrials pause after 1 of 3 epochs; about one in 3 goes on\n" in out
    assert re.search(r"^\d/6  trial \d: error .* \(rung 1 of 2\)", out, re.M)
    assert f"\nrungs: {first} trials after 1 epoch, {plural(top, 'trial')} after 3 epochs\n" in out
    assert f"\ntrained {trained} epochs of {in_full} that full training takes: {trained / in_full:.0%}\n" in out
    assert not (tmp_path / "r" / "edf.png").exists()
    said = here(*arguments, "--reduction", "2", cwd=tmp_path)[2]
    assert said == "anynas: r: a run's reduction must not change; it has 3, got 2; choose another --run\n"


def test_search_ends_with_the_winner_the_front_the_table_and_two_pictures(tmp_path):
    arguments = ["search", "--space", "AnyNetD", *TINY, "--trials", "3", "--run", "r"]
    code, out, err = run(*arguments, cwd=tmp_path)
    assert (code, err) == (0, "")
    result = json.loads((tmp_path / "r" / "result.json").read_text())
    table = anynas.load_run(tmp_path / "r").table()
    assert f"winner: trial {result['number']}, {result['key']}" in out
    for stage, depth in enumerate(result["architecture"]["depths"], start=1):
        assert re.search(rf"^ +{stage} +{depth} +{result['architecture']['widths'][stage - 1]} ", out, re.M)
    assert f"test error        {result['test_error']:.2f} %" in out
    assert f"validation error  {result['validation_error_mean']:.2f} %, mean of 3 seeds" in out
    assert len(result["validation_errors"]) == 3
    assert "Pareto front of error and flops" in out
    for path in ("r/table.csv", "r/error_flops.png", "r/edf.png"):
        assert re.search(rf": {path}$", out, re.M)
        assert (tmp_path / path).stat().st_size > 0
    assert pd.read_csv(tmp_path / "r" / "table.csv")["key"].tolist() == table["key"].tolist()
    assert "\x1b" not in out, "piped output has no colours"
    assert all(len(line) <= 100 for line in out.splitlines())
    again = run(*arguments, cwd=tmp_path)
    assert again[0] == 0
    assert "all of it is finished: nothing is trained again" in again[1]
    assert again[1].split("\nwinner: ")[1] == out.split("\nwinner: ")[1], "the same command again shows the same end"


def test_search_for_two_objectives_ends_with_the_front_and_its_means(tmp_path):
    asked = ["search", "--space", "AnyNetD", *TINY, "--objectives", "error,params", "--sampler", "nsga2"]
    code, out, err = run(*asked, "--trials", "4", "--run", "run", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "objectives error and params: their front\n" in out
    assert "Pareto front of error and params, one seed each\n" in out
    assert "error against params: run/error_params.png\n" in out
    found = anynas.load_run(tmp_path / "run")
    confirmed = found.result()["front"]
    assert [row["number"] for row in confirmed] == found.front()["number"].tolist()
    shown = out.split("of these, trained again with other seeds\n")[1].split("\n\n")[0].splitlines()[1:]
    assert [line.split()[:3] for line in shown] == [
        [str(row["number"]), f"{row['validation_error_mean']:.2f}", "3"] for row in confirmed
    ]
    assert ["beaten" in line for line in shown] == [row["dominated"] for row in confirmed]
    code, again, err = run(*asked, "--trials", "4", "--run", "run", "--dry-run", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "all of it is finished: nothing is trained again\n" in again


@pytest.mark.extended
def test_search_with_gp_from_a_warm_start_says_so(tmp_path):
    asked = ["search", "--space", "AnyNetD", *TINY, "--trials", "2"]
    assert run(*asked, "--sampler", "random", "--run", "earlier", cwd=tmp_path)[0] == 0
    code, out, _ = run(*asked, "--sampler", "gp", "--warm-start", "earlier", "--run", "run", cwd=tmp_path)
    assert code == 0
    assert "sampler gp, seed 0, executor inline\nwarm start: 2 trials of earlier\n" in out


def test_table_prints_and_writes_all_columns(tmp_path, here, refused):
    here("search", "--space", "AnyNetC", *TINY, "--trials", "2", "--run", "r", "--sampler", "qmc", cwd=tmp_path)
    table = anynas.load_run(tmp_path / "r").table()
    code, out, _ = here("table", "r", cwd=tmp_path)
    assert code == 0
    assert all(key in out for key in table["key"])
    for suffix, read in (("parquet", pd.read_parquet), ("csv", pd.read_csv)):
        code, out, _ = here("table", "r", "--out", f"t.{suffix}", "--sort", "error", cwd=tmp_path)
        assert (code, out) == (0, f"2 trials, {len(table.columns)} columns: t.{suffix}\n")
        assert list(read(tmp_path / f"t.{suffix}").columns) == list(table.columns)
    assert refused("table", "r", "--out", "t.xlsx", cwd=tmp_path) == (
        "anynas: --out must end in .parquet or .csv; got t.xlsx"
    )
    assert refused("table", "r", "--sort", "eror", cwd=tmp_path) == (
        'anynas: unknown column "eror"; did you mean "error"?'
    )


def test_sample_prints_the_spaces_own_draws(tmp_path, here):
    arguments = ["sample", "--space", "AnyNetE", "-n", "4", "--regime", "imagenet", "--flops", "360e6:400e6"]
    draws = anynas.load_space("AnyNetE", regime="imagenet").sample(4, seed=0, flops=(360e6, 400e6))
    code, out, _ = here(*arguments, "--json", cwd=tmp_path)
    assert code == 0
    assert [anynas.Architecture.from_dict(draw["architecture"]) for draw in json.loads(out)["draws"]] == draws
    code, out, _ = here(*arguments, cwd=tmp_path, columns=120)
    assert [line.split()[-1] for line in out.splitlines()[1:]] == [draw.key for draw in draws]


def test_spaces_lists_all_with_their_exact_sizes(tmp_path, here):
    code, out, _ = here("spaces", cwd=tmp_path, columns=120)
    assert code == 0
    table, _, notes = out.partition("\n\n")
    assert max(map(len, table.splitlines())) <= 120
    notes = re.sub(r"\n  ", " ", notes)
    rows = {line.split()[0]: line.split()[1:4] for line in table.splitlines()[1:]}
    assert rows.keys() == set(builtin_spaces())
    for name, row in rows.items():
        space = anynas.load_space(name)
        assert row[:2] == [space.family, str(space.dimension)]
        exactly = re.search(rf"^{name} has exactly ([\d,]+)$", notes, re.M)
        assert exactly[1] == f"{space.size():,}" if exactly else row[2] == f"{space.size():,}"
    assert rows["AnyNetA"][2] == "1,846,757,322,198,614,016"
    assert rows["AnyNetE"][2] == "817,446,539,520"
    assert rows["GoogLeNet"][2] == "1.6e+132"


def test_show_prints_a_space_and_a_network(tmp_path, here):
    code, out, _ = here("show", "AnyNetD", "--regime", "imagenet", cwd=tmp_path)
    assert code == 0
    assert "10 free parameters, 13,821,510,942,720 settings" in out
    assert re.search(r"^width +stage +log-uniform 8\.\.1024 by 8 +nondecreasing *$", out, re.M)
    assert "band 360 M to 400 M multiply-adds" in out
    code, out, _ = here("show", "regnetx_400mf", cwd=tmp_path)
    assert code == 0
    assert re.search(r"^stage4 +384x7x7 ", out, re.M)
    assert "flops        397,678,568 multiply-adds" in out
    assert "params       5,157,512" in out


def test_doctor_says_what_search_would_use(tmp_path, here):
    code, out, err = here("doctor", cwd=tmp_path)
    assert (code, err) == (0, "")
    for line in (r"  cores +\d+", r"  gpus +\S", r"  torch +2\.", r"  executor +ray", r"  data +fashion-mnist-mini"):
        assert re.search(f"^{line}", out, re.M)


def test_output_into_a_closed_pipe_is_no_error(tmp_path):
    command = f"{sys.executable} -m anynas sample --space AnyNetD -n 3000 --json | head -1"
    answer = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert (answer.stderr, answer.stdout) == ("", "{\n")
