"""Port Ellery: an invented city with known truth, so that every check can be shown to work.

No resident, street or outline of it is real. `docs/sample_city.md` lists what is planted in it.
"""

from cityai.samples.write import PlantedTruths, SampleCity, ensure_sample_city, write_sample_city

__all__ = ["PlantedTruths", "SampleCity", "ensure_sample_city", "write_sample_city"]
