"""The design space of a fleet: kinds and numbers of instances, their layout, batches, split and router."""

from __future__ import annotations

from cosearch.space import Categorical, DesignSpace, Forbidden, Ordinal, Parameter

INSTANCES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16)
REQUESTS = (16, 32, 64, 96, 128, 192, 256, 384, 512)
STEP_TOKENS = (256, 512, 1024, 2048, 4096, 8192)
ROUTERS = ("least_work", "round_robin", "session_affinity", "power_of_two")
NONE = "none"
YES, NO = "yes", "no"


def serving_space(
    name: str,
    devices: tuple[str, ...],
    splits: tuple[int, ...],
    precisions: tuple[str, ...],
    *,
    experts: bool,
    scales: bool,
) -> DesignSpace:
    """The space.

    What a fleet does not have, its design does not name: prompts and answers on the same instances need no
    pool of answers, one kind of instance no second kind, a fixed number no rule of scaling.

    Args:
        name: of the space.
        devices: kinds to choose from.
        splits: tensor parallelism that the model allows.
        precisions: of weights.
        experts: whether the model has some.
        scales: whether the number of instances may follow the load.
    """
    start = "h100_sxm" if "h100_sxm" in devices else devices[0]
    tp = splits[min(2, len(splits) - 1)]
    apart, together = {"disaggregated": [YES]}, {"disaggregated": [NO]}
    two = {"disaggregated": [NO], "second_device": list(devices)}
    parameters: list[Parameter] = [
        Categorical(
            "device", devices, default=start, description="of the instances, or of those for prompts"
        ),
        Ordinal("tp", splits, default=tp, description="devices of an instance"),
        Ordinal("instances", INSTANCES, default=2),
        Categorical(
            "disaggregated",
            (NO, YES),
            default=NO,
            description="prompts and answers on instances of their own",
        ),
        Categorical("decode_device", devices, default=start, when=apart, description="of those for answers"),
        Ordinal("decode_tp", splits, default=tp, when=apart),
        Ordinal("decode_instances", INSTANCES, default=2, when=apart),
        Categorical(
            "second_device", (NONE, *devices), default=NONE, when=together, description="a second kind beside"
        ),
        Ordinal("second_tp", splits, default=splits[0], when=two),
        Ordinal("second_instances", INSTANCES, default=1, when=two),
        Categorical(
            "chunked",
            (YES, NO),
            default=YES,
            when=together,
            description="prompts are cut to what a step has left; else they run whole, before any answer",
        ),
        Ordinal("step_tokens", STEP_TOKENS, default=2048, description="of a step at most"),
        Ordinal("most_requests", REQUESTS, default=128, description="that run at once on an instance"),
        Categorical("router", ROUTERS, default="least_work", description="who gets a request"),
        Categorical("precision", precisions, default=precisions[0], description="of weights"),
        Categorical("kv_precision", ("bf16", "fp8"), default="bf16", description="of the cache"),
    ]
    groups = {
        "instances": ["device", "tp", "instances", "second_device", "second_tp", "second_instances"],
        "split": ["disaggregated", "decode_device", "decode_tp", "decode_instances"],
        "scheduling": ["chunked", "step_tokens", "most_requests", "router"],
        "numbers": ["precision", "kv_precision"],
    }
    if experts:
        parameters.append(
            Categorical(
                "experts",
                ("split", "shared_out"),
                default="split",
                description="over the devices of an instance",
            )
        )
        groups["numbers"].append("experts")
    if scales:
        scaled = {"scaling": [YES]}
        parameters += [
            Categorical("scaling", (NO, YES), default=NO, description="their number follows the load"),
            Ordinal(
                "least_instances", (1, 2, 3, 4), default=1, when=scaled, description="always on, of each kind"
            ),
            Ordinal(
                "requests_each",
                (8, 16, 32, 64, 128),
                default=32,
                when=scaled,
                description="of an instance, at which another is started",
            ),
        ]
        groups["scaling"] = ["scaling", "least_instances", "requests_each"]
    rules = [
        Forbidden(
            f"chunked == '{YES}' and step_tokens < most_requests",
            reason="a step has fewer tokens than answers may run",
        ),
    ]
    return DesignSpace(parameters, name=name, forbidden=rules, groups=groups)
