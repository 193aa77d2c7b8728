"""All readers by their names."""

from tests.fuzz import baselines, records, reports, sources

READERS = {
    reader.name: reader
    for part in (sources, records, baselines, reports)
    for reader in part.readers()
}
