// The graph as the page holds it: nodes with their edges, numbers as the engine has them.
import { num } from "./words.js";

const raw = JSON.parse(document.getElementById("data").textContent);
export const { letter, root, freed, palettes, updates, leaves, back, says, sources } = raw;
export const word = (i) => raw.words[i] ?? "";
export const scale = { strongest: raw.strongest }; // the largest contribution, as lines are wide

// NaN and infinities come as Python's words.
export const number = (v) => (typeof v === "string" ? Number(v.replace("inf", "Infinity")) : v);
export const fits = (dtype) => (dtype === "float32" ? Math.fround : (v) => v);

// Numbers of one array; `one` is the number itself where there is exactly one.
function values(row, dtype) {
  if (row === undefined || row === null) return null;
  const [dims, given, low, high, norm, zeros, nans, infs] = Array.isArray(row) ? row : [[], [row]];
  const data = given && given.map((v) => (typeof v === "boolean" ? v : fits(dtype)(number(v))));
  const size = dims.reduce((a, b) => a * b, 1), one = data && size === 1 ? data[0] : null;
  return { dims, size, data, one, low, high, norm: one === null ? number(norm) : Math.abs(one), zeros, nans, infs };
}

export const nodes = raw.nodes.map((row, id) => {
  const [name, short, kind, op, symbol, formula, path, dtype, state, problem] = row.slice(0, 10).map(word);
  return {
    id, name, short, kind, op, symbol, formula, path, dtype, state, problem, source: row[10],
    value: values(row[11], dtype), grad: values(row[12], dtype), inputs: [], uses: [],
  };
});

export const edges = raw.edges.map(([src, dst, vjp, rule, named, factor, flow, summed], id) => {
  const { dtype } = nodes[src];
  const edge = {
    id, src, dst, vjp: word(vjp), rule: word(rule), named: word(named), summed: word(summed),
    factor: values(factor, dtype)?.one ?? null, flow: values(flow, dtype),
  };
  nodes[src].uses.push(edge);
  nodes[dst].inputs.push(edge);
  return edge;
});

export const dLd = (node) => `∂${letter}/∂${node.short}`;
export const upstream = (edge) => nodes[edge.dst].grad;
// An op by its name and sign, a leaf by its name.
export const title = ({ name, symbol }) => (symbol ? `${name} (${symbol})` : name);
export const isChain = (edge) => edge?.factor != null && edge.flow?.one != null && upstream(edge)?.one != null;
export const chain = (edge) => `${num(edge.factor)} × ${num(upstream(edge).one)}`;
