"""Put all that a run found on one page."""

import json

from starpop.checks.flags import MEANING
from starpop.pages.report import contents, page, systems, tables_of_run
from starpop.run import status, store

with store.job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    asked, figures = json.loads(params.settings), json.loads(params.figures)
    run = tables_of_run.read_run(snakemake.wildcards.catalog, given, params)
    context = contents.contents(run) | contents.settings(asked, run.catalog)
    context |= contents.models_in_words(given.exact, given.populations)
    context["selection"] = asked.get("catalogs", {}).get(run.catalog, {}).get("selection", {})
    context["origin"] = contents.origin(given.visits, given.exact[0])
    context["figures"] = page.figures(zip(given.figures, figures, strict=True))
    models = systems.read_models(contents.orbits_with_membership(run), given, asked["system_models"])
    data = {"models": models, "flags": MEANING, "kinds": status.KINDS, "first": context["best"].split("/")[0]}
    store.write_text(page.render(context, data), snakemake.output.report)
