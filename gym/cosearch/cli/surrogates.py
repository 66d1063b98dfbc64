"""`surrogate`: models that learn from recorded evaluations and answer in a simulator's place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosearch.cli import options
from cosearch.cli.command import Command
from cosearch.cli.design_files import designs_from_file
from cosearch.cli.output import print_json, print_line, print_table
from cosearch.cli.progress import said_if_slow
from cosearch.cli.transferring import transfer
from cosearch.errors import ArgumentError
from cosearch.objectives import Metric
from cosearch.quantities import percent

if TYPE_CHECKING:
    from cosearch.surrogates.surrogate import Surrogate
    from cosearch.surrogates.training import Start

app = typer.Typer(help="Learn a problem from its recorded evaluations; predict in place of the simulator.")

SurrogateFile = Annotated[str, typer.Argument(metavar="FILE", help="As `surrogate train --output` wrote it.")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything random.")]


@app.command(cls=Command)
def train(
    store: options.StorePath,
    studies: Annotated[
        list[str],
        typer.Argument(metavar="STUDY", help="As `cosearch studies` lists them; default all."),
    ] = [],  # noqa: B006  typer copies it
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="gbdt, gp, mlp or forest; default by the number of designs."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to keep it; default nowhere.")
    ] = None,
    fidelity: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose numbers are learned; default the studies' own.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A rougher fidelity to start from: what is learned is by how much it is wrong.",
        ),
    ] = None,
    held_out: Annotated[
        float, typer.Option("--held-out", min=0.01, max=0.9, help="Share of designs to examine it on.")
    ] = 0.2,
    diversity: Annotated[
        bool,
        typer.Option("--diversity", help="Compare data of each agent with as much of all agents."),
    ] = False,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the comparison of --diversity as a page.")
    ] = None,
    seed: Seed = 0,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Train a surrogate on what a store's studies evaluated; examine it on designs that it has not seen."""
    from cosearch.cli.stores import read_studies
    from cosearch.surrogates.diversity import diversity as compared
    from cosearch.surrogates.diversity import write_figure
    from cosearch.surrogates.file import save
    from cosearch.surrogates.models import model_class
    from cosearch.surrogates.recorded import Recorded
    from cosearch.surrogates.training import train as trained

    if figure is not None and not diversity:
        raise ArgumentError("--figure draws what --diversity compares: add --diversity")
    for path in (output, figure):
        if path is not None:
            options.check_new(path, force=force)
            if not path.parent.is_dir():
                raise ArgumentError(f"cannot write {path}: there is no folder {path.parent}")
    if model is not None:
        model_class(model)
    found = read_studies(store, *studies)
    recorded = Recorded.of(found, fidelity)
    with said_if_slow() as say:
        say(f"training on {len(recorded):,} designs")
        start = _start(found[0].record, base, recorded.origin.fidelity) if base else None
        surrogate = trained(recorded, model, start=start, held_out=held_out, seed=seed)
        if output is not None:
            save(surrogate, output)
        comparison = None
        if diversity:
            say("training on each agent's designs")
            comparison = compared(recorded, model, seed=seed)
            if figure is not None:
                write_figure(comparison, figure)
    described = {**_described(surrogate), "output": None if output is None else str(output)}
    if comparison is not None:
        described["diversity"] = comparison
    if json:
        print_json(described)
        return
    _show(described)
    if comparison is not None:
        _show_diversity(comparison)
    if output is not None:
        problem = surrogate.origin.problem
        print_line(f"wrote {output}; search with it: cosearch search {problem} --surrogate {output}")
    else:
        print_line("nothing is kept: add --output FILE to keep the surrogate")


@app.command(cls=Command)
def show(file: SurrogateFile, json: options.Json = False) -> None:
    """Show what a surrogate was trained on, and how good it is."""
    from cosearch.surrogates.file import load

    described = {**_described(load(file)), "output": file}
    if json:
        print_json(described)
    else:
        _show(described)


@app.command(cls=Command)
def predict(
    file: SurrogateFile,
    designs: Annotated[
        Path, typer.Option("--designs", metavar="FILE", help="Designs in .json, .jsonl, .csv or .parquet.")
    ],
    json: options.Json = False,
) -> None:
    """Predict designs: each metric with its standard error, whether it is valid, and what was never seen."""
    from cosearch.surrogates.file import load

    surrogate = load(file)
    if surrogate.base is not None:
        origin = surrogate.origin
        raise ArgumentError(
            f"{file} starts from fidelity {origin.base}, which the problem has to evaluate: use "
            f"`cosearch evaluate {origin.problem} --set surrogate={file} --fidelity surrogate`"
        )
    units = dict(surrogate.origin.metrics)
    metrics = [Metric(name, unit) for name, unit in units.items()]
    batch = designs_from_file(surrogate.space, designs, metrics)
    found = surrogate.predict(batch)
    rows = [
        {
            "design": batch[i],
            "metrics": {name: column[i] for name, column in found.metrics.items()},
            "standard_error": {name: column[i] for name, column in found.standard_error.items()},
            "valid": found.valid[i],
            "outside": found.outside[i],
        }
        for i in range(len(batch))
    ]
    if json:
        print_json({"problem": surrogate.origin.problem, "units": units, "rows": rows})
        return
    heads = [f"{name} [{unit}]" for name, unit in units.items()]
    cells = [
        [
            i,
            *(f"{row['metrics'][n]:.5g} ±{row['standard_error'][n]:.2g}" for n in units),
            percent(row["valid"]),
            row["outside"] or "-",
        ]
        for i, row in enumerate(rows)
    ]
    print_table(
        "Predictions", ["design", *heads, "valid", "outside"], cells, right=["design", *heads, "valid"]
    )


