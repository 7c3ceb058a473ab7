"""Backpropagation to step through: `python examples/stepping.py [folder]` writes two pages, one of
a neuron in single numbers, one of a small network, each ending with an optimizer's step.

With chromium and selenium (`make test-browser` installs both) and `--pictures` it also takes the
screenshots of the README.
"""

import sys
from pathlib import Path

import numpy as np

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import scope, tensor

given = [word for word in sys.argv[1:] if word != "--pictures"]
folder = Path(given[0] if given else "runs/example_stepping")
folder.mkdir(parents=True, exist_ok=True)

x = [tensor(0.6888, name="x0"), tensor(-0.3934, name="x1")]
weights = {
    "w0": 0.5676, "w1": 0.5159, "b": 0.1, "v": -0.1901,
}  # fmt: skip
w0, w1, b, v = (tensor(value, requires_grad=True, name=name) for name, value in weights.items())
with scope("neuron"):
    h = (x[0] * w0 + x[1] * w1 + b).tanh()
loss = (h * v + h * w0 - 1) ** 2
sgd = optim.SGD([w0, w1, b, v], lr=0.1)
neuron = bl.walk(loss, optimizer=sgd).save(folder / "neuron.html")

bl.manual_seed(0)
model = nn.MLP([2, 8, 2])
points = tensor(np.random.default_rng(0).standard_normal((12, 2)))
loss = F.cross_entropy(model(points), (points.numpy()[:, 0] > 0).astype(int))
adam = optim.Adam(model.parameters(), lr=0.01)
network = bl.walk(loss, names={"points": points}, module=model, optimizer=adam)
network.save(folder / "network.html")
print(f"wrote neuron.html and network.html to {folder}")

if "--pictures" in sys.argv:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for flag in ("headless=new", "no-sandbox", "hide-scrollbars", "disable-background-networking"):
        options.add_argument(f"--{flag}")
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    size = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    shots = [
        ("stepping-light.png", "light", "neuron.html#step=15"),
        ("stepping-dark.png", "dark", "network.html#step=12"),
        ("stepping-paths.png", "light", "neuron.html#step=27&node=1&paths=1"),
    ]
    for name, scheme, address in shots:
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        driver.get("about:blank")
        driver.get(f"file://{folder.resolve()}/{address}")
        driver.save_screenshot(str(folder / name))
        print(f"took {name}")
    driver.quit()
