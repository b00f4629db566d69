"""Pieces of work: kept, found again, the same in several processes and on a cluster."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from proofolio.backtesting.backtests import prepare, simulate_all
from proofolio.backtesting.costs import LinearCost
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.strategies import FixMix, strategies_named
from proofolio.backtesting.tasks import Task, TaskRunner, digest
from proofolio.errors import BadData, LostCluster

PLAN = ForecastPlan(driving=(0, 1), window=120)


@dataclass(frozen=True)
class Number:
    value: int


class Interrupted(Exception):
    pass


def tasks(count):
    return [Task(digest("number", k), str(k), k) for k in range(count)]


def strategies(market):
    return strategies_named(["fix-mix", "mpo", "erc"], market.names, horizon=2)


def same(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.name == b.name
        for name in ("weights", "trades", "costs", "gross", "dates", "unanswered", "unproved"):
            assert (getattr(a, name) == getattr(b, name)).all()


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    done = []

    def work(limit, k):
        if len(done) == limit:
            raise Interrupted
        done.append(k)
        return Number(k * k)

    runner = TaskRunner(folder=tmp_path)
    with pytest.raises(Interrupted):
        runner.run(work, 3, tasks(5), Number)
    assert done == [0, 1, 2]
    assert runner.run(work, 99, tasks(5), Number) == [Number(k * k) for k in range(5)]
    assert done == [0, 1, 2, 3, 4]
    assert runner.run(work, 0, tasks(5), Number) == [Number(k * k) for k in range(5)]


def test_half_a_file_is_not_taken_for_a_result(tmp_path):
    runner = TaskRunner(folder=tmp_path)
    (task,) = tasks(1)
    runner.keep(task.key, Number(7))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:40])
    assert runner.run(lambda shared, k: Number(8), None, [task], Number) == [Number(8)]
    assert runner.found(task.key, Number) == Number(8)


def test_how_far_it_is_counts_what_was_found(tmp_path):
    said = []
    runner = TaskRunner(folder=tmp_path, progress=lambda *news: said.append(news))
    runner.run(lambda shared, k: Number(k), None, tasks(2), Number)
    runner.run(lambda shared, k: Number(k), None, tasks(3), Number)
    assert said == [("found", 0, 2), ("0", 1, 2), ("1", 2, 2), ("found", 2, 3), ("2", 3, 3)]


def test_a_backtest_is_not_done_twice_and_read_back_to_the_bit(market, tmp_path, monkeypatch):
    runner = TaskRunner(folder=tmp_path)
    context = prepare(market, strategies(market), PLAN, runner=runner)
    first = simulate_all(context, strategies(market), LinearCost(), runner)

    def never(*_, **__):
        raise AssertionError("this was done before")

    monkeypatch.setattr("proofolio.backtesting.backtests.simulate", never)
    monkeypatch.setattr("proofolio.backtesting.forecasts.record_forecasts", never)
    context = prepare(market, strategies(market), PLAN, runner=runner)
    same(first, simulate_all(context, strategies(market), LinearCost(), runner))
    for changed in ({"costs": LinearCost(0.002)}, {"context": replace(context, rebalance="weekly")}):
        with pytest.raises(AssertionError, match="before"):
            simulate_all(
                **({"context": context, "strategies": [FixMix()], "costs": LinearCost()} | changed),
                runner=runner,
            )


def test_two_processes_find_what_one_finds(market):
    context = prepare(market, strategies(market), PLAN)
    one = simulate_all(context, strategies(market), LinearCost(), TaskRunner(jobs=1))
    two = simulate_all(context, strategies(market), LinearCost(), TaskRunner(jobs=2))
    same(one, two)


# dask's own servers leave sockets to the garbage collector when they close.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_dask_cluster_finds_what_one_process_finds(market):
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    context = prepare(market, strategies(market), PLAN)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        found = simulate_all(
            context, strategies(market), LinearCost(), TaskRunner(scheduler=cluster.scheduler_address)
        )
    same(simulate_all(context, strategies(market), LinearCost()), found)


def losing(results, error):
    """A cluster that gives some results and is then lost."""

    def on_cluster(address, work, shared, inputs):
        for k in range(min(results, len(inputs))):
            yield k, work(shared, inputs[k]), None
        if results < len(inputs):
            raise error

    return on_cluster


def test_a_cluster_that_is_lost_is_no_bad_input_and_what_is_done_is_kept(tmp_path, monkeypatch):
    lost = LostCluster("the dask scheduler at tcp://gone:1 was lost 3 times without a result (closed)")
    monkeypatch.setattr("proofolio.backtesting.tasks.on_cluster", losing(2, lost))
    runner = TaskRunner(folder=tmp_path, scheduler="tcp://gone:1")
    with pytest.raises(
        LostCluster, match=r"lost 3 times .*closed.* 2 of 5 tasks are done and kept; look at the cluster"
    ):
        runner.run(lambda shared, k: Number(k), None, tasks(5), Number)
    again = TaskRunner(folder=tmp_path).run(lambda shared, k: Number(10 + k), None, tasks(5), Number)
    assert again == [Number(k) for k in (0, 1, 12, 13, 14)]


def test_what_a_task_raises_on_a_cluster_is_raised(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")

    def on_cluster(address, work, shared, inputs):
        yield 0, None, failure

    monkeypatch.setattr("proofolio.backtesting.tasks.on_cluster", on_cluster)
    runner = TaskRunner(scheduler="tcp://somewhere:1")
    failure = BadData("no root")
    with pytest.raises(BadData, match="no root"):
        runner.run(lambda shared, k: Number(k), None, tasks(1), Number)
    failure = distributed.KilledWorker("task", SimpleNamespace(address="tcp://worker:2"), 3)
    with pytest.raises(
        LostCluster, match=r"every worker that took a task was lost.* 0 of 1 tasks are done; look"
    ):
        runner.run(lambda shared, k: Number(k), None, tasks(1), Number)


def test_everything_that_decides_a_result_is_in_its_name():
    array = np.arange(4.0)
    names = [
        digest(array), digest(np.nextafter(array, 9.0)), digest(array.reshape(2, 2)), digest(array.astype(np.float32)),
        digest(FixMix()), digest(FixMix("other")), digest(LinearCost()), digest(LinearCost(0.002)),
        digest(1), digest("1"), digest(1.0), digest(True), digest(None), digest((1, 2)), digest(1, 2), digest((1,), 2),
    ]  # fmt: skip
    assert len(set(names)) == len(names)
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    with pytest.raises(BadData, match="object"):
        digest(object())


def test_no_processes_and_no_scheduler_are_refused(market):
    with pytest.raises(BadData, match="1 or more"):
        TaskRunner(jobs=0)


def test_files_of_another_kind_under_a_piece_s_name_are_done_again(tmp_path):
    found = TaskRunner(folder=tmp_path)
    (task,) = tasks(1)
    file = tmp_path / f"{task.key}.npz"
    for save in (
        lambda f: np.savez(f, foo=1),
        lambda f: np.savez(f, value=1, more=2),
        lambda f: np.savez(f),
        lambda f: np.save(f, np.ones(3)),
    ):
        with file.open("wb") as opened:
            save(opened)
        assert found.found(task.key, Number) is None
        assert found.run(lambda shared, inputs: Number(7), None, [task], Number) == [Number(7)]
        assert found.found(task.key, Number) == Number(7)
