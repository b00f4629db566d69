"""Tasks on a cluster: given out again when they are lost, and a stall is said. Real clusters: test_lost_workers.py."""

from contextlib import contextmanager

import pytest

from proofolio import cluster
from proofolio.cluster import on_cluster
from proofolio.errors import BadData, LostCluster, StalledCluster

pytest.importorskip("distributed", reason="the extra dask is not installed")


class Future:
    def __init__(self, status, key, value=None, failure=None):
        self.status, self.key, self.value, self.failure = status, key, value, failure

    def result(self, timeout):
        return self.value

    def exception(self, timeout):
        return self.failure


class Client:
    """As much of dask's client as is used; `statuses` are those of the tasks, in the order they are given out."""

    def __init__(self, statuses, workers):
        self.statuses, self.workers, self.given = statuses, workers, []
        self.scheduler = type("Scheduler", (), {"processing": None})

    def submit(self, function, *arguments, pure):
        if function is cluster._given:
            return arguments[0]
        _, work, shared, asked = arguments
        self.given.append(asked)
        status = self.statuses.pop(0) if self.statuses else "finished"
        if status != "finished":
            return Future(status, str(asked), failure=ValueError("no root"))
        return Future(status, str(asked), work(shared, asked))

    def sync(self, function, **_):
        return self.workers


@pytest.fixture
def client(monkeypatch):
    found = Client([], {})

    @contextmanager
    def connected(address, met):
        yield found

    monkeypatch.setattr(cluster, "_client", connected)
    monkeypatch.setattr(cluster, "STALL", 0.05)
    monkeypatch.setattr(cluster, "ABANDONED", 0.3)
    return found


def squares(inputs):
    return sorted(on_cluster("tcp://somewhere:1", lambda shared, k: shared + k * k, 100, inputs))


@pytest.mark.parametrize("status", ["cancelled", "lost"])
def test_a_task_that_is_lost_is_given_out_again_and_no_other(client, status):
    client.statuses = ["finished", status, "finished"]
    assert squares([1, 2, 3]) == [(0, 101, None), (1, 104, None), (2, 109, None)]
    assert client.given[:3] == [1, 2, 3]
    assert 2 in client.given[3:]
    assert 1 not in client.given[3:]  # its result was taken before


def test_a_task_that_is_lost_again_and_again_ends_the_run(client):
    client.statuses = ["cancelled"] * 9
    with pytest.raises(LostCluster, match="somewhere:1 was lost 3 times without a result"):
        squares([1])


def test_what_a_task_raises_is_no_loss(client):
    client.statuses = ["error"]
    ((number, result, failure),) = squares([7])
    assert (number, result, str(failure)) == (0, None, "no root")
    assert client.given == [7]


def test_no_worker_is_said_and_then_ends_the_run(client):
    client.statuses = ["pending"] * 9
    with (
        pytest.warns(StalledCluster, match="has no worker: start one with `dask worker tcp://somewhere:1`"),
        pytest.raises(LostCluster, match="has had no worker for"),
    ):
        squares([1])


def test_workers_that_have_none_of_the_tasks_get_them_again(client):
    client.statuses, client.workers = ["pending"], {"tcp://worker:2": ()}
    with pytest.warns(StalledCluster, match="0 of 1 tasks are at 1 workers"):
        assert squares([3]) == [(0, 109, None)]
    assert client.given == [3, 3]


def test_a_long_task_is_said_and_waited_for(client):
    client.statuses, client.workers = ["pending"], {"tcp://worker:2": ("3",)}
    asked = on_cluster("tcp://somewhere:1", lambda shared, k: shared + k, 100, [3])
    future, submit = [], client.submit

    def kept(*arguments, **named):
        future.append(submit(*arguments, **named))
        return future[-1]

    def done(function, **_):
        future[-1].status, future[-1].value = "finished", 103
        return client.workers

    client.submit, client.sync = kept, done
    with pytest.warns(StalledCluster, match="1 of 1 tasks are at 1 workers"):
        assert list(asked) == [(0, 103, None)]
    assert client.given == [3]


def test_a_worker_with_another_version_is_refused():
    with pytest.raises(BadData, match=r"a worker has proofolio .*, and what called it 0\.0\.7"):
        cluster._done("0.0.7", max, 1, 2)
