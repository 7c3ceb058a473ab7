// The drawn graph: what a step reveals is switched on by class, and nothing else is touched.
import { $, chain, scale } from "./data.js";
import { flows, gradientAt } from "./steps.js";
import { num, sign, signed, term } from "./words.js";

export const svg = $("graph"), pane = $("pane");
const width = svg.width.baseVal.value, height = svg.height.baseVal.value;
let zoom = 1;

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
  toggle($("k" + id), "on", !now.word);
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

export const show = ({ el }) => el.scrollIntoView({ block: "nearest", inline: "nearest" });

// Bigger or smaller by a factor; without one, as it fits.
export function setZoom(factor) {
  const fit = Math.min((pane.clientWidth - 24) / width, (pane.clientHeight - 24) / height, 1);
  zoom = Math.min(Math.max(factor ? zoom * factor : fit, 0.05), 3);
  svg.style.width = width * zoom + "px";
  $("fit").textContent = Math.round(zoom * 100) + "%";
}
