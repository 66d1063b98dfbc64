"""Declared settings: what they take, how they refuse, what a study keeps and compares."""

from __future__ import annotations

import json
import os
import pickle
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import AfterValidator, model_validator

from cosearch import errors
from cosearch.settings import InputFile, Settings, described, setting, settings_key


def even(value: int) -> int:
    if value % 2:
        raise errors.WorkloadError(f"{value} is odd")
    return value


class CacheSettings(Settings):
    """What a cache runs."""

    ways: int = setting(4, "associativity", ge=1, le=64)
    policy: Literal["lru", "fifo"] = setting("lru", "which line\nis replaced")
    bits: Literal[8, 16, 32] | None = None
    clock_ghz: float = setting(1.0, "of the cache", unit="GHz", gt=0)
    search: bool | Literal["ways"] = False
    layer: int | str = 0
    trace: InputFile | None = None
    sizes: list[int] = setting([1], "of the requests")
    pairs: Annotated[int, AfterValidator(even)] | None = None
    threads: int | None = setting(None, "designs at once", ge=1, affects_results=False)

    @model_validator(mode="after")
    def _consistent(self) -> CacheSettings:
        if self.policy == "fifo" and self.ways == 1:
            raise errors.ArgumentError("fifo needs ways")
        return self


def read(**values: Any) -> CacheSettings:
    return CacheSettings.read(values, "problem p")


@pytest.mark.parametrize(
    ("values", "kind", "line"),
    [
        ({"way": 4}, errors.UnknownNameError, "unknown argument of problem p 'way'; did you mean 'ways'?"),
        ({"ways": 0}, errors.ArgumentError, "problem p: ways must be from 1 to 64, got 0"),
        ({"ways": 1.5}, errors.ArgumentError, "problem p: ways must be a whole number, got 1.5"),
        ({"ways": True}, errors.ArgumentError, "problem p: ways must be a whole number, got True"),
        ({"ways": None}, errors.ArgumentError, "problem p: ways must be a whole number, got None"),
        ({"threads": 0}, errors.ArgumentError, "problem p: threads must be at least 1, got 0"),
        ({"clock_ghz": "fast"}, errors.ArgumentError, "problem p: clock_ghz must be a number, got 'fast'"),
        ({"clock_ghz": 0}, errors.ArgumentError, "problem p: clock_ghz must be above 0, got 0"),
        ({"clock_ghz": float("inf")}, errors.ArgumentError, "clock_ghz must be a finite number, got inf"),
        ({"policy": "lfu"}, errors.UnknownNameError, "unknown policy 'lfu'; did you mean 'lru'?"),
        ({"policy": 3}, errors.ArgumentError, "problem p: policy must be 'lru' or 'fifo', got 3"),
        ({"bits": 4}, errors.ArgumentError, "problem p: bits must be 8, 16 or 32, got 4"),
        ({"search": "x"}, errors.ArgumentError, "search must be true, false or 'ways', got 'x'"),
        ({"layer": [1]}, errors.ArgumentError, "layer must be a whole number or text, got [1]"),
        ({"sizes": [1, "x"]}, errors.ArgumentError, "problem p: sizes.1: Input should be a valid integer"),
        ({"pairs": 3}, errors.WorkloadError, "3 is odd"),
        ({"policy": "fifo", "ways": 1}, errors.ArgumentError, "fifo needs ways"),
        ({"layer": ["x"] * 99}, errors.ArgumentError, "..."),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_setting(
    values: dict[str, Any], kind: type[Exception], line: str
) -> None:
    with pytest.raises(kind) as refused:
        read(**values)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_text_and_numbers_become_what_is_declared() -> None:
    assert read(ways="8", bits="16", clock_ghz="0.5", sizes="[1, 2]") == read(
        ways=np.int64(8), bits=16.0, clock_ghz=np.float32(0.5), sizes=[1, 2]
    )
    assert read(trace=7).trace == read(trace="7").trace
    assert read(layer="7").layer == "7"
    assert read(search=True).search is True


def test_one_that_must_be_given_is_asked_for() -> None:
    class Needy(Settings):
        size: int = setting(..., "of it")

    with pytest.raises(errors.ArgumentError, match=r"problem p needs --set size=\.\.\. \(of it\)"):
        Needy.read({}, "problem p")


def test_what_was_given_is_kept_as_json_and_means_the_same_from_any_folder(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.trace").write_text("1")
    monkeypatch.chdir(tmp_path)
    settings = read(trace="a.trace", ways=2)
    assert settings.arguments() == {"ways": 2, "trace": str(tmp_path / "a.trace")}
    monkeypatch.chdir("/")
    again = read(**json.loads(json.dumps(settings.arguments())))
    assert again == settings == pickle.loads(pickle.dumps(settings))
    assert again.digest() == settings.digest() != ""


def test_the_digest_notices_a_changed_file_and_names_one_that_is_gone(tmp_path: Any) -> None:
    path = tmp_path / "a.trace"
    path.write_text("1")
    settings = read(trace=str(path))
    before = settings.digest()
    path.write_text("2")
    assert settings.digest() != before
    assert read().digest() == ""
    path.unlink()
    with pytest.raises(errors.ArgumentError, match=f"trace: cannot read {path}: No such file"):
        settings.digest()


def test_a_device_or_a_pipe_is_no_file_to_hash(tmp_path: Any) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", str(tmp_path / "pipe")):
        with pytest.raises(errors.ArgumentError, match=f"trace: {path} is not a file"):
            CacheSettings(trace=path).digest()


def test_a_setting_is_described_in_words() -> None:
    found = {one.name: one for one in described(CacheSettings)}
    assert {name: one.type for name, one in found.items()} == {
        "ways": "whole number from 1 to 64",
        "policy": "lru or fifo",
        "bits": "8, 16 or 32",
        "clock_ghz": "number above 0",
        "search": "true, false or ways",
        "layer": "whole number or text",
        "trace": "path",
        "sizes": "list",
        "pairs": "whole number",
        "threads": "whole number of at least 1",
    }
    assert found["policy"].description == "which line is replaced"
    assert (found["clock_ghz"].unit, found["clock_ghz"].default) == ("GHz", 1.0)
    assert [name for name, one in found.items() if not one.affects_results] == ["threads"]
    assert described(None) == []


def test_studies_are_compared_by_what_may_change_a_number() -> None:
    plain = settings_key(CacheSettings, {})
    assert plain == settings_key(CacheSettings, {"threads": 4, "ways": 4, "clock_ghz": 1})
    assert json.dumps(plain) == json.dumps(settings_key(CacheSettings, {"clock_ghz": 1}))
    assert plain != settings_key(CacheSettings, {"ways": 8})
    assert "threads" not in plain


def test_arguments_of_another_version_are_still_compared() -> None:
    assert settings_key(CacheSettings, {"gone": 1, "threads": 2})["gone"] == 1
    assert settings_key(CacheSettings, {"ways": 99, "threads": 2}) == settings_key(
        CacheSettings, {"ways": 99}
    )
    assert settings_key(None, {"ways": 99}) == {"ways": 99}


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read().ways = 5
