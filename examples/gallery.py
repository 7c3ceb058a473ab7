"""The gallery of figures: `python examples/gallery.py [folder]` draws it into docs/.

Each function below is an example as a reader would write it; the page shows it with its figure.
"""

import inspect
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import gradients, scope, tensor


def neuron():
    """A neuron
    Beside each edge stands the chain rule: the local derivative times the gradient that arrives
    from below is what this use contributes. Blue and ▲ are positive, orange, ▼ and dashes negative.
    """
    x = tensor(0.5, requires_grad=True)
    w = tensor(-1.25, requires_grad=True)
    b = tensor(0.3, requires_grad=True)
    y = (x * w + b).tanh()
    return bl.draw(y, names=locals())


def shared():
    """A value that is used twice
    `x * x` uses x twice, so there are two edges, and the gradient is the sum of what both bring.
    The same happens wherever a result goes on to several ops.
    """
    x = tensor(3.0, requires_grad=True)
    square = x * x
    y = square * x + square
    return bl.draw(y, names=locals())


def broadcasting():
    """Broadcasting, undone
    The bias has one row and is added to five. Going back, the five rows of its gradient are summed:
    "summed over axis 0". The scale, a single number, receives the sum over both axes.
    """
    rng = np.random.default_rng(0)
    x = tensor(rng.normal(size=(5, 3)))
    bias = tensor(rng.normal(size=3), requires_grad=True)
    scale = tensor(1.5, requires_grad=True)
    y = ((x + bias) * scale).tanh().mean()
    return bl.draw(y, names=locals())


def network():
    """A small network
    Modules are frames. Small arrays show their numbers, larger ones a heat map, a histogram, the
    range, and for gradients the norm and its ratio to that of the value.
    """
    bl.manual_seed(0)
    model = nn.MLP([2, 16, 1])
    points = tensor(np.random.default_rng(0).normal(size=(40, 2)))
    target = points.numpy()[:, :1] ** 2
    loss = F.mse_loss(model(points), target)
    return bl.draw(loss, names={"points": points}, module=model)


def dropout():
    """Dropout
    The mask is a constant that meets the values in a product, so the same units that were dropped
    on the way forward get no gradient on the way back.
    """
    bl.manual_seed(1)
    layer = nn.Dropout(0.5)
    h = tensor(np.linspace(-1.0, 1.0, 8), requires_grad=True)
    y = (layer(h) * 2.0).sum()
    return bl.draw(y, names={"h": h})


def batch():
    """Cross-entropy on a batch
    Each row of the gradient of the logits is softmax minus one-hot, divided by the number of rows:
    negative at the true class, positive elsewhere.
    """
    rng = np.random.default_rng(3)
    logits = tensor(rng.normal(size=(4, 3)), requires_grad=True)
    labels = tensor([0, 2, 1, 1])
    loss = F.cross_entropy(logits, labels)
    return bl.draw(loss, names=locals())


def scalars():
    """Long sums
    A layer of neurons written number by number. With `depth=1` each neuron is open, and what it
    adds up is one node, "sum of 4", that passes its gradient on to every term.
    """
    rng = np.random.default_rng(0)
    inputs = [tensor(rng.normal(), name=f"x{i}") for i in range(3)]
    hidden = []
    for j in range(2):
        with scope(f"neuron{j}"):
            total = tensor(0.1, requires_grad=True, name=f"b{j}")
            for i, x in enumerate(inputs):
                total = total + x * tensor(rng.normal(), requires_grad=True, name=f"w{j}{i}")
            hidden.append(total.tanh())
    return bl.draw(hidden[0] * hidden[1], depth=1)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.down(self.up(x).relu())


class Deep(nn.Module):
    def __init__(self, blocks, width=8):
        super().__init__()
        self.blocks = nn.Sequential(*[Block(width) for _ in range(blocks)])
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.blocks(x))


def folded():
    """A deep network, folded
    `depth=1` opens one level of modules. Twelve equal blocks in a row become one box, "× 12", whose
    bars show how the gradient grows or fades on its way from the last to the first.
    """
    bl.manual_seed(0)
    rng = np.random.default_rng(0)
    model = Deep(12)
    x = tensor(rng.normal(size=(16, 8)), name="x")
    labels = tensor(rng.integers(0, 3, 16), name="labels")
    loss = F.cross_entropy(model(x), labels)
    return bl.draw(loss, module=model, depth=1)