app.command(cls=Command)(transfer)


def _start(record: Any, base: str, fidelity: str) -> Start:
    """The rough fidelity of a study's problem, which is built again."""
    from cosearch.run.recorded import problem_of
    from cosearch.surrogates.training import Start, check_base

    problem = problem_of(record)
    check_base(problem, base, fidelity)
    return Start(
        base, lambda designs: problem.evaluate(problem.space.from_index(designs.index), fidelity=base)
    )


def _described(surrogate: Surrogate) -> dict[str, Any]:
    """What a surrogate is, in JSON types."""
    from cosearch.surrogates.examination import speed

    origin = surrogate.origin
    seconds = speed(surrogate)
    return {
        "problem": origin.problem,
        "model": surrogate.model.name,
        "fidelity": origin.fidelity,
        "base": origin.base or None,
        "designs": origin.designs,
        "invalid": origin.invalid,
        "units": dict(origin.metrics),
        "studies": list(origin.studies),
        "training_s": origin.training_s,
        "evaluation_s": origin.evaluation_s,
        "prediction_s": seconds,
        "predictions_per_s": 1.0 / max(seconds, 1e-9),
        "tabulated": surrogate.table is not None,
        "examination": surrogate.examination or None,
    }


def _show(found: dict[str, Any]) -> None:
    from_ = f", starting from {found['base']}" if found["base"] else ""
    invalid = f", {found['invalid']:,} of them not valid" if found["invalid"] else ""
    print_line(
        f"{found['model']} of {found['problem']} at {found['fidelity']}{from_}: {found['designs']:,} designs"
        f"{invalid}, trained in {found['training_s']:.1f} s; {found['predictions_per_s']:,.0f} predictions/s"
    )
    examination = found["examination"]
    if not examination:
        return
    title = f"On {examination['held_out']:,} designs that a surrogate of the others has not seen"
    print_table(title, *_score_rows(examination["metrics"], found["units"]), right=_NUMBERS)
    if len(examination["agents"]) > 1:
        rows = [
            [agent, one["designs"], name, *_score_cells(score)[1:4]]
            for agent, one in examination["agents"].items()
            for name, score in one["metrics"].items()
        ]
        columns = ["agent", "designs", "metric", "RMSE/range", "RMSE/mean", "Spearman"]
        print_table("By the agent that asked for them", columns, rows, right=["designs", *columns[3:]])
    if validity := examination.get("validity"):
        print_line(
            f"valid or not: log loss {validity['log_loss']:.3f} ({validity['log_loss_of_share']:.3f} for the "
            f"share alone), Brier score {validity['brier']:.3f} ({validity['brier_of_share']:.3f}), "
            f"calibration error {validity['calibration_error']:.3f}"
        )


_NUMBERS = ("RMSE", "RMSE/range", "RMSE/mean", "Spearman", "in the 50 % interval", "90 %", "95 %")


def _score_rows(metrics: dict[str, Any], units: dict[str, str]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [
            f"{name} [{units[name]}]",
            *_score_cells(score),
            *(percent(score["coverage"][level]) for level in ("0.5", "0.9", "0.95")),
        ]
        for name, score in metrics.items()
    ]
    return ["metric", *_NUMBERS], rows


def _score_cells(score: dict[str, Any]) -> list[str]:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.3g} %"

    rank = score["spearman"]
    return [
        f"{score['rmse']:.4g}",
        share(score["rmse_of_range"]),
        share(score["rmse_of_mean"]),
        "-" if rank is None else f"{rank:.4f}",
    ]


def _show_diversity(found: dict[str, Any]) -> None:
    rows = [
        [row["source"], row["designs"], name, *_score_cells(score)[1:]]
        for row in found["sources"]
        for name, score in row["metrics"].items()
    ]
    columns = ["designs of", "number", "metric", "RMSE/range", "RMSE/mean", "Spearman"]
    title = f"Examined on {found['tested_on']:,} designs, as many of each agent"
    print_table(title, columns, rows, right=columns[3:])
