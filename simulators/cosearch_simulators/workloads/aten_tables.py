"""Which of our functions each of ATen's operators is, and which of them compute nothing."""

from __future__ import annotations

# ATen operator: our function. Operators that change their input in place have a trailing underscore in ATen.
ELEMENTWISE = {
    "add": "add",
    "addcmul": "add",
    "addcdiv": "add",
    "sub": "subtract",
    "diff": "subtract",
    "subtract": "subtract",
    "rsub": "subtract",
    "mul": "multiply",
    "multiply": "multiply",
    "outer": "multiply",
    "lerp": "bilinear",
    "div": "divide",
    "divide": "divide",
    "true_divide": "divide",
    "floor_divide": "divide",
    "reciprocal": "divide",
    "remainder": "modulo",
    "fmod": "modulo",
    "pow": "power",
    "float_power": "power",
    "square": "multiply",
    "sqrt": "sqrt",
    "rsqrt": "sqrt",
    **dict.fromkeys(("exp", "exp2", "expm1"), "exp"),
    **dict.fromkeys(("log", "log2", "log10", "log1p"), "log"),
    "tanh": "tanh",
    "erf": "erf",
    "sin": "sin",
    "cos": "cos",
    **dict.fromkeys(
        (
            *("tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh"),
            *("lgamma", "erfc", "erfinv", "polar", "angle", "logaddexp", "hypot"),
        ),
        "function",
    ),
    "abs": "absolute",
    "neg": "negate",
    **dict.fromkeys(("round", "floor", "ceil", "trunc", "frac"), "round"),
    **dict.fromkeys(("sign", "sgn"), "sign"),
    **dict.fromkeys(("minimum", "fmin"), "minimum"),
    **dict.fromkeys(("maximum", "fmax"), "maximum"),
    "relu": "relu",
    **dict.fromkeys(("leaky_relu", "prelu", "rrelu"), "leaky_relu"),
    "relu6": "clip",
    "hardtanh": "clip",
    **dict.fromkeys(("clamp", "clip"), "clip"),
    "clamp_min": "maximum",
    "clamp_max": "minimum",
    "threshold": "select",
    **dict.fromkeys(("elu", "selu", "celu"), "elu"),
    **dict.fromkeys(("softplus", "log_sigmoid"), "softplus"),
    "softsign": "softsign",
    **dict.fromkeys(("hardshrink", "softshrink", "tanhshrink"), "shrink"),
    "mish": "mish",
    "glu": "glu",
    "sigmoid": "sigmoid",
    "silu": "swish",
    "hardsigmoid": "hard_sigmoid",
    "hardswish": "hard_swish",
    "gelu": "gelu",
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm"), "batch_norm"),
    "where": "select",
    **dict.fromkeys(("masked_fill", "index_fill", "nan_to_num", "heaviside"), "select"),
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor", "logical_not"), "compare"),
    **dict.fromkeys(("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not"), "bitwise"),
    **dict.fromkeys(("__and__", "__or__", "__xor__", "__lshift__", "__rshift__"), "bitwise"),
    **dict.fromkeys(("eq", "ne", "gt", "ge", "lt", "le", "isnan", "isinf", "isfinite", "isin"), "compare"),
    **dict.fromkeys(("bucketize", "searchsorted", "nonzero", "one_hot", "histc", "bincount"), "compare"),
    **dict.fromkeys(("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"), "copy"),
    **dict.fromkeys(("_upsample_nearest_exact1d", "_upsample_nearest_exact2d"), "copy"),
    **dict.fromkeys(
        ("roll", "gather", "take", "take_along_dim", "index_select", "index", "masked_select"), "copy"
    ),
    **dict.fromkeys(("copy", "im2col", "unfold_copy", "repeat_interleave", "col2im"), "copy"),
    **dict.fromkeys(("index_put", "_unsafe_index_put", "index_copy", "scatter", "slice_scatter"), "copy"),
    **dict.fromkeys(("select_scatter", "diagonal_scatter", "masked_scatter"), "copy"),
    **dict.fromkeys(("scatter_add", "index_add", "scatter_reduce", "index_reduce"), "pack"),
    **dict.fromkeys(("upsample_bilinear2d", "upsample_linear1d", "upsample_trilinear3d"), "bilinear"),
    **dict.fromkeys(("_upsample_bilinear2d_aa",), "bilinear"),
    **dict.fromkeys(("upsample_bicubic2d", "_upsample_bicubic2d_aa"), "bicubic"),
    **dict.fromkeys(("grid_sampler", "grid_sampler_2d", "grid_sampler_3d"), "sample"),
    **dict.fromkeys(("tril", "triu"), "copy"),
}
POOLS = {
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), "max_pool"),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool3d_with_indices"), "max_pool"),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), "average_pool"),
}
REDUCTIONS = {
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"), "mean"),
    **dict.fromkeys(("_adaptive_avg_pool2d", "_adaptive_avg_pool3d"), "mean"),
    **dict.fromkeys(("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"), "maximum"),
    **dict.fromkeys(("mean", "nanmean"), "mean"),
    **dict.fromkeys(("sum", "nansum", "count_nonzero", "trace"), "sum"),
    "prod": "product",
    **dict.fromkeys(("amax", "max", "argmax", "any"), "maximum"),
    **dict.fromkeys(("amin", "min", "argmin", "all"), "minimum"),
    **dict.fromkeys(("norm", "linalg_vector_norm", "linalg_norm", "frobenius_norm"), "norm"),
    **dict.fromkeys(("var", "std", "var_mean", "std_mean", "_std_mean"), "variance"),
    "logsumexp": "log_sum_exp",
}
ROWS = {
    **dict.fromkeys(("softmax", "_softmax", "_safe_softmax", "softmin"), "softmax"),
    **dict.fromkeys(("log_softmax", "_log_softmax"), "log_softmax"),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"), "cumulative"),
    **dict.fromkeys(("sort", "argsort", "topk", "kthvalue", "median"), "sort"),
}
"""Functions of rows that keep their shape, or choose from it."""

