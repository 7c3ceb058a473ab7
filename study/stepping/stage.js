// The drawn graph: what a step reveals is switched on by class, and nothing else is touched.
import { chain, edges, isChain, nodes, palettes, scale } from "./data.js";
import { arrivals, born, gradientAt, sent, steps, updated } from "./steps.js";
import { num, sign, signed, term } from "./words.js";

export const $ = (id) => document.getElementById(id);
export const svg = $("graph"), pane = $("pane");
const width = svg.width.baseVal.value, height = svg.height.baseVal.value;
let zoom = 1;

function write(el, kind, text, tone) {
  el = el?.querySelector("." + kind);
  if (!el) return;
  el.textContent = text;
  el.classList.remove("part", "faint", "plus", "minus", "zero", "warn");
  if (tone) el.classList.add(...tone.split(" "));
}

export function paintNode(n, p) {
  const el = $("n" + n), { value, state, problem } = nodes[n], change = updated.get(n) <= p && steps[updated.get(n)].more;
  const is = (kind, on) => el.classList.toggle(kind, !!on), known = born[n] <= p;
  is("d", known);
  is("bad", known && problem);
  is("new", change);
  if (value.one !== null) write(el, "v", num(change ? change.next : value.one));
  if (state !== "none") {
    const now = gradientAt(n, p), single = value.size === 1;
    is("full", !single && now.done);
    if (now.word) write(el, "g", now.word, "faint");
    else if (single) write(el, "g", signed(now.one), sign(now.one) + (now.done ? "" : " part"));
    else write(el, "g", now.done ? "" : `${now.here} of ${now.total} arrived`, "faint");
    write(el, "u", terms(n, now));
    $("k" + n)?.classList.toggle("on", !now.word);
  }
  colour(el);
}

// The sum at a node with several uses.
function terms(n, { word, done, here, total }) {
  if (word) return "";
  if (!done) return `${here} of ${total} contributions`;
  const flows = arrivals[n].map((k) => edges[steps[k].e].flow.one);
  return flows.length > 4 || flows.includes(null) ? `sum of ${flows.length} paths` : "= " + flows.map(term).join(" + ");
}

export function paintEdge(e, p) {
  const el = $("e" + e), edge = edges[e], { one, norm } = edge.flow, on = sent[e] <= p, tone = one === null ? "plain" : sign(one);
  el.classList.remove("on", "plus", "minus", "zero", "warn");
  if (on) el.classList.add("on", tone);
  const size = on && norm && scale.strongest ? 1 + Math.log10(norm / scale.strongest) / 4 : 0;
  el.style.strokeWidth = on ? 1.6 + 2 * Math.max(0, size) : "";
  $("l" + e)?.classList.toggle("on", on);
}

// The numbers beside an edge, when they are other ones.
export function relabel(edge) {
  write($("l" + edge.id), "x", chain(edge));
  write($("l" + edge.id), "c", "= " + num(edge.flow.one), sign(edge.flow.one));
}

// ---- marks: the current step, what is selected, a path -----------------------------------------

const marked = {};
export function mark(kind, ns, es) {
  for (const el of marked[kind] ?? []) el.classList.remove(kind);
  marked[kind] = [...ns.map((n) => "n" + n), ...es.flatMap((e) => ["e" + e, "l" + e])].map($).filter(Boolean);
  for (const el of marked[kind]) el.classList.add(kind);
}

// In big graphs edges have no labels: the current one has the chain rule written beside it.
const callout = document.createElementNS(svg.namespaceURI, "text");
callout.id = "callout";

export function say(edge) {
  if (!isChain(edge) || $("l" + edge.id)) return callout.remove();
  const line = $("e" + edge.id), { x, y } = line.getPointAtLength(line.getTotalLength() / 2);
  const text = `${chain(edge)} = ${num(edge.flow.one)}`, half = text.length * 3.7;
  callout.textContent = text;
  callout.setAttribute("x", Math.min(Math.max(x, half), width - half));
  callout.setAttribute("y", y + 4);
  svg.append(callout);
}

export function show(el) {
  const box = el.getBoundingClientRect(), view = pane.getBoundingClientRect();
  const out = (a, b, low, high) => (a < low + 30 || b > high - 30 ? (a + b - low - high) / 2 : 0);
  const dx = out(box.left, box.right, view.left, view.right), dy = out(box.top, box.bottom, view.top, view.bottom);
  if (dx || dy) pane.scrollBy(dx, dy);
}

// ---- size and colours --------------------------------------------------------------------------

// Bigger or smaller by a factor; without one, as it fits, but not below `least`.
export function setZoom(factor, least = 0.05) {
  const { clientWidth: w, clientHeight: h, scrollLeft, scrollTop } = pane;
  const x = (scrollLeft + w / 2) / zoom, y = (scrollTop + h / 2) / zoom;
  const wanted = factor ? zoom * factor : Math.min((w - 24) / width, (h - 24) / height, 1);
  zoom = Math.min(Math.max(wanted, least), 3);
  svg.style.width = width * zoom + "px";
  svg.style.height = height * zoom + "px";
  pane.scrollTo(x * zoom - w / 2, y * zoom - h / 2);
  $("fit").textContent = Math.round(zoom * 100) + "%";
}

const system = matchMedia("(prefers-color-scheme: dark)"), theme = document.documentElement.dataset;
const now = () => theme.theme || (system.matches ? "dark" : "light");

// The images of heat maps lack their palette: it is put in when they are first seen.
function colour(el, which = "image:not([href])") {
  if (palettes) for (const image of el.querySelectorAll(which)) {
    const { png } = image.dataset;
    image.setAttribute("href", "data:image/png;base64," + png.slice(0, 44) + palettes[now()] + png.slice(44));
  }
}
system.addEventListener("change", () => colour(svg, "image"));

export function switchTheme() {
  theme.theme = now() === "dark" ? "light" : "dark";
  colour(svg, "image");
}
