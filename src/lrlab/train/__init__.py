"""Training: runs in, trajectories out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.lazy import exports

if TYPE_CHECKING:
    from lrlab.train.device import device_of as device_of
    from lrlab.train.engines import ENGINES as ENGINES
    from lrlab.train.engines import Engine as Engine
    from lrlab.train.engines import Finished as Finished
    from lrlab.train.fused.workers import Workers as Workers
    from lrlab.train.loop import train as train
    from lrlab.train.trajectory import Trajectory as Trajectory
    from lrlab.train.trajectory import evaluation_steps as evaluation_steps
    from lrlab.train.workers.executors import EXECUTORS as EXECUTORS
    from lrlab.train.workers.executors import open_executor as open_executor
    from lrlab.train.workers.processes import Processes as Processes

__getattr__, __dir__ = exports(
    __name__,
    {
        "lrlab.train.device": ["device_of"],
        "lrlab.train.engines": ["ENGINES", "Engine", "Finished"],
        "lrlab.train.fused.workers": ["Workers"],
        "lrlab.train.loop": ["train"],
        "lrlab.train.trajectory": ["Trajectory", "evaluation_steps"],
        "lrlab.train.workers.executors": ["EXECUTORS", "open_executor"],
        "lrlab.train.workers.processes": ["Processes"],
    },
)
