"""How far a sweep is, on standard error while it runs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lrlab.spec import SweepSpec
    from lrlab.sweep import Progress

PLAIN_EVERY = 10.0  # seconds between lines where there is no terminal


class Shown:
    """Progress: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, spec: SweepSpec, silent: bool) -> None:
        self.spec, self.silent = spec, silent
        self.done, self.total, self.seconds = 0, spec.n_runs, 0.0
        self.bar: Any = None  # a tqdm, once there is something to show
        self._began = self._last = 0.0

    def update(self, progress: Progress) -> None:
        """Show where the sweep stands."""
        now = time.monotonic()
        self.done, self.total = progress.done, progress.total
        first = not self._began
        self._began = self._began or now
        self.seconds = now - self._began
        if self.silent:
            return
        if first and progress.note:
            click.echo(f"Note: {progress.note}.", err=True)
        if sys.stderr.isatty():
            self._bar(progress)
        elif first or progress.done == progress.total or now - self._last >= PLAIN_EVERY:
            self._last = now
            click.echo(self._line(progress), err=True)
        if progress.done == progress.total:
            self.close()

    def note(self, text: str) -> None:
        """Show a sentence, above the bar if there is one."""
        line = f"Note: {text}."
        if self.bar is None:
            click.echo(line, err=True)
        else:
            self.bar.write(line, file=sys.stderr)

    def close(self) -> None:
        """Leave the terminal tidy."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def _bar(self, progress: Progress) -> None:
        from tqdm import tqdm

        if self.bar is None:
            self.bar = tqdm(
                total=progress.total,
                initial=progress.resumed,
                desc=self.spec.name,
                unit="run",
                dynamic_ncols=True,
                bar_format="{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} runs "
                "[{elapsed}<{remaining}, {rate_fmt}{postfix}]",
            )
        if progress.best is not None:
            text = f"best {self.spec.objective} {progress.best:.4g}"
            if progress.diverged:
                text += f", {progress.diverged} diverged"
            self.bar.set_postfix_str(text, refresh=False)
        self.bar.update(progress.done - self.bar.n)

    def _line(self, progress: Progress) -> str:
        trained = progress.done - progress.resumed
        line = f"{self.spec.name}: {progress.done}/{progress.total} runs"
        if trained and self.seconds:
            rate = trained / self.seconds
            left = (progress.total - progress.done) / rate
            line += f", {rate:.1f} runs/s, {left:.0f} s left"
        elif progress.resumed:
            line += " (continuing)"
        if progress.best is not None:
            line += f", best {self.spec.objective} {progress.best:.4g}"
        return line
