"""The page's script: sliders that show one of several frames, move a line through charts and fill
a table. Without it one frame is seen; it holds no < and no &, so that XML parsers read it too.
"""

SCRIPT = """
"use strict";
document.querySelectorAll("[data-slider]").forEach(function (box) {
  var told = JSON.parse(box.getAttribute("data-slider"));
  var input = box.querySelector("input");
  var output = box.querySelector("output");
  var frames = box.querySelectorAll("[data-frame]");
  var lines = box.querySelectorAll("[data-places]");
  var cells = box.querySelectorAll("[data-values]");
  function show() {
    var k = Number(input.value);
    output.textContent = told.words[k];
    input.setAttribute("aria-valuetext", told.words[k]);
    frames.forEach(function (frame) {
      frame.classList.toggle("off", Number(frame.getAttribute("data-frame")) !== k);
    });
    lines.forEach(function (line) {
      var x = JSON.parse(line.getAttribute("data-places"))[k];
      line.setAttribute("transform", "translate(" + x + " 0)");
    });
    cells.forEach(function (cell) {
      cell.textContent = JSON.parse(cell.getAttribute("data-values"))[k];
    });
  }
  input.addEventListener("input", show);
  box.querySelector(".slider").hidden = false;
  show();
});
var details = document.querySelectorAll("details");
window.addEventListener("beforeprint", function () {
  details.forEach(function (one) { one.setAttribute("data-was", one.open); one.open = true; });
});
window.addEventListener("afterprint", function () {
  details.forEach(function (one) { one.open = one.getAttribute("data-was") === "true"; });
});
"""
