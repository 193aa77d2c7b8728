"""Every reader, by its name."""

from tests.fuzz import baselines, records, reports, sources

EVERY = {
    reader.name: reader
    for part in (sources, records, baselines, reports)
    for reader in part.readers()
}
