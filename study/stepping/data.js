// The graph as the page holds it: nodes and edges that know each other, numbers as the engine's.
import { num } from "./words.js";

export const $ = (id) => document.getElementById(id);
const raw = JSON.parse($("data").textContent);
export const { letter, freed, updates, leaves, back, says, stops, told } = raw;
export const word = (i) => raw.words[i] ?? "";
export const scale = { strongest: raw.strongest }; // the largest contribution, as lines are wide

// NaN and infinities come as Python's words.
export const number = (v) => (typeof v === "string" ? Number(v.replace("inf", "Infinity")) : v);
export const fits = (dtype) => (dtype === "float32" ? Math.fround : (v) => v);

// Numbers of one array; `one` is the number itself where there is exactly one.
function values(row, dtype) {
  if (row === undefined || row === null) return null;
  const [dims, given, norm, zeros, about] = Array.isArray(row) ? raw.arrays[row] : [[], [row]];
  const data = given && given.map((v) => (typeof v === "boolean" ? v : fits(dtype)(number(v))));
  const size = dims.reduce((a, b) => a * b, 1), one = data && size === 1 ? data[0] : null;
  return { dims, size, data, one, norm: one === null ? number(norm) : Math.abs(one), zeros, about };
}

export const nodes = raw.nodes.map((row, id) => {
  const [name, short, kind, op, symbol, formula, path, dtype, state, problem] = row.slice(0, 10).map(word);
  return {
    id, name, short, kind, op, symbol, formula, path, dtype, state, problem, source: row[10], el: $("n" + id),
    value: values(row[11], dtype), grad: values(row[12], dtype), inputs: [], uses: [], arrivals: [], born: 0,
    title: op ? `${name} (${symbol})` : name, dL: `∂${letter}/∂${short}`,
  };
});
export const loss = nodes[raw.root];

export const edges = raw.edges.map(([from, to, vjp, rule, named, factor, flow, summed], id) => {
  const src = nodes[from], dst = nodes[to];
  const edge = {
    id, src, dst, vjp: word(vjp), rule: word(rule), named: word(named), summed: word(summed), el: $("e" + id), label: $("l" + id),
    factor: values(factor, src.dtype)?.one ?? null, flow: values(flow, src.dtype), sent: 0,
  };
  edge.isChain = edge.factor !== null && edge.flow?.one != null && dst.grad?.one != null;
  src.uses.push(edge);
  dst.inputs.push(edge);
  return edge;
});

export const chain = ({ factor, dst }) => `${num(factor)} × ${num(dst.grad.one)}`;
