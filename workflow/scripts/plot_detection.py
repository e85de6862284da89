"""Draw how likely an orbit is found, by its period and semi-amplitude."""

import json

from starpop.pages import selection
from starpop.pages.style import Style, save
from starpop.populations.detection import Detection, criterion
from starpop.run import store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    style = Style.from_settings(settings["figures"])
    simulated = store.read_tree(snakemake.input.detection)
    fitted = json.loads(simulated.attrs["settings"])
    asked = criterion(fitted["selection"], fitted["detection"]["ln_bayes_orbit"])
    orbits = store.read_csv(snakemake.input.orbits)
    figure = selection.detection_map(Detection.from_dataset(simulated.to_dataset()), orbits, asked.least, style)
    source = "catalogue {catalog}, model {system_model}".format(**dict(snakemake.wildcards))
    save(figure, snakemake.output.detection, style, source)
