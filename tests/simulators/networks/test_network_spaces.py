"""Spaces of networks against published counts, and their arrays against what they stand for."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cosearch_simulators.errors import ConfigurationError, WorkloadError
from cosearch_simulators.networks.batch import BatchBuilder
from cosearch_simulators.networks.networks import LayerTable, collect
from cosearch_simulators.networks.parameters import read_columns
from cosearch_simulators.networks.spaces import SPACES, network_space


def drawn(space, number, seed=0):
    """Random columns of a space."""
    rng = np.random.default_rng(seed)
    return {one.name: rng.choice(np.array(one.values), number) for one in space.parameters}


def once_for_all_columns(kernels, expansions, depths, resolution):
    """Columns as the tables of Once-for-All have them: 20 kernels, 20 expansions, 5 depths."""
    columns = {"resolution": resolution}
    for stage in range(5):
        columns[f"depth_{stage + 1}"] = depths[:, stage]
        for block in range(4):
            columns[f"kernel_{stage + 1}_{block + 1}"] = kernels[:, 4 * stage + block]
            columns[f"expansion_{stage + 1}_{block + 1}"] = expansions[:, 4 * stage + block]
    return columns


# One of DyNAS-T's sub-networks of Once-for-All MobileNetV3 (w1.0), with the counts of its table.
DYNAS_T = (("57553337553773335555", "43444634434336664344", "23243", 5029656, 255502624),)


def test_once_for_all_has_the_counts_of_dynas_t_to_the_last_one():
    for kernels, expansions, depths, parameters, macs in DYNAS_T:
        digits = [np.array([[int(digit) for digit in text]]) for text in (kernels, expansions, depths)]
        columns = once_for_all_columns(*digits, np.array([224]))
        networks = network_space("ofa-mobilenet-v3").networks(columns)
        assert (networks.parameters[0], networks.macs[0]) == (parameters, macs)


def test_all_1926_sub_networks_of_dynas_t_have_its_counts(reference):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(reference / "nas" / "ofa_mbv3_accuracy_dynast.parquet")
    kernels, expansions, depths = (
        np.array([json.loads(text) for text in table[name]]) for name in ("ks", "e", "d")
    )
    columns = once_for_all_columns(kernels, expansions, depths, table.r.to_numpy())
    networks = network_space("ofa-mobilenet-v3").networks(columns)
    assert np.array_equal(networks.macs, table.macs)
    assert np.array_equal(networks.parameters, table.params)


def test_mnasnet_has_the_counts_of_accel_nasbench(reference):
    """Its table counts 4 operations for each normalised number and one for each that a mean reads."""
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(reference / "nas" / "accel_nasbench.parquet").iloc[:300]
    space = network_space("mnasnet")
    names = {"e": "expansion", "k": "kernel", "l": "layers", "se": "squeeze_excite"}
    columns = {
        f"{name}_{stage + 1}": table[f"block{stage}_{short}"].to_numpy().astype(int)
        for stage in range(7)
        for short, name in names.items()
    }
    networks = space.networks(columns)
    read, active, _ = read_columns(columns, space.parameters)
    builder = BatchBuilder(len(table))
    space.build(builder, read, active)
    extra = np.zeros(len(table))
    for slot in builder.slots:
        if slot.row is not None and np.any(slot.constants):
            extra += np.where(slot.active, 4 * slot.output, 0)
        elif slot.name.endswith("mean") or slot.name == "pool":
            extra += np.where(slot.active, slot.inputs[0].elements, 0)
    np.testing.assert_allclose(networks.parameters / 1e6, table.params, rtol=1e-6)
    np.testing.assert_allclose((networks.macs + extra) / 1e6, table.macs, rtol=1e-4)


@pytest.mark.parametrize("name", list(SPACES))
def test_a_network_is_the_same_in_every_batch(name):
    space = network_space(name)
    columns = drawn(space, 7)
    whole = space.networks(columns)
    assert not any(whole.reason)
    alone = network_space(name).networks({key: column[3:4] for key, column in columns.items()})
    for field in ("macs", "parameters", "peak_elements"):
        assert getattr(alone, field)[0] == getattr(whole, field)[3]
    assert np.array_equal(alone.vector_elements[0], whole.vector_elements[3])
    assert alone.nests(0) == whole.nests(3)
    assert whole.take(np.array([5, 3])).nests(1) == whole.nests(3)
    assert sum(nest.macs for nest in whole.nests(3)) == whole.macs[3]


def brute_force_peak(builder, row):
    """The most elements alive at once in one network, tensor by tensor, with sets."""
    mine = [(number, slot) for number, slot in enumerate(builder.slots) if slot.active[row]]
    size = {number: int(slot.output[row]) for number, slot in mine}
    for _, slot in mine:
        for x in slot.inputs:
            if x.source[row] == -1:
                size[-1] = int(x.elements[row])
    peak, alive = size[-1], {-1}
    for place, (number, slot) in enumerate(mine):
        alive.add(number)
        if not slot.fused:
            peak = max(peak, sum(size[one] for one in alive))
        later = {int(x.source[row]) for _, after in mine[place + 1 :] for x in after.inputs}
        alive = {one for one in alive if one in later or (one == number and place == len(mine) - 1)}
    return peak


@pytest.mark.parametrize("name", list(SPACES))
def test_the_peak_of_activations_is_what_following_every_tensor_gives(name):
    space = network_space(name)
    columns = drawn(space, 6, seed=1)
    read, active, _ = read_columns(columns, space.parameters)
    builder = BatchBuilder(6)
    space.build(builder, read, active)
    peaks = collect(builder, LayerTable(), len(space.stages)).peak_elements
    assert peaks.tolist() == [brute_force_peak(builder, row) for row in range(6)]


def test_features_are_a_number_for_every_name():
    for name in SPACES:
        space = network_space(name)
        features = space.features(drawn(space, 5))
        assert features.shape == (5, len(space.feature_names))
        assert np.isfinite(features).all()


def test_what_does_not_matter_changes_nothing():
    space = network_space("ofa-mobilenet-v3")
    columns = drawn(space, 4)
    columns["depth_2"][:] = 2
    other = {**columns, "kernel_2_4": np.array(["none"] * 4)}
    assert np.array_equal(space.features(columns), space.features(other))


def test_columns_that_are_wrong_are_named():
    space = network_space("mnasnet")
    columns = drawn(space, 3)
    with pytest.raises(ConfigurationError, match="no network parameter 'kernel_9'; did you mean 'kernel_"):
        space.networks({**columns, "kernel_9": [3, 3, 3]})
    with pytest.raises(ConfigurationError, match="the columns have no 'layers_4'"):
        space.networks({name: column for name, column in columns.items() if name != "layers_4"})
    with pytest.raises(ConfigurationError, match="column kernel_1 has 2 rows, expected 3"):
        space.networks({**columns, "kernel_1": [3, 3]})
    found = space.networks({**columns, "kernel_1": [3, 7, 5]})
    assert found.reason.tolist() == ["", "kernel_1 must be one of 3, 5, got 7", ""]
    with pytest.raises(WorkloadError, match="did you mean 'mnasnet'"):
        network_space("mnasnett")


def test_an_image_that_is_too_small_is_the_fault_of_its_network_alone():
    builder = BatchBuilder(2)
    x = builder.input(3, np.array([4, 32]))
    builder.convolution("first", x, 8, 7, padding=0)
    found = collect(builder, LayerTable(), 1)
    assert found.reason.tolist() == [
        "first: the kernel of 7 is larger than its input of 4; the network's input is too small",
        "",
    ]


def counts(name, chosen, **arguments):
    """Parameters and MACs of one network, with the defaults of what is not chosen."""
    space = network_space(name, **arguments)
    networks = space.networks({one.name: [chosen.get(one.name, one.start)] for one in space.parameters})
    assert not networks.reason[0]
    return int(networks.parameters[0]), int(networks.macs[0])


FBNET_C = (
    *("k3_e1", "k3_e6", "skip", "k3_e1", "k3_e1", "k5_e6", "k5_e3", "k5_e6", "k3_e6", "k5_e6", "k5_e3"),
    *("k5_e6", "k5_e6", "k5_e6", "k5_e6", "k5_e6", "k5_e3", "k5_e6", "k5_e6", "k5_e6", "k5_e6", "k3_e6"),
)
PROXYLESS_MOBILE = (
    *("k5_e3", "k3_e3", "skip", "skip", "k7_e3", "k3_e3", "k5_e3", "k5_e3", "k7_e6", "k5_e3", "k5_e3"),
    *("k5_e3", "k5_e6", "k5_e3", "k5_e3", "k5_e3", "k7_e6", "k7_e6", "k7_e3", "k7_e3", "k7_e6"),
)


def blocks(names):
    return {f"block_{number}": name for number, name in enumerate(names, 1)}


def test_published_networks_have_the_counts_of_their_pytorch_models():
    """Parameters and MACs of convolutions and linear layers of the models in timm 1.0.31, measured by hooks.

    ProxylessNAS-Mobile: the paper's 320 M MACs and its repository's 4,080,512 parameters; the transformer's
    MACs are timm's 1,074,851,328 and the attention's products, 2 x 12 x 197 x 197 x 192.
    """
    assert counts("fbnet", blocks(FBNET_C)) == (5572200, 384960160)
    parameters, macs = counts("proxylessnas", blocks(PROXYLESS_MOBILE))
    assert (parameters, round(macs / 1e6)) == (4080512, 320)
    for (width, depth, resolution), expected in (
        ((1.0, 1.0, 224), (4652008, 385187552)),
        ((1.0, 1.1, 240), (5416680, 600185232)),
        ((1.4, 1.8, 300), (13006568, 2553034336)),
    ):
        lite = {"width": width, "depth": depth, "resolution": resolution}
        assert counts("efficientnet-lite", lite) == expected
    assert counts("mobilenet-v4", {}) == (3774024, 186005568)
    assert counts("mobilenet-v4", {"resolution": 256}, variant="medium") == (9715512, 1080244224)
    attention = 2 * 12 * 197 * 197 * 192
    tiny = {f"heads_{layer}": 3 for layer in range(1, 17)}
    assert counts("vision-transformer", tiny) == (5717416, 1074851328 + attention)


def test_nas_bench_201_has_its_published_extremes():
    """Dong and Yang, NATS-Bench: the largest cell has 1.531546 M parameters and 220.11968 M operations."""
    edges = ("e10", "e20", "e21", "e30", "e31", "e32")
    largest = {f"op_{edge}": "nor_conv_3x3" for edge in edges}
    assert counts("nasbench201", largest) == (1531546, 220119680)
    # All skips: stem, reductions and classifier are left.
    smallest = {f"op_{edge}": "skip_connect" for edge in edges}
    assert counts("nasbench201", smallest)[0] == 73306


def test_all_5241_networks_of_nas_bench_macro_have_its_counts(reference):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(reference / "nas" / "nasbench_macro.parquet")
    space = network_space("nasbench-macro")
    digits = np.array([[int(digit) for digit in text] for text in table.arch])
    names = np.array(space.parameters[0].values)
    columns = {f"layer_{layer + 1}": names[digits[:, layer]] for layer in range(8)}
    networks = space.networks(columns)
    assert np.array_equal(networks.parameters, table.params)
    assert np.array_equal(networks.macs, table.flops)


def test_the_blocks_of_mobiledet_are_what_they_say():
    """A fused block is a full convolution and a projection; a tensor one is full between two narrow ones."""
    space = network_space("mobiledet")
    base = {one.name: [one.start] for one in space.parameters}
    sizes = {}
    for kind in ("bottleneck", "fused", "tensor"):
        networks = space.networks(base | {"kind_2_2": [kind]})
        stage = networks.stage == 2
        rows = networks.table.rows[networks.layer[stage]]
        sizes[kind] = [tuple(row[[0, 2, 3, 6]]) for row in rows]
    fixed = len(sizes["fused"]) - 2
    assert len(sizes["bottleneck"]) == len(sizes["tensor"]) == fixed + 3
    assert (1, 256, 64, 3) in sizes["fused"]
    assert (1, 16, 64, 1) in sizes["tensor"]
    assert (1, 16, 16, 3) in sizes["tensor"]


def test_published_mobiledets_have_the_operations_of_the_paper():
    """Xiong et al., with the SSDLite head at 320 x 320: 0.45 billion for CPUs, 1.53 for the Edge TPU."""
    from cosearch_simulators.networks.spaces.mobiledet import published_macs

    for name, billions in (("cpu", 0.45), ("edgetpu", 1.53)):
        assert published_macs(name) / 1e9 == pytest.approx(billions, rel=0.02)
    assert published_macs("dsp") > published_macs("edgetpu")


@pytest.mark.parametrize("name", list(SPACES))
def test_a_design_is_a_network_of_operators_with_the_same_layers(name):
    """Against the operators' own counts; a folded normalisation is a bias there."""
    space = network_space(name)
    columns = drawn(space, 2, seed=3)
    networks = space.networks(columns)
    for row in range(2):
        network = space.network({key: column[row].item() for key, column in columns.items()})
        assert network.macs == networks.macs[row]
        nests = [operator.loop_nest() for operator in network.matrix_operators]
        assert nests == networks.nests(row)
        weights = sum(operator.parameters - operator.bias_elements for operator in network.matrix_operators)
        assert weights == networks.weights[row].sum()
        assert len(network.edges) >= len(network.operators)
    with pytest.raises(ConfigurationError, match="no network parameter"):
        space.network({"nothing": 1})


def test_pruned_channels_leave_their_share_of_the_stage():
    """Half of the expanded channels of a stage leave about half of its weights; other stages stay."""
    space = network_space("efficientnet-lite")
    base = {one.name: [one.start, one.start] for one in space.parameters}
    networks = space.networks(base | {"ratio_6": [1.0, 0.5]})
    stage = space.stages.index("stage_6")
    assert networks.weights[1, stage] / networks.weights[0, stage] == pytest.approx(0.5, abs=0.02)
    others = np.arange(len(space.stages)) != stage
    assert np.array_equal(networks.weights[0, others], networks.weights[1, others])
