"""SweepSpec: what to run, validated, before anything is loaded or trained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from lrlab.metrics import METRICS, Metric
from lrlab.registry import did_you_mean
from lrlab.spec.digest import content_digest
from lrlab.spec.division import FOLDS, complete_sweep
from lrlab.spec.sources import (
    BlobsData,
    Count,
    Data,
    Line,
    Section,
    Seed,
)
from lrlab.spec.space import (
    Domain,
    Number,
    Range,
    check_space,
    default_space,
    size_of_grid,
)

MAX_GRID = 1_000_000  # the grid sampler holds every point in memory

Sampler = Literal["tpe", "random", "qmc", "grid", "cmaes", "gp"]
# Trials a batch where the spec does not say: samplers that learn do so between batches only.
BATCHES = {"tpe": 64, "random": 512, "qmc": 512, "grid": 512, "cmaes": 32, "gp": 8}


def _known_objective(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}{did_you_mean(name, tuple(METRICS))}")
    return name


class TrainSpec(Section):
    """How one run trains.

    `l2` adds (l2 / 2) ||w||^2 to the loss; the bias is not penalized. `l2` in the search
    space overrides it. `stop_converged` ends a run as soon as its objective stands still in the
    working precision.
    """

    steps: Annotated[Count, Field(le=1_000_000)] = 1000
    batch_size: Count | None = None
    l2: Annotated[Number, Field(ge=0, le=1e30)] = 0.0
    dtype: Literal["float32", "float64"] = "float32"
    engine: Literal["fused", "loop"] = "fused"
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    stop_converged: bool = False


def _domain_kind(value: Any) -> str:
    if isinstance(value, dict | Range):
        return "range"
    return "choices" if isinstance(value, list | tuple) else "fixed"


_Value = Number | Annotated[str, Field(max_length=200)]
_Domain = Annotated[
    Annotated[Range, Tag("range")]
    | Annotated[tuple[_Value, ...], Tag("choices")]
    | Annotated[_Value, Tag("fixed")],
    Discriminator(_domain_kind),
]
DOMAIN_TAGS = ("range", "choices", "fixed")


def usual_batch(sampler: str, replicates: int) -> int:
    """Trials a batch: fewer if each has many runs, as a batch's histories are held together."""
    return min(BATCHES.get(sampler, 64), max(16, 512 // replicates))


def _batch(fields: dict[str, Any]) -> int:
    return usual_batch(fields.get("sampler", ""), fields.get("replicates", 1))


class SearchSpec(Section):
    """What Optuna searches, and how.

    `batch` trials are asked for together and trained together; it is part of the result (a
    sampler learns only between batches), so it never depends on the machine. By default it is
    small where the sampler learns and large where it does not.
    """

    trials: Annotated[Count, Field(le=1_000_000)] | None = None
    sampler: Sampler = "tpe"
    replicates: Annotated[Count, Field(le=10_000)] = 1
    batch: Annotated[Count, Field(le=4096)] = Field(default_factory=_batch)
    space: dict[str, _Domain] = Field(default_factory=default_space)

    @field_validator("space")
    @classmethod
    def _fill_in(cls, space: dict[str, Domain]) -> dict[str, Domain]:
        return default_space() | space if space else space


class ReportSpec(Section):
    """What the verdict is held to.

    `minimum_effect` is the difference that counts, as a share of the better value: a method is
    called worse only if it is shown to be worse by more than that.
    """

    minimum_effect: Annotated[Number, Field(ge=0, lt=1)] = 0.01


Open = Literal[
    "data.folds", "data.val_fraction", "data.test_fraction", "search.replicates", "search.batch"
]


class SweepSpec(Section):
    """A whole sweep: data, training, search and objective.

    Build one with `lrlab.load_spec(path)` or `lrlab.make_spec({...})`, whose errors name file,
    line and key. `auto` names the keys that its author left open and that follow from the size of
    the table: they are filled in when it is read, and no part of what makes two specs the same
    sweep.
    """

    name: Line
    description: Annotated[str, Field(max_length=5000)] = ""
    experiment: Line | None = None
    data: Data = BlobsData()
    train: TrainSpec = TrainSpec()
    search: SearchSpec = SearchSpec()
    objective: Annotated[str, AfterValidator(_known_objective)] = "val_log_loss"
    seed: Seed = 1
    register_model: Line | None = None
    report: ReportSpec = ReportSpec()
    auto: tuple[Open, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        return complete_sweep(given)

    @model_validator(mode="after")
    def _check_across_sections(self) -> SweepSpec:
        for path, message in self._problems():
            raise PydanticCustomError("lrlab", "{message}", {"path": path, "message": message})
        return self

    def _problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        yield from (
            (("search", "space", *path), message)
            for path, message in check_space(self.search.space)
        )
        grid = size_of_grid(self.search.space)
        if self.search.sampler != "grid" and grid == 1 and (self.search.trials or 2) > 1:
            yield (
                ("search", "space"),
                "nothing to search: every key has one value; give one a range or a list, "
                "or set search.trials to 1",
            )
        if self.search.sampler == "grid" and grid > MAX_GRID:
            yield (
                ("search", "space"),
                f"the grid has {grid:,} points, more than {MAX_GRID:,}; use fewer points or "
                "another sampler",
            )

        folds, replicates = getattr(self.data, "folds", None), self.search.replicates
        if folds and replicates % folds:
            more = folds * math.ceil(replicates / folds)
            yield (
                ("search", "replicates"),
                f"{replicates} is no multiple of data.folds = {folds}, and each replicate trains "
                f"without one fold; set search.replicates: {more}, or other data.folds",
            )

    @property
    def is_divided(self) -> bool:
        """Whether the spec says how its rows are divided; else the size of the table does."""
        known = ("folds", "val_fraction", "test_fraction")
        said = [getattr(self.data, key) for key in known if hasattr(self.data, key)]
        return not said or any(value is not None for value in said)

    @property
    def n_trials(self) -> int:
        """Trials to run: as asked, 100 by default; a grid never has more than its points."""
        if self.search.sampler == "grid":
            grid = size_of_grid(self.search.space)
            return min(grid, self.search.trials or grid)
        return self.search.trials or 100

    @property
    def n_runs(self) -> int:
        """Runs to train: trials times replicates; at most so many until rows are divided."""
        is_open = not self.is_divided and "search.replicates" in (self.auto or ())
        return self.n_trials * (FOLDS if is_open else self.search.replicates)

    @property
    def experiment_name(self) -> str:
        """The MLflow experiment that holds the sweep."""
        return self.experiment or self.name

    @property
    def metric(self) -> Metric:
        """The objective's direction and meaning."""
        return METRICS[self.objective]

    @property
    def data_seed(self) -> int:
        """Seed of the data's draw or split."""
        return self.seed if self.data.seed is None else self.data.seed

    def resolved(self) -> dict[str, Any]:
        """The spec with every default filled in, as plain YAML types."""
        return self.model_dump(mode="json", exclude_none=True)

    def digest(self) -> str:
        """SHA-256 (hex) of what decides the numbers: settings and the table's bytes, no path.

        Raises:
            UserError: If the table cannot be read.
        """
        return content_digest(self)


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """A nested spec as `section.key -> text`, for MLflow params and tables."""
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and not (set(value) <= set(Range.model_fields) and value):
            flat |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, dict):
            flat[f"{prefix}{key}"] = describe(Range(**value))
        else:
            flat[f"{prefix}{key}"] = describe(value)
    return flat


def describe(domain: Domain | Any) -> str:
    """A domain of the space, or any value of the spec, as short text."""
    if isinstance(domain, Range):
        scale = " log" if domain.log else ""
        step = f" step {domain.step:g}" if domain.step else ""
        return f"{domain.low:g} .. {domain.high:g}{scale}{step}"
    if isinstance(domain, list | tuple):
        return ", ".join(describe(value) for value in domain)
    if isinstance(domain, float) and math.isfinite(domain):
        return f"{domain:g}" if float(f"{domain:g}") == domain else repr(domain)
    return str(domain)