NORMALIZATIONS = {
    **dict.fromkeys(("layer_norm", "native_layer_norm"), "layer_norm"),
    **dict.fromkeys(("rms_norm", "_fused_rms_norm"), "rms_norm"),
    **dict.fromkeys(("group_norm", "native_group_norm"), "group_norm"),
    "instance_norm": "instance_norm",
}
# The data stay where they are, or are joined.
# fmt: off
VIEWS = frozenset((
    "_conj", "_to_copy", "_unsafe_view", "adjoint", "alias", "alpha_dropout", "as_strided", "atleast_1d",
    "atleast_2d", "block_diag", "broadcast_tensors", "broadcast_to", "cat", "channel_shuffle", "chunk",
    "clone", "column_stack", "concat", "concatenate", "constant_pad_nd", "contiguous", "detach", "diag",
    "diag_embed", "diagonal", "dropout", "dstack", "expand", "expand_as", "feature_dropout", "flatten",
    "flip", "fliplr", "flipud", "getitem", "hsplit", "hstack", "imag", "lift_fresh", "lift_fresh_copy",
    "meshgrid", "moveaxis", "movedim", "mT", "narrow", "native_channel_shuffle", "native_dropout",
    "numpy_T", "pad", "permute", "permute_copy", "pixel_shuffle", "pixel_unshuffle", "ravel", "real",
    "reflection_pad1d", "reflection_pad2d", "repeat", "replication_pad1d", "replication_pad2d",
    "replication_pad3d", "reshape", "reshape_as", "resolve_conj", "rot90", "select", "select_copy", "slice",
    "slice_copy", "split", "split_with_sizes", "squeeze", "stack", "swapaxes", "swapdims", "t",
    "tensor_split", "tile", "to", "transpose", "transpose_copy", "type_as", "unbind", "unflatten", "unfold",
    "unsafe_chunk", "unsafe_split", "unsqueeze", "unsqueeze_copy", "view", "view_as", "view_as_complex",
    "view_as_real", "view_copy", "vsplit", "vstack",
))
NOTHING = frozenset((
    "_assert", "_assert_async", "_assert_scalar", "_assert_tensor_metadata", "_local_scalar_dense",
    "_print", "item", "scalar_tensor", "sym_constrain_range", "sym_constrain_range_for_size", "sym_numel",
    "sym_size", "sym_stride",
))
"""They compute nothing: checks, and numbers that Python takes out of a tensor."""
RANDOM = frozenset((
    "bernoulli", "multinomial", "normal", "rand", "rand_like", "randint", "randn", "randn_like",
))
"""Numbers that are drawn in each run: computed, though from no input."""
FILLS = frozenset((
    "arange", "empty", "empty_like", "empty_permuted", "eye", "fill", "full", "full_like", "linspace",
    "new_empty", "new_empty_strided", "new_full", "new_ones", "new_zeros", "ones", "ones_like",
    "scalar_tensor", "tril_indices", "triu_indices", "zero", "zeros",
    "zeros_like",
))
"""They take a shape from their operand, and no data."""
# fmt: on
