"""From the user's table to the visits that all rules read."""


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
        truth="data/twin_truth.ecsv",
    output:
        visits="results/simulated/twin.ecsv",
    params:
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


rule prepare_visits:
    """Pass the user's table through the gate: the visits used, the systems, and the rows rejected with a reason."""
    input:
        table=catalog_paths,
    output:
        visits="results/{catalog}/visits.fits",
        systems="results/{catalog}/systems.ecsv",
        rejected="results/{catalog}/rejected.ecsv",
    params:
        settings=settings("systems", catalog="catalogs/{catalog}"),
        code=source_digest("prepare_visits"),
    log:
        "logs/prepare_visits/{catalog}.log",
    benchmark:
        "results/benchmarks/prepare_visits/{catalog}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/prepare_visits.py"
