"""What networks cost on accelerators: against the accelerator's own engines, and what must hold anyway."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from cosearch_simulators.accelerator.engines.bound.network import BoundedNetwork
from cosearch_simulators.accelerator.mapper import map_network, of_template
from cosearch_simulators.accelerator.mapping.templates import TEMPLATES, template
from cosearch_simulators.core.check import check_simulator
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.networks.costs import MULTIPLIERS, UNITS, Accelerators, Precisions, evaluate
from cosearch_simulators.networks.costs.bound import bound
from cosearch_simulators.networks.costs.jobs import jobs
from cosearch_simulators.networks.costs.layers import layer_costs
from cosearch_simulators.networks.costs.mapped import mapped
from cosearch_simulators.networks.spaces import network_space
from cosearch_simulators.workloads import Network, Precision
from cosearch_simulators.workloads.operators import Convolution

SPACE = network_space("ofa-mobilenet-v3", resolutions=(128,))
FLOWS = (
    "row-stationary",
    "weight-stationary",
    "output-stationary",
    "input-stationary",
    "nvdla-like",
    "flexible",
)


def drawn(number, seed=0, **given):
    """Random networks, accelerators and precisions."""
    rng = np.random.default_rng(seed)
    columns = {one.name: rng.choice(np.array(one.values), number) for one in SPACE.parameters}
    choices = {
        "array_rows": (4, 8, 16, 32),
        "array_columns": (4, 8, 16, 32),
        "multiplier": ("fixed-8", "fusion-8"),
        "skips_zeros": (0, 1),
        "register_bytes": (16, 64, 256),
        "buffer_kib": (32, 128, 512),
        "buffer_banks": (1, 8),
        "buffer_bytes_per_cycle": (8, 32, 128),
        "memory_gb_per_s": (3.2, 12.8, 51.2),
        "dataflow": FLOWS,
    }
    hardware = {name: rng.choice(values, number) for name, values in choices.items()} | given
    stages = len(SPACE.stages)
    bits = [rng.choice((4, 6, 8), (number, stages)) for _ in range(2)]
    kept = rng.choice((2, 4), (number, stages))
    return SPACE.networks(columns), Accelerators(**hardware), Precisions.of(number, stages, *bits, kept)


def eight(number):
    """Eight bits for all."""
    return Precisions.of(number, len(SPACE.stages))


class Batch:
    """The three parts as one batch, for the conformance check."""

    def __init__(self, *parts):
        self.parts = parts

    def __len__(self):
        return len(self.parts[0])

    def take(self, rows):
        rows = np.asarray(rows)
        return Batch(*(part.take(rows) for part in self.parts))


@pytest.mark.parametrize("fidelity", ["bound", "mapper"])
def test_a_design_depends_on_nothing_but_itself(fidelity):
    networks, hardware, _ = drawn(5)
    multiplier = np.asarray(hardware.multiplier).copy()
    multiplier[2] = "fixed-4"
    wide = Precisions.of(5, len(SPACE.stages), 8, 8)
    hardware = Accelerators(**{**_columns(hardware), "multiplier": multiplier})
    batch = Batch(networks, hardware, wide)

    def run(part, threads):
        return evaluate(*part.parts, fidelity=fidelity, threads=threads)

    found = check_simulator(run, batch, UNITS, broken=[2], threads=(1, 2))
    assert found.reason[2] == "weights of 8 and activations of 8 bits are too wide for fixed-4 multipliers"


def _columns(hardware):
    return {name: np.asarray(getattr(hardware, name)) for name in (one.name for one in fields(hardware))}


def test_with_eight_bits_the_bound_is_that_of_the_accelerator():
    networks, hardware, _ = drawn(8, seed=1, multiplier="fixed-8", skips_zeros=0)
    work = jobs(networks, hardware, eight(8), 45.0)
    flows = [str(flow) for flow in hardware.dataflow]
    found = bound(work, flows)
    for row in range(8):
        layers = networks.nests(row)
        machine = hardware.take([row]).machines(45.0)
        network = BoundedNetwork(_network(layers))
        expected = network.bounds(machine, flows[row : row + 1], {one.name: one for one in TEMPLATES})
        np.testing.assert_allclose(work.totals(found[:, 0], 8)[row], expected.cycles[0], rtol=1e-12)
        np.testing.assert_allclose(work.totals(found[:, 1], 8)[row], expected.energy_pj[0], rtol=1e-9)


def _network(nests):
    """A network with these loop nests."""
    operators = []
    for number, nest in enumerate(nests):
        g, n, k, c, p, q, r, s = nest.sizes
        rows, columns = nest.input_extent
        operators.append(
            Convolution(
                name=f"layer{number}", in_channels=g * c, out_channels=g * k, in_size=(rows, columns),
                kernel=(r, s), stride=nest.stride, groups=g, batch=n,
            )
        )  # fmt: skip
        assert operators[-1].loop_nest() == nest
        assert (p, q) == operators[-1].out_size
    return Network("layers", tuple(operators), (), ())


def test_no_mapping_that_is_found_is_below_the_bound():
    networks, hardware, bits = drawn(12, seed=2)
    work = jobs(networks, hardware, bits, 45.0)
    flows = [str(flow) for flow in hardware.dataflow]
    below, above = bound(work, flows), mapped(work, flows)
    fits = np.isfinite(above[:, 0])
    assert fits.mean() > 0.99
    # A bound of energy holds for factors that divide; padded ones do more.
    assert np.all(below[fits] <= above[fits] * (1 + 1e-9))


def test_the_short_search_is_near_the_long_one():
    networks, hardware, _ = drawn(6, seed=3, multiplier="fixed-8", skips_zeros=0, dataflow=FLOWS)
    work = jobs(networks, hardware, eight(6), 45.0)
    short = mapped(work, list(FLOWS))
    ratios = []
    for row, flow in enumerate(FLOWS):
        layers = networks.nests(row)[::4]
        architecture = hardware.architecture(row, 45.0)
        rules = None if flow == "flexible" else of_template(template(flow), architecture)
        compiled = [architecture.compile(Precision(8, 8, 8, 32))]
        long = map_network(compiled, _network(layers), "edp", constraints=rules, options=2, threads=1)
        start = networks.start[row]
        mine = short[work.pair[start : networks.start[row + 1]][::4]]
        ratios.append(mine.prod(axis=1) / (long.layer_cycles[0] * long.layer_energy_pj[0]))
    assert 0.95 <= np.exp(np.log(np.concatenate(ratios)).mean()) <= 1.10


def test_the_area_and_energies_are_those_of_the_architecture():
    _, hardware, _ = drawn(4, seed=4)
    areas = hardware.area_mm2(45.0)
    for row in range(4):
        architecture = hardware.architecture(row, 45.0)
        assert areas[row] == pytest.approx(sum(architecture.area_by_part_mm2().values()))
        table, constants = jobs(*_one(row, hardware), 45.0).tables()
        expected = architecture.compile(Precision(8, 8, 8, 32))
        np.testing.assert_allclose(table[0], expected.table, rtol=1e-12)
        np.testing.assert_allclose(constants[0, 0], expected.constants[0])


def _one(row, hardware):
    networks, _, _ = drawn(1)
    chosen = Accelerators(**{**_columns(hardware.take([row])), "skips_zeros": 0})
    return networks, chosen, eight(1)


def test_bricks_multiply_more_of_what_is_narrower():
    """Figure 2 of the paper: 16 bricks do one 8 x 8, two 8 x 4, four 4 x 4 or sixteen 2 x 2 products."""
    fusion, fixed = MULTIPLIERS["fusion-8"], MULTIPLIERS["fixed-8"]
    pairs = ((8, 8), (8, 4), (4, 8), (4, 4), (2, 2), (6, 6), (6, 4), (16, 16), (16, 8))
    assert [float(fusion.per_cycle(*pair)) for pair in pairs] == [1, 2, 2, 4, 16, 1, 2, 0.25, 0.5]
    assert [float(fixed.per_cycle(*pair)) for pair in pairs[:4]] == [1, 1, 1, 1]
    assert fixed.per_cycle(16, 8) == 0


def test_fewer_bits_and_fewer_weights_never_cost_more_at_the_bound():
    networks, hardware, _ = drawn(10, seed=5, multiplier="fusion-8", skips_zeros=1)
    stages = len(SPACE.stages)
    costs = [
        evaluate(networks, hardware, Precisions.of(10, stages, *chosen), fidelity="bound")
        for chosen in ((8, 8, 4), (8, 8, 2), (4, 8, 4), (4, 4, 4))
    ]
    for cheaper in costs[1:]:
        assert np.all(cheaper["latency_ns"] <= costs[0]["latency_ns"] * (1 + 1e-9))
        assert np.all(cheaper["energy_pj"] < costs[0]["energy_pj"])
        assert np.all(cheaper["weight_bytes"] < costs[0]["weight_bytes"])


def test_sparse_weights_are_dense_on_units_that_skip_nothing():
    networks, hardware, _ = drawn(4, seed=6, skips_zeros=0)
    stages = len(SPACE.stages)
    dense, sparse = (
        evaluate(networks, hardware, Precisions.of(4, stages, 8, 8, kept), fidelity="bound")
        for kept in (4, 2)
    )
    for name in UNITS:
        assert np.array_equal(dense[name], sparse[name])


@pytest.mark.parametrize("fidelity", ["bound", "mapper"])
def test_layers_one_by_one_add_up_to_the_whole(fidelity):
    networks, hardware, bits = drawn(4, seed=8)
    bits = Precisions.of(4, len(SPACE.stages), bits.weight_bits, 8, bits.kept)
    layers = layer_costs(networks, hardware, bits, fidelity=fidelity)
    whole = evaluate(networks, hardware, bits, fidelity=fidelity)
    for row in range(4):
        mine = slice(networks.start[row], networks.start[row + 1])
        assert layers.latency_ns[mine].sum() == pytest.approx(whole["latency_ns"][row])
        assert layers.energy_pj[mine].sum() == pytest.approx(whole["energy_pj"][row])
        assert np.all(layers.utilisation[mine] > 0)


def test_bad_precisions_are_refused_in_a_line():
    with pytest.raises(ConfigurationError, match="weight_bits must be from 1 to 32, got 0 to 8"):
        Precisions.of(2, 3, [0, 8])
    with pytest.raises(ConfigurationError, match="did you mean 'mapper'"):
        evaluate(*drawn(1), fidelity="maper")
    networks, hardware, bits = drawn(2, dataflow=["flexible", "weight-stationery"])
    found = evaluate(networks, hardware, bits, fidelity="bound")
    assert found.status.tolist() == ["ok", "infeasible"]
    assert "did you mean 'weight-stationary'" in found.reason[1]
