"""Where tables come from that are not the user's: the tutorial's, on request; the embedded twin; a simulated survey."""

if SIMULATION:

    rule simulate_survey:
        """A share of the systems of a simulated catalogue, with the truth."""
        output:
            visits="results/simulated/{catalog}/visits/{share}.fits",
            truth="results/simulated/{catalog}/truth/{share}.fits",
        params:
            settings=settings("period_range_days", **SIMULATION),
            code=source_digest("simulate_survey"),
        log:
            "logs/simulate_survey/{catalog}/{share}.log",
        benchmark:
            "results/benchmarks/simulate_survey/{catalog}/{share}.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        script:
            "../scripts/simulate_survey.py"


if "url" in config["catalogs"].get("apogee", {}):

    rule fetch_apogee:
        """Download and verify the table of the tutorial; having no output, this runs only when asked for by name."""
        params:
            settings=settings(catalog="catalogs/apogee"),
            code=source_digest("fetch_apogee"),
        log:
            "logs/fetch_apogee.log",
        benchmark:
            "results/benchmarks/fetch_apogee.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        script:
            "../scripts/fetch_apogee.py"


rule simulate_twin:
    """The embedded twin catalogue, made again from its truth; data/twin.ecsv is a copy of it, byte for byte."""
    input:
        truth=given(at_home("data/twin_truth.ecsv")),
    output:
        visits="results/simulated/twin.ecsv",
    params:
        data=digest(at_home("data/twin_truth.ecsv")),
        code=source_digest("simulate_twin"),
    log:
        "logs/simulate_twin.log",
    benchmark:
        "results/benchmarks/simulate_twin.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/simulate_twin.py"
