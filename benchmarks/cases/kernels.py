"""Single operations through the public functions of each library, without gradients, float32.
Small sizes show what a call costs, large ones what the loops are worth."""

from .case import Case, Group, Measure

SYSTEMS = ("backlit", "numpy", "torch")

# name: (operation, shapes of the operands, title)
OPERATIONS: dict[str, tuple[str, tuple[tuple[int, ...], ...], str]] = {
    "add-4096": ("add", ((4096,), (4096,)), "add, 4,096"),
    "exp-4096": ("exp", ((4096,),), "exp, 4,096"),
    "tanh-4096": ("tanh", ((4096,),), "tanh, 4,096"),
    "exp-1m": ("exp", ((1_000_000,),), "exp, 1,000,000"),
    "sum-1m": ("sum", ((1_000_000,),), "sum, 1,000,000"),
    "sum-rows": ("sum0", ((1_000_000, 10),), "sum over axis 0, 1,000,000 × 10"),
    "matmul-small": ("matmul", ((100, 16), (16, 16)), "matmul, 100 × 16 × 16"),
    "matmul-large": ("matmul", ((512, 512), (512, 512)), "matmul, 512 × 512 × 512"),
    "softmax-128x10": ("softmax", ((128, 10),), "softmax of rows, 128 × 10"),
    "softmax-128x256": ("softmax", ((128, 256),), "softmax of rows, 128 × 256"),
}


def _case(name: str) -> Case:
    operation, shapes, title = OPERATIONS[name]
    spec = {"kind": "operation", "operation": operation, "shapes": shapes}
    return Case((Measure(name, title, "us", 1e6),), SYSTEMS, spec, tolerance=1e-4)


GROUP = Group(
    name="kernels",
    title="Single operations",
    note="backlit under `no_grad`, torch under `inference_mode`; NumPy's softmax is the usual "
    "three lines.",
    cases=tuple(_case(name) for name in OPERATIONS),
)
