// What happened, in the engine's order; what is known after so many steps; how it is told.
import { back, dLd, edges, freed, isChain, leaves, nodes, number, root, title, updates, upstream, word } from "./data.js";
import { num, shown, sign, term } from "./words.js";

export const steps = [null]; // from 1 on; at 0 nothing has happened
export const born = nodes.map(() => 0); // the step that computed a node's value
export const sent = edges.map(() => 0); // the step that sent an edge's contribution
export const arrivals = nodes.map(() => []); // the steps at which contributions arrived
export const updated = new Map(); // a parameter: the step that changes it
const after = [], sums = new Map(); // the gradient so far, after a step, and of a node

const add = (kind, n, e, more) => steps.push({ kind, n, e, more, dst: e === undefined ? n : edges[e].dst }) - 1;
for (const { id, op } of nodes) if (op) born[id] = add("forward", id);
const seeded = nodes[root].grad && !freed ? add("seed", root) : 0;
for (const e of back) {
  const { src, flow } = edges[e], k = add("backward", src, e);
  sent[e] = k;
  arrivals[src].push(k);
  if (flow.one !== null) sums.set(src, after[k] = (sums.get(src) || 0) + flow.one);
}
for (const [n, text] of leaves) add("accumulate", n, undefined, { text });
for (const [n, text, plain, ...row] of updates) {
  const [lr, value, grad, next] = row.map(number);
  updated.set(n, add("update", n, undefined, { text, plain, lr, value, grad, next }));
}
export const last = steps.length - 1;
export const phaseOf = ({ kind }) => (kind === "accumulate" ? "backward" : kind);

// ---- what is known after p steps ---------------------------------------------------------------

export function arrived(n, p) {
  const all = arrivals[n];
  let low = 0, high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    all[middle] <= p ? (low = middle + 1) : (high = middle);
  }
  return low;
}

// The step at which a node's gradient is complete; 0 where there is none.
export const completed = (n) => (n === root ? seeded : arrivals[n]?.at(-1) || 0);

// A node's gradient: a `word` before there is any, `done` when complete, `one` where a number.
export function gradientAt(n, p) {
  const { state, grad } = nodes[n], total = arrivals[n].length, here = arrived(n, p);
  if (state === "none" || state === "no path") return { word: state };
  if (freed ? grad : completed(n) && completed(n) <= p) return { done: true, one: grad.one };
  if (!here) return { word: freed ? "not kept" : completed(n) ? "not yet" : "no path" };
  return { here, total, one: after[arrivals[n][here - 1]] ?? null };
}

// The gradient so far, before contribution k arrived.
export function before(k) {
  const all = arrivals[steps[k].n], i = all.indexOf(k);
  return i > 0 ? after[all[i - 1]] : 0;
}

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

// Step k, or all steps after `from` up to k.
export function tell(k, from = k - 1) {
  if (!k) return [["Nothing is computed yet: only the leaves have values. → or “next” begins."]];
  if (k - from > 1) return summary(steps.slice(from + 1, k + 1));
  const { kind, n, e, more } = steps[k], node = nodes[n], name = [node.name, "name"];
  if (more?.text !== undefined) {
    const text = word(more.text), cut = more.plain ? text.lastIndexOf("=") + 2 : text.length;
    return [[text.slice(0, cut)], [text.slice(cut), "result"]];
  }
  if (kind === "seed") return [["seed: "], [dLd(node), "name"], [" = "], [num(node.grad.one), "result"]];
  if (kind === "accumulate") return [name, [".grad receives "], [shown(node.grad), "result"]];
  if (kind === "forward") {
    const operands = node.inputs.map((edge) => nodes[edge.src].name).join(", ");
    return [name, [` = ${node.op}(${operands}) = `], [shown(node.value, node.dtype), "result"]];
  }
  const edge = edges[e], { flow } = edge, turn = arrived(n, k);
  const parts = [[title(nodes[edge.dst]), "name"], [" → "], name, [": "]];
  if (isChain(edge))
    parts.push(["local "], [num(edge.factor), "rule hide"], [" · upstream "], [num(upstream(edge).one), "upstream hide"]);
  else parts.push([edge.vjp + (edge.summed && flow.one === null ? ", " + edge.summed : ""), "rule"]);
  parts.push([" = "], [shown(flow), `result ${flow.one === null ? "" : sign(flow.one)}`]);
  if (flow.one !== null) parts.push([`; ${dLd(node)} = ${num(before(k))} + ${term(flow.one)}`, "tail"]);
  else if (turn > 1) parts.push([`; contribution ${turn} is added to the ones before`, "tail"]);
  return parts;
}

// Several steps at once: an op's contributions, a module's ops, all leaves.
function summary(all) {
  const { kind, dst } = all.at(-1), ops = new Set(all.map((s) => s.dst)).size;
  if (kind === "backward" && ops === 1 && all.length < 9)
    return [[title(nodes[dst]), "name"], [" sends back "], ...all.flatMap(({ n, e }, i) =>
      [[i ? ", " : ""], [shown(edges[e].flow), "result"], [" to "], [nodes[n].name, "name"]])];
  const where = !/ward/.test(kind) ? "the leaves" : nodes[dst].path || "outside of modules";
  return [[where, "name"], [`: ${kind}, ${all.length} steps` + (kind === "backward" ? ` through ${ops} ops` : "")]];
}
