"""Builds the pages of the site that the repository already says elsewhere; a hook of mkdocs.

Tutorials are `examples/plugin_tutorial.md` and the parts of `examples/a_day.md`; concepts, and what
simulators were held against, are the READMEs; problems, agents and the command line are described by what
they declare. Nothing is typed twice.
"""

from __future__ import annotations

import ast
import functools
import inspect
import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
# READMEs that are pages of the site, by where they stand in the repository.
READMES = {
    "gym/README.md": "concepts/core.md",
    "plugins/README.md": "concepts/problems.md",
    "agents/README.md": "concepts/agents.md",
    "simulators/README.md": "concepts/simulators.md",
    "CHANGELOG.md": "reference/changes.md",
}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of problems and simulators below those that list them."""
    below = {
        "reference/problems.md": [uri for uri in _pages() if uri.startswith("reference/problems/")],
        "concepts/simulators.md": [uri for uri in _pages() if uri.startswith("simulators/")],
    }
    for section in config.nav or []:
        for entry in next(iter(section.values())) if isinstance(section, dict) else []:
            for title, uri in list(entry.items()):
                if uri in below:
                    entry[title] = [uri, *below[uri]]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for uri, text in _pages().items():
        files.append(File.generated(config, uri, content=text))
    return files


@functools.cache
def _pages() -> dict[str, str]:
    """The text of every generated page by its address in the site."""
    readmes = {**READMES, **_simulator_readmes()}
    pages = {uri: _readme(source, uri, readmes) for source, uri in readmes.items()}
    return {
        **pages,
        **_tutorials(),
        "reference/cli.md": _cli(),
        "reference/api.md": _api(),
        "reference/agents.md": _agents(),
        **_problems(readmes),
    }


def _simulator_readmes() -> dict[str, str]:
    found = {}
    base = ROOT / "simulators" / "cosearch_simulators"
    for file in sorted([*base.rglob("README.md"), *(ROOT / "tests" / "reference").rglob("README.md")]):
        source = file.relative_to(ROOT).as_posix()
        name = "-".join(file.relative_to(ROOT).parts[1:-1]).replace("cosearch_simulators-", "")
        found[source] = f"simulators/{name}.md"
    return found


# ------------------------------------------------------------------------------------------ READMEs


def _readme(source: str, uri: str, readmes: Mapping[str, str]) -> str:
    """A README as a page: links to other pages lead there, links to files are their names."""
    text = (ROOT / source).read_text(encoding="utf-8")

    def linked(match: re.Match[str]) -> str:
        image, words, target = match.groups()
        if target.startswith(("http:", "https:", "mailto:")):
            return match[0]
        path, _, anchor = target.partition("#")
        if not path:
            return match[0] if anchor in _anchors(text) else words
        place = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        for candidate in (place, posixpath.join(place, "README.md")):
            if candidate in readmes:
                relative = posixpath.relpath(readmes[candidate], posixpath.dirname(uri))
                there = _anchors((ROOT / candidate).read_text(encoding="utf-8"))
                return f"[{words}]({relative}{'#' + anchor if anchor in there else ''})"
        return "" if image else words

    kept = FENCE.findall(text)
    parts = FENCE.split(text)
    whole = [LINK.sub(linked, parts[0])]
    for fence, part in zip(kept, parts[1:], strict=True):
        whole += [fence, LINK.sub(linked, part)]
    return "".join(whole)


def _anchors(text: str) -> set[str]:
    from markdown.extensions.toc import slugify

    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {slugify(re.sub(r"[`*]|\]\([^)]*\)|\[", "", head), "-") for head in heads}


def _tutorials() -> dict[str, str]:
    _, *found = re.split(r"^## (.+)$", (ROOT / "examples" / "a_day.md").read_text(), flags=re.MULTILINE)
    pages = {}
    for title, text in zip(found[::2], found[1::2], strict=True):
        name = title.partition(":")[0].lower().replace(" ", "-")
        named = _named_files(text)
        begin = "Begin in an empty folder with cosearch installed. The tests run every command of this page."
        pages[f"tutorials/{name}.md"] = f"# {title}\n\n{begin}\n{named}"
    whole = (ROOT / "examples" / "plugin_tutorial.md").read_text(encoding="utf-8")
    return {**pages, "tutorials/your-simulator.md": _named_files(whole)}


def _named_files(text: str) -> str:
    """The page with the name of each file as the title of its block."""
    return re.sub(r"^```(\w+) file=(\S+)$", r'```\1 title="\2"', text, flags=re.MULTILINE)


# ---------------------------------------------------------------------------------------- reference


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; columns that are empty everywhere are left out."""
    used = [i for i in range(len(heads)) if i == 0 or any(str(row[i]) for row in rows)]
    lines = ["| " + " | ".join(heads[i] for i in used) + " |", "|" + "---|" * len(used)]
    lines += ["| " + " | ".join(_cell(row[i]) for i in used) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    text = " ".join(str(value).split())
    return re.sub(r"``(.+?)``", r"`\1`", text).replace("|", "\\|").replace("<", "&lt;") or " "


def _code(value: Any) -> str:
    return f"`{value}`" if str(value) else ""


def _cli() -> str:
    from typer.main import get_command

    from cosearch.cli import app

    text = ["# Command line\n", "Errors are one line that says what to do; exit codes are those below.\n"]
    root: Any = get_command(app)
    text.append(f"{app.info.epilog}\n")
    for name, command in root.commands.items():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        usage = " ".join(["cosearch", name, *(p.metavar or p.name.upper() for p in arguments), "[OPTIONS]"])
        text += [f"## `{name}`\n", inspect.cleandoc(command.help or "") + "\n", f"    {usage}\n"]
        rows = [
            [_code(", ".join([*p.opts, *p.secondary_opts])), p.help or "", _default(p)]
            for p in command.params
            if p.param_type_name == "option" and p.name != "help"
        ]
        if rows:
            text.append(_table(["option", "what it does", "default"], rows))
    return "\n".join(text)


def _default(parameter: Any) -> str:
    value = parameter.default
    if value in (None, False, True, "", [], ()) or callable(value) or "UNSET" in repr(value).upper():
        return ""
    return _code(value)


def _api() -> str:
    import cosearch

    kinds: dict[str, list[str]] = {}
    for name in sorted(cosearch.__all__):
        found = getattr(cosearch, name)
        module = inspect.getmodule(found)
        kind = "Classes" if inspect.isclass(found) else "Functions"
        if (
            module is not None
            and not name.startswith("_")
            and (inspect.isclass(found) or inspect.isfunction(found))
        ):
            kinds.setdefault(kind, []).append(f"{module.__name__}.{found.__qualname__}")
    text = ["# Python\n", "The public names, as `from cosearch import ...` gives them.\n"]
    for kind in ("Classes", "Functions"):
        text += [f"::: {path}\n" for path in kinds.get(kind, [])]
    exports = ("cosearch.export.formats.write_studies", "cosearch.export.loading.load_studies")
    text += ["Beside them, from `cosearch.export`:\n", *(f"::: {path}\n" for path in exports)]
    return "\n".join(text)


def _agents() -> str:
    from cosearch.description import agent_summary, describe_agent
    from cosearch.registry import registry

    text = ["# Agents\n", "What `--agent` takes, and `--agent-set` for each.\n"]
    classes = [registry().agents[name] for name in sorted(registry().agents)]
    text.append(_table(["agent", "what it is"], [[f"[`{c.name}`](#{c.name})", c.summary()] for c in classes]))
    for cls in classes:
        if not agent_summary(cls)["hyperparameters"]:
            text.append(f"## `{cls.name}` {{ #{cls.name} }}\n\n{cls.summary()}\n")
            continue
        space = describe_agent(cls)["space"]
        text.append(f"## `{cls.name}` {{ #{cls.name} }}\n\n{cls.summary()}\n\n{_space(space['parameters'])}")
    return "\n".join(text)


# ----------------------------------------------------------------------------------------- problems


def _problems(readmes: Mapping[str, str]) -> dict[str, str]:
    from cosearch.registry import registry

    pages, rows = {}, []
    for name, cls in sorted(registry().problems.items()):
        if not cls.__module__.startswith("cosearch_plugins"):
            continue
        pages[f"reference/problems/{name}.md"] = _problem(cls, readmes)
        rows.append([f"[`{name}`](problems/{name}.md)", cls.summary()])
    heading = "# Problems\n\nEvery built-in problem, by what it declares.\n\n"
    return {**pages, "reference/problems.md": heading + _table(["problem", "what is searched"], rows)}


def _problem(cls: Any, readmes: Mapping[str, str]) -> str:
    from cosearch.description import argument_type_text, cardinality_text, describe_problem, describe_unbuilt
    from cosearch.errors import CosearchError
    from cosearch.fidelity import as_fidelities

    problem = None
    try:
        problem = cls()
        described = describe_problem(problem)
    except CosearchError as error:
        described = {**describe_unbuilt(cls), "needs": str(error)}
    text = [f"# `{cls.name}`\n", f"{described['summary']}\n"]
    body = re.split(
        r"^[A-Z]\w+:$", described["description"].partition("\n")[2], maxsplit=1, flags=re.MULTILINE
    )[0]
    text += [" ".join(part.split()) + "\n" for part in body.split("\n\n") if part.strip()]
    if problem is None:
        text.append(
            f"It is made of a file: {described['needs']}. Its space and its metrics are the file's.\n"
        )
    else:
        text += [f"With its defaults: {problem.about}.\n"] if problem.about else []
        goal = [f"{o.direction} `{o.metric}`" for o in problem.objectives]
        text += [
            _table(
                ["version", str(cls.version)],
                [
                    ["objectives", ", ".join(goal)],
                    ["constraints", ", ".join(f"`{c}`" for c in problem.constraints) or "none"],
                    ["designs", cardinality_text(described["cardinality"])],
                    ["parameters", str(len(problem.space))],
                    ["environments", ", ".join(f"`{one}`" for one in described["env_ids"])],
                ],
            ),
            "## Design space\n",
            _space(described["space"]["parameters"]),
        ]
        forbidden = described["space"]["forbidden"]
        if forbidden:
            text += ["Forbidden:\n", *(f"- `{rule['rule']}` {rule['reason']}" for rule in forbidden), ""]
        metrics = [[_code(m["name"]), m["unit"], m["description"]] for m in described["metrics"]]
        text += ["## Metrics\n", _table(["metric", "unit", "what it is"], metrics)]
    text += [
        "## Fidelities\n",
        _table(
            ["fidelity", "relative cost", "what it is"],
            [[_code(f.name), f"{f.cost:g}", f.description] for f in as_fidelities(cls.fidelities)],
        ),
    ]
    arguments = [
        [
            _code(a["name"]),
            argument_type_text(a),
            "(required)" if a["required"] else _code(json.dumps(a["default"])),
            a["description"],
        ]
        for a in described["arguments"]
    ]
    if arguments:
        text += ["## Settings\n", _table(["`--set`", "type", "default", "what it is"], arguments)]
    if described["workloads"]:
        text += [
            "Workloads that come with it: " + ", ".join(f"`{w}`" for w in described["workloads"]) + ".\n"
        ]
    text += ["## Engines and what they were held against\n", _validation(cls, readmes)]
    return "\n".join(text)


def _space(parameters: Sequence[Mapping[str, Any]]) -> str:
    from cosearch.description import values_text, when_text
    from cosearch.report.words import parameter_value

    rows = [
        [
            _code(p["name"]),
            p["kind"],
            values_text(p, parameter_value),
            parameter_value(p["default"]),
            when_text(p, parameter_value),
            p.get("description", ""),
        ]
        for p in parameters
    ]
    return _table(["parameter", "kind", "values", "default", "active when", "what it is"], rows)


def _validation(cls: Any, readmes: Mapping[str, str]) -> str:
    """The simulators that a problem's modules import, their engines, and what these are held to."""
    from cosearch.registry import registry

    domains = sorted(_domains(cls.__module__, set()))
    if not domains:
        return "It reads what somebody has measured; there is no simulator in it.\n"
    lines = []
    for domain in domains:
        base = ROOT / "simulators" / "cosearch_simulators" / domain
        engines = sorted(p.name for p in (base / "engines").glob("*/") if (p / "__init__.py").exists())
        tree = ast.parse((base / "__init__.py").read_text(encoding="utf-8"))
        about = (ast.get_docstring(tree) or domain).partition("\n")[0].rstrip(".")
        source = f"simulators/cosearch_simulators/{domain}/README.md"
        page = readmes.get(source, readmes["simulators/README.md"])
        lines.append(f"### `cosearch_simulators.{domain}`\n\n{about}: [how it works](../../{page}).\n")
        if engines:
            lines.append("Engines: " + ", ".join(f"`{engine}`" for engine in engines) + ".\n")
        reference = f"tests/reference/{domain}/README.md"
        if reference in readmes:
            lines.append(
                f"Held against [reference measurements](../../{readmes[reference]}): "
                f"`cosearch validate {domain} --cases tests/reference/{domain}`.\n"
            )
        elif domain in registry().validations:
            lines.append(
                f"Held against reference measurements: `cosearch validate {domain} --cases FOLDER`.\n"
            )
    return "\n".join(lines)


def _domains(module: str, seen: set[str]) -> set[str]:
    """The packages of simulators that a module of plugins imports, itself or through others."""
    if module in seen:
        return set()
    seen.add(module)
    file = ROOT / "plugins" / Path(*module.split("."))
    file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
    if not file.exists():
        return set()
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "cosearch_simulators" and len(parts) > 1 and parts[1] not in ("core", "workloads"):
                if (ROOT / "simulators" / parts[0] / parts[1] / "__init__.py").exists():
                    found.add(parts[1])
            elif parts[0] == "cosearch_plugins" and len(parts) > 1:
                found |= _domains(name, seen)
    return found
