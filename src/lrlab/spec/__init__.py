"""What to run: the sweep's YAML, validated."""

from lrlab.spec.loader import dump_spec, load_spec, load_specs, make_spec, parse_dumped_spec
from lrlab.spec.model import (
    BlobsData,
    CsvData,
    Data,
    ParquetData,
    SearchSpec,
    SklearnData,
    SweepSpec,
    TrainSpec,
    describe,
    flatten,
)
from lrlab.spec.space import Domain, Range, Space

__all__ = [
    "BlobsData",
    "CsvData",
    "Data",
    "Domain",
    "ParquetData",
    "Range",
    "SearchSpec",
    "SklearnData",
    "Space",
    "SweepSpec",
    "TrainSpec",
    "describe",
    "dump_spec",
    "flatten",
    "load_spec",
    "load_specs",
    "make_spec",
    "parse_dumped_spec",
]
