"""Targets of their own, `calibrate` and `recover`: is the chain from visits to hyper-parameters right."""


rule rank_catalogs:
    """Simulate a share of a case's catalogues, analyse them, and rank the truth among the draws."""
    output:
        ranks="results/calibration/{case}/{batch}.csv",
    params:
        settings=settings("seed", case="calibration/cases/{case}"),
        code=source_digest("rank_catalogs"),
        shares=SHARES,
    log:
        "logs/rank_catalogs/{case}/{batch}.log",
    benchmark:
        "results/benchmarks/rank_catalogs/{case}/{batch}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/rank_catalogs.py"


rule calibrate:
    """Rank histograms with their band, coverage, and a test of uniformity for each parameter of every case."""
    input:
        ranks=expand("results/calibration/{case}/{batch}.csv", case=CASES, batch=range(SHARES)),
    output:
        ranks="results/calibration/ranks.csv",
        table=report("results/calibration/calibration.csv", category="Certificates"),
        figure=picture("results/calibration", "ranks", "Certificates"),
    params:
        settings=settings("figures", draws="calibration/draws"),
        chain=source_digest("rank_catalogs"),
        code=source_digest("calibrate"),
    log:
        "logs/calibrate.log",
    benchmark:
        "results/benchmarks/calibrate.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/calibrate.py"


rule recover_systems:
    """Simulate a share of the systems, and look for their periods."""
    output:
        recovered=temp("results/recovery/systems/{batch}.csv"),
    params:
        settings=settings("recovery", "seed"),
        code=source_digest("recover_systems"),
        shares=SHARES,
    log:
        "logs/recover_systems/{batch}.log",
    benchmark:
        "results/benchmarks/recover_systems/{batch}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/recover_systems.py"


rule recover:
    """How often a period is right, and whether the weights of the modes are borne out."""
    input:
        recovered=expand("results/recovery/systems/{batch}.csv", batch=range(SHARES)),
    output:
        systems="results/recovery/systems.csv",
        table="results/recovery/recovery.csv",
        reliability="results/recovery/reliability.csv",
        figure=picture("results/recovery", "reliability", "Certificates"),
    params:
        settings=settings("figures"),
        code=source_digest("recover"),
    log:
        "logs/recover.log",
    benchmark:
        "results/benchmarks/recover.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/recover.py"
