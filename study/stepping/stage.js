// The drawn graph: what a step reveals is switched on by class, and nothing else is touched.
import { $, chain, scale } from "./data.js";
import { flows, gradientAt } from "./steps.js";
import { num, sign, signed, term } from "./words.js";

export const svg = $("graph"), pane = $("pane");
const width = svg.width.baseVal.value, height = svg.height.baseVal.value;
let zoom = 1;
let focus = pane; // the node that was shown last, while it is in sight

const trunks = Object.fromEntries([...svg.querySelectorAll(".k")].map((el) => [el.id.slice(1), el]));
const toggle = (el, kind, on) => el?.classList.toggle(kind, !!on);

function write(el, kind, text, tone = "") {
  el = el?.querySelector("." + kind);
  if (!el) return;
  el.textContent = text;
  el.dataset.tone = tone;
}

export function paintNode(node, p) {
  const { el, id, value, state, problem, update, born } = node, changes = update?.k <= p, known = born <= p;
  toggle(el, "d", known);
  toggle(el, "bad", known && problem);
  toggle(el, "new", changes);
  if (value.one !== null) write(el, "v", num(changes ? update.next : value.one));
  if (state === "none") return;
  const now = gradientAt(node, p), single = value.size === 1;
  toggle(el, "full", !single && now.done);
  if (now.word) write(el, "g", now.word, "faint");
  else if (single) write(el, "g", signed(now.one), sign(now.one) + (now.done ? "" : " part"));
  else write(el, "g", now.done ? "" : `${now.here} of ${now.total} arrived`, "faint");
  write(el, "u", terms(node, now));
  toggle(trunks[id], "on", !now.word);
}

// The sum at a node with several uses.
function terms(node, { word, done, here, total }) {
  if (word) return "";
  if (!done) return `${here} of ${total} contributions`;
  const all = flows(node);
  return all.length > 4 || all.includes(null) ? `sum of ${all.length} paths` : "= " + all.map(term).join(" + ");
}

export function paintEdge({ el, label, flow, sent }, p) {
  const { one, norm } = flow, on = sent <= p;
  toggle(el, "on", on);
  el.dataset.tone = one === null ? "plain" : sign(one);
  toggle(label, "on", on);
  const size = norm && scale.strongest ? 1 + Math.log10(norm / scale.strongest) / 4 : 0;
  el.style.strokeWidth = on ? 1.6 + 2 * Math.max(0, size) : "";
}

// The numbers beside an edge, when they are other ones.
export function relabel(edge) {
  write(edge.label, "x", chain(edge));
  write(edge.label, "c", "= " + num(edge.flow.one), sign(edge.flow.one));
}

// Mark nodes and edges: the current step, what is selected, a path.
const marked = {};
export function mark(kind, items) {
  for (const el of marked[kind] ?? []) toggle(el, kind, false);
  marked[kind] = items.flatMap((item) => [item?.el, item?.label]);
  for (const el of marked[kind]) toggle(el, kind, true);
}

// Browsers take their time for all that is there, so of a big graph only what is in sight is: the
// rest is taken out. A card stands in one box, a line in one for each 400 pixels or so.
const far = 40; // pixels around the pane that are there too
const pieces = svg.matches(".big") ? [...svg.querySelectorAll(".n, .w, .k")].map((el) => ({ el, home: el.parentNode, here: true })) : [];
const boxes = new Float32Array(pieces.flatMap(({ el }, i) => boxesOf(el).flatMap((box) => [i, ...box])));

function boxesOf(el) {
  const d = el.getAttribute("d"), found = [];
  if (!d) {
    const { e, f } = el.transform.baseVal[0].matrix, { width, height } = el.firstElementChild;
    return [[e, f, e + width.baseVal.value, f + height.baseVal.value]];
  }
  let x, y;
  for (const [, kind, points] of d.matchAll(/([MVC])([^MVC]+)/g)) {
    const p = points.split(" ").map(Number), [u, v] = kind === "V" ? [x, p[0]] : p.slice(-2);
    const n = kind === "C" ? Math.ceil(Math.hypot(u - x, v - y) / 400) : +(kind === "V");
    const way = (t, a, b, c, d) => (1 - t) ** 3 * a + 3 * t * (1 - t) * ((1 - t) * b + t * c) + t ** 3 * d;
    for (let i = 1, k = x, l = y; i <= n; i++) {
      const [g, h] = i === n ? [u, v] : [way(i / n, x, p[0], p[2], u), way(i / n, y, p[1], p[3], v)];
      found.push([Math.min(k, g), Math.min(l, h), Math.max(k, g), Math.max(l, h)]);
      k = g, l = h;
    }
    x = u, y = v;
  }
  return found;
}

const box = (el) => el.getBoundingClientRect();

export function cull(event) {
  const all = event?.type === "beforeprint";
  const [left, top] = [pane.scrollLeft, pane.scrollTop].map((v) => (v - far) / zoom), seen = new Set();
  const right = left + (pane.clientWidth + 2 * far) / zoom, bottom = top + (pane.clientHeight + 2 * far) / zoom;
  for (let i = 0; i < boxes.length; i += 5) {
    if (boxes[i + 1] < right && boxes[i + 3] > left && boxes[i + 2] < bottom && boxes[i + 4] > top) seen.add(boxes[i]);
  }
  pieces.forEach((piece, i) => {
    if (piece.here !== (all || seen.has(i))) (piece.here = !piece.here) ? piece.home.append(piece.el) : piece.el.remove();
  });
}

// Into sight, with as little movement as will do.
const bring = (el, behavior = "auto") => el.scrollIntoView({ block: "nearest", inline: "nearest", behavior });

export function show({ el }) {
  const piece = pieces.find((piece) => piece.el === el);
  if (piece && !piece.here) piece.home.append(el), piece.here = true;
  focus = el.matches(".n") ? el : pane;
  bring(el);
  cull();
}

// Bigger or smaller by a factor; without one, as it fits. What was shown stays in sight, else the middle.
export function setZoom(factor) {
  const was = zoom, a = box(focus.isConnected ? focus : pane), x = a.x + a.width / 2, y = a.y + a.height / 2, b = box(svg);
  const fit = Math.min((pane.clientWidth - 24) / width, (pane.clientHeight - 24) / height, 1);
  zoom = Math.min(Math.max(factor ? zoom * factor : fit, 0.05), 3);
  svg.style.width = width * zoom + "px";
  toggle(svg, "far", zoom < 0.4);
  $("fit").textContent = Math.round(zoom * 100) + "%";
  const c = box(svg), grown = zoom / was;
  pane.scrollBy({ left: c.x + (x - b.x) * grown - x, top: c.y + (y - b.y) * grown - y, behavior: "instant" });
  hold();
}

// What is in sight stays there.
function hold() {
  if (focus !== pane) bring(focus, "instant");
  cull();
}

pane.onscroll = window.onbeforeprint = window.onafterprint = cull;
window.onresize = hold;
pane.onscrollend = () => {
  const a = box(focus), b = box(pane);
  if (a.x > b.right || a.right < b.x || a.y > b.bottom || a.bottom < b.y) focus = pane;
};
cull();
