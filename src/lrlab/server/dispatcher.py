"""The dispatcher: runs submitted sweeps, a few at a time, each in a process of its own.

The record in MLflow is all that it knows: started anew after any crash, it resumes the sweeps
that were running and goes on with the queue. A database lock makes sure that there is one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlflow.exceptions import MlflowException

from lrlab import track
from lrlab.errors import LrlabError, UserError
from lrlab.scratch import lasting_folder
from lrlab.server.healthcheck import HEARTBEAT
from lrlab.server.job import EXECUTOR, INTERRUPTED, MIRROR
from lrlab.server.job_process import Job
from lrlab.server.leader_lock import leader_lock
from lrlab.server.queue import Queued, next_up, read_queue
from lrlab.server.settings import (
    PREFIX,
    STUDIES,
    TRACKING,
    Limits,
    Settings,
    read_settings,
    variable,
)
from lrlab.track import Store
from lrlab.track import mlflow_schema as schema
from lrlab.track.locks.database import DatabaseLock
from lrlab.track.store import explained
from lrlab.track.tags import sound_tags

POLL = 1.0  # seconds
REST = 5.0  # seconds to wait where the server or the database does not answer
NOTED = 15.0  # seconds between notes of the time that a sweep has run
MOST_ATTEMPTS = 6  # without a run recorded, after which a sweep has failed
LONGEST_PAUSE = 60.0  # seconds between attempts
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


class Dispatcher:
    """Starts, watches and ends jobs, a step at a time.

    Args:
        store: The tracking server, as administrator.
        settings: The server's.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self.jobs: dict[str, Job] = {}
        self._served: dict[str, float] = {}
        self._not_before: dict[str, float] = {}
        self._folder = lasting_folder()

    def step(self) -> None:
        """Look at the jobs and at the queue once.

        Raises:
            LrlabError: If the tracking server fails; the jobs go on.
        """
        for job in [job for job in self.jobs.values() if job.process.poll() is not None]:
            with self._unless_gone(job.sweep):
                self._ended(job)  # stays among the jobs until this is recorded
            del self.jobs[job.sweep.run_id]
            job.folder.cleanup()
            job.log.unlink(missing_ok=True)
        queue = read_queue(self.store)
        listed = {sweep.run_id for sweep in queue}
        for job in [job for job in self.jobs.values() if job.sweep.run_id not in listed]:
            self._watch_unlisted(job)
        for sweep in queue:
            with self._unless_gone(sweep):
                self._watch(sweep)
        waiting = [sweep for sweep in queue if self._may_start(sweep)]
        while len(self.jobs) < self.settings.slots:
            running = [job.sweep for job in self.jobs.values()]
            chosen = next_up(waiting, running, self._served)
            if chosen is None:
                break
            waiting.remove(chosen)
            self._start(chosen)

    def stop(self) -> None:
        """End all jobs at once; their sweeps are resumed by the next dispatcher."""
        for job in self.jobs.values():
            job.process.kill()
        for job in self.jobs.values():
            job.process.wait()
            job.folder.cleanup()
        self.jobs.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _watch(self, sweep: Queued) -> None:
        """Cancelled sweeps, those out of time, and the time that a sweep has run."""
        job = self.jobs.get(sweep.run_id)
        if job is None:
            if sweep.cancelled:
                self._mark(sweep, schema.CANCELLED, "KILLED")
            return
        minutes = self.settings.limits.minutes
        if sweep.cancelled:
            job.stop()
        elif job.spent > 60 * minutes or job.why:
            job.stop(f"it ran longer than the {minutes} minutes that this server allows")
        elif time.monotonic() - job.noted > NOTED:
            job.noted = time.monotonic()
            self._tag(sweep, {schema.SPENT: f"{job.spent:.0f}"})

    def _watch_unlisted(self, job: Job) -> None:
        """A job whose sweep somebody deleted, or took out of the queue by changing its tags."""
        if self._is_gone(job.sweep):
            job.stop()
        else:
            self._watch(job.sweep)

    @contextmanager
    def _unless_gone(self, sweep: Queued) -> Iterator[None]:
        """Where something about a sweep fails because somebody deleted it, go on without it."""
        try:
            yield
        except LrlabError:
            if not self._is_gone(sweep):
                raise
            say(f"{sweep}: somebody deleted it")

    def _is_gone(self, sweep: Queued) -> bool:
        with explained(self.store.uri):
            try:
                run = self.store.client.get_run(sweep.run_id)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return True
                raise
        return bool(run.info.lifecycle_stage != "active")

    def _may_start(self, sweep: Queued) -> bool:
        waits = self._not_before.get(sweep.run_id, 0.0) > time.monotonic()
        return sweep.run_id not in self.jobs and not sweep.cancelled and not waits

    def _start(self, sweep: Queued) -> None:
        folder = tempfile.TemporaryDirectory(dir=self._folder)
        with Path(f"{folder.name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "lrlab.server.job", sweep.run_id],
                cwd=folder.name,
                env=self._environment(),
                stdin=subprocess.PIPE,  # it ends when this closes, however this process ends
                stdout=log,
                stderr=log,
            )
        now = time.monotonic()
        self.jobs[sweep.run_id] = Job(sweep, process, folder, now, now)
        self._served[sweep.user] = now
        again = "resumed" if sweep.state == schema.RUNNING or sweep.attempts else "started"
        say(f"{sweep}: {again}")

    def _environment(self) -> dict[str, str]:
        """A job's: no secret but the login, and MLflow's patience with a server that restarts."""
        limits = {variable(f"max_{field}") for field in Limits.model_fields}
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in limits or not (name.startswith(PREFIX) or name == RETRIES)
        }
        kept[EXECUTOR] = self.settings.scheduler.replace("tcp://", "dask://", 1)
        if self.settings.mirror_studies:
            kept[MIRROR] = self.settings.database(STUDIES)
        return kept

    def _ended(self, job: Job) -> None:
        """Record how a job ended, and whether the sweep is to be tried again."""
        sweep, code = job.sweep, job.process.returncode
        if code == 0:
            say(f"{sweep}: finished in {job.spent:.0f} s")
            return
        if job.told is not None and job.why:
            self._mark(sweep, schema.FAILED, "FAILED", job.why)
        elif job.told is not None:
            self._mark(sweep, schema.CANCELLED, "KILLED")
        elif code == UserError.exit_code:
            self._mark(sweep, schema.FAILED, "FAILED", job.said)
        else:
            self._again(job)

    def _again(self, job: Job) -> None:
        """Put a sweep whose job failed back into the queue, or give it up."""
        sweep = job.sweep
        with explained(self.store.uri):
            tags, _ = sound_tags(self.store.client.get_run(sweep.run_id).data.tags)
            if tags.get(schema.STATE) == schema.FINISHED:  # it fell on its way out
                self.store.client.set_terminated(sweep.run_id, "FINISHED")
                return
        went_on = int(tags.get(schema.DONE, 0)) > sweep.done
        attempts = 1 if went_on else sweep.attempts + 1
        why = job.said or f"its process ended with {job.process.returncode}"
        if job.process.returncode == INTERRUPTED:
            why = "its process was interrupted"
        if attempts >= MOST_ATTEMPTS:
            self._mark(sweep, schema.FAILED, "FAILED", why)
            return
        pause = min(2.0**attempts, LONGEST_PAUSE)
        say(f"{sweep}: {why}; again in {pause:.0f} s")
        self._not_before[sweep.run_id] = time.monotonic() + pause
        tags_now = {schema.STATE: schema.QUEUED, schema.ATTEMPTS: str(attempts)}
        self._tag(sweep, tags_now | {schema.SPENT: f"{job.spent:.0f}"})

    def _mark(self, sweep: Queued, state: str, status: str, reason: str = "") -> None:
        say(f"{sweep}: {state}" + (f": {reason}" if reason else ""))
        tags = {schema.STATE: state} | ({schema.REASON: reason} if reason else {})
        self._tag(sweep, tags)
        with explained(self.store.uri):
            self.store.client.set_terminated(sweep.run_id, status)

    def _tag(self, sweep: Queued, tags: Mapping[str, str]) -> None:
        with explained(self.store.uri):
            self.store.log(sweep.run_id, tags=tags)


