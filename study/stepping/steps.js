// What happened, in the engine's order; what is known after so many steps; how it is told.
import { back, dLd, edges, freed, isChain, leaves, nodes, number, root, says, title, updates, word } from "./data.js";
import { num, shown, term } from "./words.js";

export const steps = [null]; // from 1 on; at 0 nothing has happened
export const born = nodes.map(() => 0); // the step that computed a node's value
export const sent = edges.map(() => 0); // the step that sent an edge's contribution
export const arrivals = nodes.map(() => []); // the steps at which contributions arrived
export const updated = new Map(); // a parameter: the step that changes it
const after = []; // the gradient so far, after a step

const add = (kind, n, e, more = {}) => steps.push({ kind, n, e, more, dst: edges[e]?.dst ?? n }) - 1;
for (const { id, op } of nodes) if (op) born[id] = add("forward", id);
const seeded = nodes[root].grad && !freed ? add("seed", root) : 0;
for (const e of back) arrivals[edges[e].src].push(sent[e] = add("backward", edges[e].src, e));
for (const [n, text] of leaves) add("accumulate", n, undefined, { text });
for (const [n, text, ...row] of updates) {
  const [lr, value, grad, next] = row.map(number);
  updated.set(n, add("update", n, undefined, { text, lr, value, grad, next }));
}
export const last = steps.length - 1;
export const phaseOf = ({ kind }) => (kind === "accumulate" ? "backward" : kind);

export function sumUp() {
  for (const all of arrivals) {
    let sum = 0;
    for (const k of all) after[k] = sum += edges[steps[k].e].flow.one;
  }
}
sumUp();

// ---- what is known after p steps ---------------------------------------------------------------

const arrived = (n, p) => arrivals[n].filter((k) => k <= p).length;

// The step at which a node's gradient is complete; 0 where there is none.
export const completed = (n) => (n === root ? seeded : arrivals[n]?.at(-1) || 0);

// A node's gradient: a `word` before there is any, `done` when complete, `one` where a number.
export function gradientAt(n, p) {
  const { state, grad, value } = nodes[n], total = arrivals[n].length, here = arrived(n, p), whole = completed(n);
  if (state === "none" || state === "no path") return { word: state };
  if (freed ? grad : whole && whole <= p) return { done: true, one: grad.one };
  if (!here) return { word: freed ? "not kept" : whole ? "not yet" : state === "not run" ? state : "no path" };
  return { here, total, one: value.size === 1 ? after[arrivals[n][here - 1]] : null };
}

// The gradient so far, before contribution k arrived.
export const before = (k) => after[arrivals[steps[k].n].findLast((j) => j < k)] ?? 0;

// ---- grains: one step is a contribution, an op, a module ---------------------------------------

export const GRAINS = ["contribution", "op", "module"];
const grains = [
  (s) => s,
  (s) => s.kind + s.dst,
  (s) => s.kind + (/ward/.test(s.kind) ? nodes[s.dst].path : ""),
];
const stops = grains.map((key) =>
  steps.map((s, k) => k).filter((k) => !k || k === last || key(steps[k]) !== key(steps[k + 1])));
export const nextStop = (p, grain) => stops[grain].find((k) => k > p) ?? last;
export const previousStop = (p, grain) => stops[grain].findLast((k) => k < p) ?? 0;

// ---- sentences: parts of [text, kind] ----------------------------------------------------------

// All that there is to say of step k, by the names that the texts of `says` have for it.
export function facts(k) {
  const { kind, n, e, more } = steps[k], node = nodes[n], edge = edges[e], dst = nodes[edge?.dst];
  const what = { forward: node.value, backward: edge?.flow, update: { one: more.next } }[kind] ?? node.grad;
  const { name, op, formula, problem } = node, up = dst?.grad;
  return {
    ...more, name, op, formula, problem, what, result: shown(what, kind === "forward" ? node.dtype : "float"), dLd: dLd(node), term: term(more.grad ?? what.one),
    operands: node.inputs.map(({ src }) => nodes[src].name).join(", "), count: arrivals[n].length,
    ...(edge && {
      edge, from: title(dst), dst: dst.name, local: edge.factor, upstream: up.one, before: before(k),
      turn: arrived(n, k), rule: edge.rule.replace(/^.*= /, ""), vjp: edge.vjp + (edge.summed && what.one === null ? ", " + edge.summed : ""),
    }),
  };
}

const KINDS = { result: "result", name: "name", from: "name", local: "rule hide", upstream: "upstream hide", vjp: "rule", problem: "warn" };

// A text of `says` with the facts in its places.
export const fill = (text, given, kind) => text.split(/\{(\w+)\}/).map((part, i) => {
  const v = given[part];
  return i % 2 ? [typeof v === "number" ? num(v) : v, kind ?? KINDS[part] ?? ""] : [part, kind ?? ""];
});

// Step k, or all steps after `from` up to k.
export function tell(k, from = k - 1) {
  if (!k) return [[says.start]];
  if (k - from > 1) return summary(steps.slice(from + 1, k + 1));
  const given = facts(k), { kind, more, n } = steps[k], { edge, what, turn } = given;
  if (more.text != null) return [[word(more.text)]];
  if (!edge) return fill(says["tell " + (nodes[n].dtype ? kind : "failure")], given);
  const tail = what.one !== null ? says.sum_tail : turn > 1 ? says.turn_tail : "";
  return [...fill(isChain(edge) ? says.chain : says.product, given), ...fill(tail, given, "tail")];
}

// Several steps at once: an op's contributions, a module's ops, all leaves.
function summary(all) {
  const { kind, dst } = all.at(-1), ops = new Set(all.map((s) => s.dst)).size, backward = kind === "backward";
  if (backward && ops === 1 && all.length < 9)
    return [[title(nodes[dst]), "name"], [" sends back "], ...all.flatMap(({ n, e }, i) =>
      [[(i ? ", " : "") + shown(edges[e].flow), "result"], [" to "], [nodes[n].name, "name"]])];
  const where = /ward/.test(kind) ? nodes[dst].path || "outside of modules" : "the leaves";
  return [[where, "name"], [`: ${kind}, ${all.length} steps` + (backward ? ` through ${ops} ops` : "")]];
}
