"""Evaluations that were made elsewhere, kept as a study, from which searches on the store start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from cosearch.agent import Agent
from cosearch.errors import ArgumentError, StoreError
from cosearch.problem import Problem
from cosearch.quantities import count
from cosearch.run.recorded import IMPORTED
from cosearch.run.study import Study
from cosearch.run.trial import Results
from cosearch.settings import settings_key
from cosearch.space import Designs
from cosearch.store import Store, StudyRecord

SOURCE = "imported_from"  # in a study's options: the file, and its digest


class Imported(Agent):
    """Stands for whoever made the evaluations of an imported study; asks for nothing."""

    name: ClassVar[str] = IMPORTED

    def ask(self, n: int) -> Designs:
        """Nothing."""
        return self.space.designs([])

    def tell(self, results: Results) -> None:
        """Nothing."""


def import_results(
    store: Store, problem: Problem, results: Results, name: str, source: Mapping[str, Any], command: str
) -> StudyRecord:
    """Keep results as a study; again with the same source, an import that was cut short is completed.

    Args:
        store: where to.
        problem: whose results they are.
        results: the evaluations, each once.
        name: of the study.
        source: the file's name and digest, which tell two imports apart.
        command: that made it.

    Raises:
        StoreError: if a study of this name is there that is no half-written import of this source.
    """
    known = {record.name: record for record in store.studies()}
    if (record := known.get(name)) is not None:
        theirs = record.options.get(SOURCE)
        if record.agent != IMPORTED or theirs != dict(source):
            raise StoreError(
                f"{store.location} already has a study named {name!r}; choose another with --name"
            )
        if record.status == "finished":
            raise StoreError(f"{store.location} already has {source['file']}, as study {name!r}")
    else:
        fidelity = results.fidelity[-1].item() if len(set(results.fidelity.tolist())) == 1 else None
        study = Study.create(
            problem, Imported, budget=len(results), store=store, name=name, fidelity=fidelity
        )
        record = replace(study.record, options={SOURCE: dict(source)}, command=command)
    with store.writer(record) as writer:
        writer.set_record(record)
        if writer.stored == 0:
            rows = writer.append(
                results.number, results.designs, results.outcomes, True, results.fidelity, results.seed, 0.0
            )
            writer.tell(rows, {})
        writer.flush()
        writer.set_status("finished", f"imported from {source['file']}")
    return store.study(name)


def start_from_imports(study: Study) -> list[str]:
    """Let a new study start from what was imported into its store for its problem; a line for each import."""
    lines = []
    for record in study.store.studies():
        if record.agent != IMPORTED or record.problem != study.record.problem:
            continue
        if record.status != "finished":
            lines.append(f"import {record.name} is half-written and left out; run `cosearch import` again")
        elif why := _differs(study, record):
            lines.append(f"import {record.name} is left out: {why}")
        else:
            try:
                n = study.warm_start(study.store.read(record))
            except (ArgumentError, StoreError) as error:
                lines.append(f"import {record.name} is left out: {error}")
            else:
                lines.append(f"starts from {count(n, 'evaluation')} of import {record.name}, at no cost")
    return lines


def _differs(study: Study, record: StudyRecord) -> str:
    """In what an import is of another problem than a study; empty where it is not."""
    mine, settings = study.record, study.problem.Settings
    own, theirs = (settings_key(settings, r.problem_arguments) for r in (mine, record))
    if own != theirs or mine.workload_digest != record.workload_digest:
        return "it is of other settings"
    if mine.space_hash != record.space_hash:
        return "it is of another design space (other parameters are held?)"
    if mine.problem_version != record.problem_version:
        return f"it is of version {record.problem_version} of the problem"
    return ""
