"""What to run: the sweep's YAML, validated."""

from lrlab.spec.loader import dump_spec, load_spec, load_specs, make_spec, parse_dumped_spec
from lrlab.spec.model import SearchSpec, SweepSpec, TrainSpec, describe, flatten
from lrlab.spec.sources import BlobsData, CsvData, Data, ParquetData, SklearnData
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
