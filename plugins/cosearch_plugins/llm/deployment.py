"""The problem `llm-deployment`: device, count, parallelism, precision and batch for a model and its requests.

The numbers are `cosearch_simulators.llm`'s; here are the space and what is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Forbidden, Ordinal, Parameter
from cosearch_plugins.external import llm as external
from cosearch_plugins.external.tools import PYTHON_TOOLS
from cosearch_plugins.llm.metrics import ENERGY, SHARED, USD_HOUR

if TYPE_CHECKING:
    from cosearch_simulators.llm import Model, Platform, Serving

DEVICES = (
    "a100_sxm",
    "l40s",
    "h100_sxm",
    "h200_sxm",
    "h200_nvl",
    "b200_sxm",
    "gb200",
    "mi300x",
    "mi325x",
)
"""What a data centre rents out; `devices` names others."""

PRECISIONS = ("bf16", "fp8", "nvfp4", "int4")

BATCHES = (1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)


class DeploymentSettings(Settings):
    """The model, its requests, and by whose rules they are costed."""

    model: str = setting(
        "llama-3.1-70b", "a published model, by its name in `cosearch_simulators.llm.models`"
    )
    config: InputFile | None = setting(
        None, "a Hugging Face `config.json`, in place of the published `model`"
    )
    prompt: int = setting(2048, "tokens of a prompt", unit="tokens", ge=1)
    output: int = setting(512, "tokens of an answer", unit="tokens", ge=1)
    cached: int = setting(
        0, "tokens of the prompt whose keys and values are there already", unit="tokens", ge=0
    )
    devices: tuple[str, ...] = setting(DEVICES, "kinds of devices to choose from")
    engine: Literal["vllm", "sglang", "trtllm"] = setting(
        "vllm", "the serving engine, whose time on the host is added"
    )
    offload: bool = setting(False, "whether weights without room stay with the host and come over its link")
    draft: int = setting(0, "tokens that a small model drafts before a step (speculative decoding)", ge=0)
    accepted: float = setting(0.7, "probability that a drafted token is accepted", ge=0, le=1)
    draft_share: float = setting(0.1, "time of the drafting model's step, of the model's own", ge=0, le=1)
    accounting: Literal["ours", "genz", "llm-viewer"] = setting(
        "ours",
        "whose rules cost a design: ours, held against measured deployments; or those of GenZ or of "
        "LLM-Viewer (one device), to check numbers that they published",
    )
    external: Literal["genz", "aiconfigurator"] | None = setting(
        None,
        "the tool behind the fidelity `external`; None: GenZ for accounting=genz, AIConfigurator for ours "
        "where it knows the model",
    )
    external_timeout_s: float = setting(
        300.0, "for each design at fidelity `external`", unit="s", gt=0, le=86_400, affects_results=False
    )


class LlmDeployment(Problem):
    """A deployment of a language model: which devices, how many, split how, in what precision.

    A replica has `tp * attention_dp * pp` devices; `replicas` share nothing. Each has `batch` requests
    always in flight. What does not fit, or has no engine for the precision, is infeasible, with the reason. A
    service level is a constraint: `--constraint "tpot_ms<=50"`.

    Example:
        >>> problem = LlmDeployment(model="llama-3.1-8b")
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = DeploymentSettings
    settings: DeploymentSettings
    name = "llm-deployment"
    version = 1
    metrics: Sequence[Metric] = (*SHARED, ENERGY)
    objectives = (
        Objective("usd_per_hour", "min"),
        Objective("tokens_per_s", "max"),
        Objective("ttft_ms", "min"),
        Objective("tpot_ms", "min"),
    )
    fidelities: Sequence[Fidelity | str] = (Fidelity("analytical", 1.0, "in closed form"),)
    default_fidelity = "analytical"

    def build(self) -> None:
        """Look the model and the devices up."""
        from cosearch_simulators.errors import SimulatorError
        from cosearch_simulators.llm import model_named, platform_named
        from cosearch_simulators.llm.config_file import read_config
        from cosearch_simulators.llm.models import parameters

        settings = self.settings
        try:
            if settings.config is None:
                self.model: Model = model_named(settings.model)
            else:
                self.model = read_config(Path(settings.config))
            for name in settings.devices:
                platform_named(name)
        except SimulatorError as error:
            raise ArgumentError(str(error)) from None
        if settings.accounting != "ours" and (settings.draft or settings.offload):
            raise ArgumentError(
                f"accounting={settings.accounting} knows no draft and no offload; leave them out"
            )
        if not settings.devices:
            raise ArgumentError("devices must name at least one device")
        if settings.cached >= settings.prompt:
            raise ArgumentError(f"cached must be below prompt {settings.prompt}, got {settings.cached}")
        if settings.prompt + settings.output > self.model.longest:
            raise ArgumentError(
                f"prompt + output is {settings.prompt + settings.output} tokens, the model's context has "
                f"{self.model.longest:g}"
            )
        if settings.accounting != "ours":
            self.metrics = SHARED
        published = settings.model if settings.config is None else ""
        self.tool = external.tool_for(settings.accounting, published, settings.external)
        if self.tool:
            self.fidelities = (*type(self).fidelities, external.FIDELITIES[self.tool])
            self.needs = {"external": PYTHON_TOOLS[self.tool]}
        self.space = self._space()
        named = settings.model if settings.config is None else "the given config.json"
        self.about = (
            f"{named}, {float(parameters(self.model)) / 1e9:.3g} billion weights; prompts of "
            f"{settings.prompt} and answers of {settings.output} tokens"
        )

    def _space(self) -> DesignSpace:
        heads = int(self.model.heads)
        splits = tuple(tp for tp in (1, 2, 4, 8, 16) if heads % tp == 0)
        start = self.settings.devices
        parameters: list[Parameter] = [
            Categorical("device", start, default="h100_sxm" if "h100_sxm" in start else start[0]),
            Ordinal("replicas", (1, 2, 3, 4, 6, 8), default=1, description="that share nothing"),
            Ordinal("tp", splits, default=splits[min(3, len(splits) - 1)], description="tensor parallelism"),
            Ordinal("pp", (1, 2, 4), default=1, description="pipeline stages"),
            Categorical("precision", PRECISIONS, default="bf16", description="of weights"),
            Categorical("kv_precision", ("bf16", "fp8"), default="bf16", description="of the cache"),
            Ordinal("batch", BATCHES, default=32, description="requests that a replica has in flight"),
        ]
        groups = {
            "device": ["device", "replicas"],
            "parallelism": ["tp", "pp"],
            "numbers": ["precision", "kv_precision", "batch"],
        }
        if self.settings.accounting == "ours":
            # The other tools know none.
            parameters.append(
                Ordinal(
                    "chunk",
                    (0, 512, 1024, 2048, 4096),
                    default=0,
                    description="tokens of prompts that a step takes beside its decoding requests; 0: none",
                )
            )
            groups["numbers"].append("chunk")
        rules = []
        if self.model.expert_layers > 0:
            parameters += [
                Ordinal("attention_dp", (1, 2, 4, 8), default=1, description="attention data parallelism"),
                Ordinal("ep", (1, 2, 4, 8, 16, 32), default=1, description="expert parallelism"),
            ]
            groups["parallelism"] += ["attention_dp", "ep"]
            rules = [
                Forbidden("ep > tp * attention_dp", reason="a replica has too few devices for its experts"),
                Forbidden(
                    "attention_dp > batch", reason="attention data parallelism shares out whole requests"
                ),
            ]
        return DesignSpace(parameters, name=self.name, forbidden=rules, groups=groups)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs in one call of the simulator."""
        from cosearch_simulators.llm.accountings import evaluate

        columns = {name: np.asarray(designs[name]) for name in self.space.names}
        platform, serving = self.described(columns)
        if fidelity == "external":
            found = external.evaluate(self.tool, self, columns, timeout_s=self.settings.external_timeout_s)
        else:
            found = evaluate(self.model, platform, serving, self.settings.accounting)
        hourly = found["devices"] * platform.usd_per_hour
        given = {m.name: found[m.name] for m in self.metrics if m.name != USD_HOUR.name}
        return Outcomes(given | {USD_HOUR.name: hourly}, found.codes, found.reason)

    def described(self, columns: Mapping[str, Any]) -> tuple[Platform, Serving]:
        """Designs as the simulator's columns."""
        from cosearch_simulators.llm import Serving
        from cosearch_simulators.llm.common.calibration import host_seconds
        from cosearch_simulators.llm.common.columns import rows
        from cosearch_simulators.llm.serving import precision_code

        settings = self.settings
        known = {name: code for code, name in enumerate(settings.devices)}
        platform = rows(self._platforms, np.array([known[str(name)] for name in columns["device"]], int))
        codes = np.array([precision_code(name) for name in PRECISIONS])
        place = {name: code for code, name in enumerate(PRECISIONS)}
        precision = codes[np.array([place[str(name)] for name in columns["precision"]], int)]
        numbers = {
            name: np.asarray(columns[name], np.float64)
            for name in ("batch", "tp", "attention_dp", "pp", "ep", "replicas", "chunk")
            if name in columns
        }
        host, first = host_seconds(settings.engine)
        return platform, Serving(
            **numbers,
            prompt=float(settings.prompt),
            output=float(settings.output),
            cached=float(settings.cached),
            precision=precision,
            expert_precision=precision,
            kv_bytes=np.where(np.asarray(columns["kv_precision"]) == "fp8", 1.0, 2.0),
            draft=float(settings.draft),
            accepted=settings.accepted,
            draft_share=settings.draft_share,
            offload=float(settings.offload),
            host_s=host,
            first_s=first,
        )

    @cached_property
    def _platforms(self) -> Platform:
        from cosearch_simulators.llm import platform_named
        from cosearch_simulators.llm.common.columns import stacked

        return stacked([platform_named(name) for name in self.settings.devices])

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The roofline with the operators, where the time goes, and what memory is used for."""
        from cosearch_plugins.llm.pictures import deployment_pictures

        platform, serving = self.described({name: [value] for name, value in design.items()})
        return deployment_pictures(self.model, platform, serving)
