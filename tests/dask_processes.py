"""A dask scheduler and workers as processes of their own, which tests may kill."""

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from distributed import Client

START = 120.0  # seconds that a busy machine may take to start all of them


@dataclass
class Cluster:
    """An address, and the processes behind it."""

    folder: Path
    address: str
    scheduler: subprocess.Popen
    workers: list[subprocess.Popen]

    def add_worker(self):
        """Start one worker without a nanny: when it is killed nothing starts it again."""
        options = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(self.folder)]
        self.workers.append(_started("dask_worker", [self.address, *options], self.folder / "workers.log"))


@contextmanager
def cluster(folder, workers=2):
    """Start a scheduler and so many workers, and end what is left of them."""
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"]
    place = folder / "scheduler.json"
    scheduler = _started(
        "dask_scheduler", [*options, "--scheduler-file", str(place)], folder / "scheduler.log"
    )
    found = Cluster(folder, "", scheduler, [])
    try:
        patience = time.monotonic() + START
        while not place.exists():
            assert scheduler.poll() is None, (folder / "scheduler.log").read_text()
            assert time.monotonic() < patience, "the scheduler does not start"
            time.sleep(0.1)
        with Client(scheduler_file=str(place), timeout=START, set_as_default=False) as client:
            found.address = client.scheduler.address
            for _ in range(workers):
                found.add_worker()
            client.wait_for_workers(workers, timeout=START)
        yield found
    finally:
        for process in [*found.workers, scheduler]:
            process.kill()
            process.wait()


def _started(module, options, log):
    with log.open("ab") as output:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *options]
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