def focus():
    """The neighbourhood of one tensor, on paper
    `focus=w, hops=1` shows what lies at most one op away; what was cut off is counted. The theme is
    the one for print.
    """
    bl.manual_seed(0)
    model = Deep(12)
    x = tensor(np.random.default_rng(0).normal(size=(16, 8)), name="x")
    loss = model(x).square().mean()
    w = model.blocks[5].up.weight
    return bl.draw(loss, module=model, focus=w, hops=1, theme="paper")


def second():
    """The gradient of a gradient
    With `create_graph=True` backward is itself made of ops, so the derivative of tanh(x²) has a
    graph of its own, and a gradient.
    """
    x = tensor(0.7, requires_grad=True)
    (dx,) = gradients((x * x).tanh(), x, create_graph=True)
    return bl.draw(dx, names=locals())


def stopped():
    """An error, drawn
    The second layer expects four features and gets eight. The error knows its op and its operands:
    `bl.draw(error)` draws the graph as far as it got.
    """
    bl.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(4, 1))
    points = tensor(np.random.default_rng(0).normal(size=(12, 2)))
    try:
        model(points)
    except bl.ShapeError as error:
        return bl.draw(error)


def birth():
    """Where a NaN is born
    The logarithm of 0 is −inf and that of −0.75 is NaN. The op that made them of finite numbers is
    red; what comes after it only passes them on.
    """
    x = tensor([1.0, 0.5, -0.25], requires_grad=True)
    y = (x - 0.5).log()
    loss = (y * 2.0).sum()
    return bl.draw(loss, names=locals())


def contrast():
    """High contrast
    All text at least 7 : 1 against its ground. Every theme is safe for the colour-blind, and no
    colour says anything that a glyph or a dash does not say too.
    """
    a = tensor(2.0, requires_grad=True)
    b = tensor(-3.0, requires_grad=True)
    y = a * b + b.exp()
    return bl.draw(y, names=locals(), theme="contrast")


def outline():
    """A model
    A module shows its parts, its parameters and the size of their gradients.
    """
    bl.manual_seed(0)
    model = nn.MLP([4, 16, 16, 3])
    x = np.random.default_rng(0).normal(size=(20, 4))
    F.cross_entropy(model(x), np.arange(20) % 3).backward()
    return bl.draw(model)


def replayed():
    """A replayed program
    What a replayed training step runs: each op with its time, coloured by it, and on the right how
    long each buffer is in use. The times are those of the machine that drew this page.
    """
    bl.manual_seed(0)
    model = nn.MLP([2, 16, 16, 2])
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    @bl.replay
    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x = np.random.default_rng(0).normal(size=(128, 2))
    for _ in range(2):
        step(tensor(x), tensor((x[:, 0] > 0).astype(int)))
    return bl.draw(step)


GALLERY = [neuron, shared, broadcasting, network, dropout, batch, scalars, folded, focus, second,
           stopped, birth, contrast, outline, replayed]  # fmt: skip
IMPORTS = [
    line
    for line in Path(__file__).read_text(encoding="utf-8").splitlines()
    if line.startswith(("import numpy", "import backlit", "from backlit"))
]
HELPERS = {folded: (Block, Deep)}


def main(folder: Path) -> None:
    (folder / "img").mkdir(parents=True, exist_ok=True)
    page = [
        "# Figures",
        "",
        "Drawn by `make gallery` from examples/gallery.py. All examples need:",
        "",
    ]
    page += ["```python", *IMPORTS, "```", ""]
    for example in GALLERY:
        title, _, words = inspect.getdoc(example).partition("\n")
        name = f"img/gallery-{example.__name__}.svg"
        example().save(folder / name)
        page += [f"## {title}", "", " ".join(words.split()), "", "```python"]
        page += [inspect.getsource(helper) + "\n" for helper in HELPERS.get(example, ())]
        page += [body(example), "```", "", f"![{title}]({name})", ""]
    (folder / "gallery.md").write_text("\n".join(page), encoding="utf-8")
    print(f"drew {len(GALLERY)} figures for {folder / 'gallery.md'}")


def body(example: Callable[[], Any]) -> str:
    """The code of an example without its first line and its docstring."""
    source = inspect.getsource(example).split('"""')[2]
    code = textwrap.dedent(source.strip("\n")).rstrip().replace("return bl.draw", "bl.draw")
    # within a function one blank line stands around a definition, at the top level two
    code = re.sub(r"\n\n(?=class |def |@)", "\n\n\n", code)
    return re.sub(r"(\n    .*)\n\n(?=\S)", r"\1\n\n\n", code).replace("\n\n\n\n", "\n\n\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