def dispatch(settings: Settings) -> None:
    """Run submitted sweeps until this process is stopped."""
    lock = leader_lock(settings.database(TRACKING))
    while True:
        try:
            with lock:
                _wait_for(lock)
                _dispatch(lock, track.connect(settings.tracking_uri), settings)
        except LrlabError as error:
            say(f"{error}; waiting")
            time.sleep(REST)


def _wait_for(lock: DatabaseLock) -> None:
    waiting = False
    while not lock.acquire():
        if not waiting:
            say("another dispatcher is at work; waiting for its end")
            waiting = True
        HEARTBEAT.touch()
        time.sleep(POLL)


def _dispatch(lock: DatabaseLock, store: Store, settings: Settings) -> None:
    dispatcher = Dispatcher(store, settings)
    say(f"at work: {settings.slots} sweeps at a time, trained at {settings.scheduler}")
    quiet_until = 0.0
    try:
        while True:
            lock.check()
            HEARTBEAT.touch()
            try:
                dispatcher.step()
            except LrlabError as error:  # the jobs are patient, and so is this
                if time.monotonic() > quiet_until:
                    say(f"{error}; waiting")
                    quiet_until = time.monotonic() + LONGEST_PAUSE
                time.sleep(REST)
            time.sleep(POLL)
    finally:
        dispatcher.stop()


def say(line: str) -> None:
    """A line of the log."""
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}", flush=True)


def main() -> int:
    """Dispatch as the environment says; returns the exit code."""
    track.quiet()
    os.environ.setdefault(RETRIES, "1")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        dispatch(read_settings(os.environ))
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
