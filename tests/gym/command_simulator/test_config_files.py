"""Config files: templates, and documents whose values keep their kinds."""

from __future__ import annotations

import json

import pytest
import yaml

from cosearch.command_simulator import ConfigError, JsonFile, Template, YamlFile

DESIGN = {"rows": 16, "policy": "08", "order": ("m", "n"), "on": True, "clock_ghz": 0.5}
CONTEXT = {**DESIGN, "design": DESIGN | {"hardware.rows": 4}, "seed": 7}
CONTENT = {
    "pe": {"rows": "{{ rows }}", "half": "{{ rows // 2 }}", "text": "{{ rows }}x{{ rows }}"},
    "policy": "{{ policy }}",
    "order": "{{ order }}",
    "list": [1, None, "plain", "{{ on }}", "{{ design['hardware.rows'] }}"],
    "dict": "{{ {'a': seed} }}",
}
FILLED = {
    "pe": {"rows": 16, "half": 8, "text": "16x16"},
    "policy": "08",
    "order": ["m", "n"],
    "list": [1, None, "plain", True, 4],
    "dict": {"a": 7},
}


@pytest.mark.parametrize(("kind", "load"), [(JsonFile, json.loads), (YamlFile, yaml.safe_load)])
def test_a_document_keeps_the_kinds_of_its_values(kind, load):
    assert load(kind(CONTENT).text(CONTEXT)) == FILLED
    assert load(kind(lambda known: {"rows": known["rows"] * 2}).text(CONTEXT)) == {"rows": 32}


def test_a_template_is_a_text(tmp_path):
    source = "rows = {{ rows }}\n{% if on %}clock = {{ clock_ghz }}e9\n{% endif %}"
    (tmp_path / "tool.cfg.j2").write_text(source)
    assert Template(source).text(CONTEXT) == "rows = 16\nclock = 0.5e9\n"
    assert Template.of_file(tmp_path / "tool.cfg.j2") == Template(source)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (Template("{{ row }}"), "'row' is undefined"),
        (Template("{{ rows "), "unexpected"),
        (Template("{{ 1 // 0 }}"), "ZeroDivisionError"),
        (JsonFile({"a": "{{ row }}"}), "'row' is not there"),
        (JsonFile({"a": "{{ rows + }}"}), "unexpected"),
        (JsonFile({"a": "{{ 1 // 0 }}"}), "ZeroDivisionError"),
        (JsonFile({"a": float("nan")}), "is no JSON"),
        (JsonFile(lambda known: known["row"]), "KeyError: 'row'"),
        (YamlFile({"a": object()}), "is no YAML"),
    ],
)
def test_what_cannot_be_rendered_is_said(file, says):
    with pytest.raises(ConfigError) as error:
        file.text(CONTEXT)
    assert says in str(error.value)
