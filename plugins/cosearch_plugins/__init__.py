"""The built-in problems, found like anybody's: this module is the plugin, its hooks what it contributes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cosearch.hookspecs import hookimpl
from cosearch.problem import Problem
from cosearch.validation import Validation, ValidationTable
from cosearch_plugins.accelerator.hardware import Accelerator
from cosearch_plugins.accelerator.maestrogym import AcceleratorMaestrogym
from cosearch_plugins.accelerator.mapping import AcceleratorMapping
from cosearch_plugins.accelerator.npu_multicore import NpuMulticore
from cosearch_plugins.accelerator.timeloopgym import AcceleratorTimeloopgym
from cosearch_plugins.dram.controller import DramController
from cosearch_plugins.dram.controller_archgym import DramControllerArchgym
from cosearch_plugins.external.dramsys import Dramsys
from cosearch_plugins.external.gem5 import Gem5
from cosearch_plugins.external.ramulator import Ramulator
from cosearch_plugins.hls.hls import Hls
from cosearch_plugins.hybrid_lm.hybrid_lm_cpu import HybridLmCpu
from cosearch_plugins.llm.codesign import LlmCodesign
from cosearch_plugins.llm.deployment import LlmDeployment
from cosearch_plugins.llm.gpu_platform import GpuPlatform
from cosearch_plugins.llm.platform import LlmPlatform
from cosearch_plugins.microprocessor.microprocessor import Microprocessor
from cosearch_plugins.networks.accel_nasbench import AccelNasBench
from cosearch_plugins.networks.apq import Apq
from cosearch_plugins.networks.cnn_accelerator import CnnAccelerator
from cosearch_plugins.networks.cnn_fpga import CnnFpga
from cosearch_plugins.networks.detector_accelerator import DetectorAccelerator
from cosearch_plugins.networks.many_devices import ManyDevices
from cosearch_plugins.networks.microcontroller import Microcontroller
from cosearch_plugins.networks.nasaic import Nasaic
from cosearch_plugins.networks.nasbench201_device import NasBench201Device
from cosearch_plugins.networks.recipe_digits import RecipeDigits
from cosearch_plugins.networks.vit_accelerator import VitAccelerator
from cosearch_plugins.schedule.schedule_cpu import ScheduleCpu
from cosearch_plugins.serving.codesign import LlmServiceCodesign
from cosearch_plugins.serving.fleet import LlmFleet
from cosearch_plugins.serving.serving import LlmServing
from cosearch_plugins.soc.soc import Soc
from cosearch_plugins.tables.table import Table


@hookimpl
def cosearch_problems() -> Sequence[type[Problem]]:
    """The built-in problems."""
    return (
        Accelerator,
        AcceleratorMaestrogym,
        AcceleratorMapping,
        AcceleratorTimeloopgym,
        AccelNasBench,
        Apq,
        CnnAccelerator,
        CnnFpga,
        DetectorAccelerator,
        DramController,
        DramControllerArchgym,
        Dramsys,
        Gem5,
        GpuPlatform,
        Hls,
        HybridLmCpu,
        LlmCodesign,
        LlmDeployment,
        LlmFleet,
        LlmPlatform,
        LlmServiceCodesign,
        LlmServing,
        ManyDevices,
        Microcontroller,
        Microprocessor,
        Nasaic,
        NasBench201Device,
        NpuMulticore,
        Ramulator,
        RecipeDigits,
        ScheduleCpu,
        Soc,
        Table,
        VitAccelerator,
    )


@hookimpl
def cosearch_validations() -> Sequence[Validation]:
    """The built-in simulators that can be held against reference measurements."""
    return (
        Validation("dram", _validate_dram),
        Validation("accelerator", _validate_accelerator),
        Validation("soc", _validate_soc),
        Validation("networks", _validate_networks),
        Validation("llm", _validate_llm),
        Validation("serving", _validate_serving),
        Validation("external", _validate_external),
    )


def _validate_dram(cases: Path, progress: Callable[[int, int], None]) -> ValidationTable:
    from cosearch_simulators.dram.validation import validate

    return validate(cases, progress)


def _validate_accelerator(cases: Path, progress: Callable[[int, int], None]) -> ValidationTable:
    from cosearch_simulators.accelerator.validation import validate

    return validate(cases, progress)


def _validate_soc(cases: Path, progress: Callable[[int, int], None]) -> ValidationTable:
    from cosearch_simulators.soc.engines.farsi.validation import validate

    return validate(cases, progress)


def _validate_networks(cases: Path, progress: Callable[[int, int], None]) -> ValidationTable:
    from cosearch_simulators.networks.quality.validation import validate

    return validate(cases, progress)


def _validate_external(cases: Path, progress: Callable[[int, int], None]) -> ValidationTable:
    from cosearch_plugins.external.validation import validate

    return validate(cases, progress)


def _validate_llm(cases: Path, progress: Callable[[int, int], None]) -> ValidationTable:
    from cosearch_simulators.llm.validation.every_set import validate

    return validate(cases, progress)


def _validate_serving(cases: Path, progress: Callable[[int, int], None]) -> ValidationTable:
    from cosearch_simulators.serving.validation.every_set import validate

    return validate(cases, progress)
