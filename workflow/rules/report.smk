"""The report: one HTML file of a run, to read and to pass on."""

# A workflow that uses this one may leave rules of figures out.
MADE = set(outputs())
FIGURES = {path: said for path, said in pictures().items() if workflow.modifier.modify_path(path) in MADE}
PAGE = [provenance.PACKAGE / f"pages/report/page.{ending}" for ending in ("html", "css", "js")]


rule write_report:
    """The answer, what it was found from, whether to believe it, and every system and figure, in one page."""
    input:
        visits="results/{catalog}/visits.fits",
        systems="results/{catalog}/systems.ecsv",
        rejected="results/{catalog}/rejected.ecsv",
        diagnostics="results/{catalog}/diagnostics.csv",
        comparison=["results/{catalog}/model_comparison.csv"] if PAIRS else [],
        sensitivity=["results/{catalog}/prior_sensitivity.csv"] if PAIRS else [],
        cluster=[f"{CLUSTER}/summary.csv"] if WITH_CLUSTER else [],
        published=["results/{catalog}/published.csv"] if PUBLISHED else [],
        orbits=of_models("results/{catalog}/{system_model}/orbits.csv"),
        agreement=of_models("results/{catalog}/{system_model}/agreement.csv"),
        criticism=of_models("results/{catalog}/{system_model}/criticism.csv"),
        summaries=all_pairs("results/{catalog}/{system_model}/{population_model}/summary.csv"),
        predictions=all_pairs("results/{catalog}/{system_model}/{population_model}/criticism.csv"),
        populations=all_pairs("results/{catalog}/{system_model}/{population_model}/exact.nc"),
        members=all_pairs("results/{catalog}/{system_model}/{population_model}/systems.csv"),
        selections=of_models("results/{catalog}/{system_model}/selection.csv") if SELECTION else [],
        periods=of_models("results/{catalog}/{system_model}/periods/{batch}.nc"),
        exact=of_models("results/{catalog}/{system_model}/exact/{batch}.nc"),
        posteriors=of_models("results/{catalog}/{system_model}/posteriors/{batch}.nc"),
        figures=list(FIGURES),
    output:
        report="results/{catalog}/report.html",
    params:
        settings=asked,
        models=SYSTEM_MODELS,
        pairs=["/".join(pair) for pair in PAIRS],
        figures=captions(FIGURES),
        page=provenance.data_digest(PAGE),
        calibration=if_there("results/calibration/calibration.csv"),
        chain=source_digest("rank_catalogs"),
        code=source_digest("write_report"),
    log:
        "logs/write_report/{catalog}.log",
    benchmark:
        "results/benchmarks/write_report/{catalog}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/write_report.py"
