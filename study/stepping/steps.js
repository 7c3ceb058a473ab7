// What happened, in the engine's order; what is known after so many steps; how it is told.
import { back, edges, freed, leaves, loss, nodes, number, says, stops, told, updates, word } from "./data.js";
import { num, shown, term } from "./words.js";

export const steps = [{ kind: "start", node: loss, dst: loss }]; // at 0 nothing has happened

function add(kind, node, more) {
  steps.push({ kind, node, dst: node, k: steps.length, ...more });
  return steps.at(-1);
}

for (const node of nodes) if (node.op) node.born = add("forward", node).k;
const seeded = loss.grad && !freed ? add("seed", loss).k : 0;
for (const edge of back.map((e) => edges[e])) {
  edge.sent = add("backward", edge.src, { edge, dst: edge.dst }).k;
  edge.src.arrivals.push(edge);
}
for (const [n, text] of leaves) add("accumulate", nodes[n], { text });
for (const [n, text, ...row] of updates) {
  const [lr, value, grad, next] = row.map(number);
  nodes[n].update = add("update", nodes[n], { text, lr, value, grad, next });
}
export const last = steps.length - 1;
export const phaseOf = ({ kind }) => (kind === "accumulate" ? "backward" : kind);
export const flows = (node) => node.arrivals.map((edge) => edge.flow.one);

// An edge knows the gradient before and after its contribution.
export function sumUp() {
  for (const { arrivals } of nodes) {
    let sum = 0;
    for (const edge of arrivals) {
      edge.before = sum;
      edge.after = sum += edge.flow.one;
    }
  }
}
sumUp();

// ---- what is known after p steps ---------------------------------------------------------------

const arrived = ({ arrivals }, p) => arrivals.filter((edge) => edge.sent <= p).length;

// The step at which a node's gradient is complete; 0 where there is none.
export const completed = (node) => (node === loss ? seeded : node.arrivals.at(-1)?.sent ?? 0);

// A node's gradient: a `word` before there is any, `done` when complete, `one` where a number.
export function gradientAt(node, p) {
  const { state, grad, value, arrivals } = node, total = arrivals.length, here = arrived(node, p), whole = completed(node);
  if (state === "none" || state === "no path") return { word: state };
  if (freed ? grad : whole && whole <= p) return { done: true, one: grad.one };
  if (!here) return { word: freed ? "not kept" : whole ? "not yet" : state };
  return { here, total, one: value.size === 1 ? arrivals[here - 1].after : null };
}

// ---- grains: one step is a contribution, an op, a module ---------------------------------------

export const GRAINS = ["contribution", "op", "module"];
const ends = [steps.map((_, k) => k), ...stops];
export const nextStop = (p, grain) => ends[grain].find((k) => k > p) ?? last;
export const previousStop = (p, grain) => ends[grain].findLast((k) => k < p) ?? 0;

// ---- sentences: parts of [text, kind] ----------------------------------------------------------

// All that there is to say of a step, by the names that the texts of `says` have for it.
export function facts(step) {
  const { kind, node, edge, dst, grad, next, k } = step;
  const what = { forward: node.value, backward: edge?.flow, update: { one: next } }[kind] ?? node.grad;
  return {
    ...node, ...edge, ...step, what, result: shown(what, kind === "forward" ? node.dtype : "float"), from: dst.title, dst: dst.name,
    operands: node.inputs.map(({ src }) => src.name).join(", "), count: node.arrivals.length, term: term(grad ?? what.one),
    ...(edge && {
      local: edge.factor, upstream: dst.grad.one, turn: arrived(node, k), rule: edge.rule.replace(/^.*= /, ""),
      vjp: edge.vjp + (edge.summed && what.one === null ? ", " + edge.summed : ""),
    }),
  };
}

const KINDS = { result: "result", name: "name", from: "name", local: "rule hide", upstream: "upstream hide", vjp: "rule", problem: "warn" };

// A text of `says` with the facts in its places.
export const fill = (text, given, kind) => text.split(/\{(\w+)\}/).map((part, i) => {
  const v = given[part];
  return i % 2 ? [typeof v === "number" ? num(v) : v, kind ?? KINDS[part]] : [part, kind];
});

// A step; with a grain, all that leads up to it.
export function tell(step, grain = 0) {
  const { k, edge, text, node, kind } = step, coarse = told[grain - 1]?.[k];
  if (!k) return [[says.start]];
  if (coarse ?? text) return [[word(coarse ?? text)]];
  const given = facts(step);
  if (!edge) return fill(says["tell " + (node.dtype ? kind : "failure")], given);
  const tail = edge.flow.one !== null ? says.sum_tail : given.turn > 1 ? says.turn_tail : "";
  return [...fill(edge.isChain ? says.chain : says.product, given), ...fill(tail, given, "tail")];
}
