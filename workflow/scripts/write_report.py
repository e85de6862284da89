"""Put all that a run found on one page."""

import json

from starpop.checks.flags import MEANING
from starpop.pages.report import contents, page, systems
from starpop.run import store

with store.job(snakemake.log[0]) as log:
    given, models = snakemake.input, list(snakemake.params.models)
    asked, figures = json.loads(snakemake.params.settings), json.loads(snakemake.params.figures)["figures"]
    run = contents.read_run(
        snakemake.wildcards.catalog, given, models, snakemake.params.pairs, snakemake.params.calibration
    )
    log.info("The charts of the systems")
    data = {}
    for model, products in systems.by_model(given, models).items():
        times = asked["system_models"][model].get("times", "reported")
        charts = systems.read_charts(run.orbits[model], products, given.visits, times)
        data[model] = systems.table(run.orbits[model]) | {"charts": charts}
    log.info("The page")
    drawn = page.figures(zip(given.figures, figures, strict=True))
    context = contents.contents(run) | contents.settings(asked)
    context |= {"origin": contents.origin(given.visits, given.exact[0]), "figures": drawn}
    written = page.render(context, {"models": data, "flags": MEANING, "first": context["best"].split("/")[0]})
    store.write_text(written, snakemake.output.report)
