// The graph as the page holds it: nodes with their edges, numbers as the engine has them.
const raw = JSON.parse(document.getElementById("data").textContent);
export const { letter, root, freed, strongest, palettes, updates, leaves, back, says } = raw;
export const word = (i) => raw.words[i] ?? "";

// NaN and infinities come as Python's words.
export const number = (v) =>
  typeof v === "string" ? Number(v.replace("inf", "Infinity")) : v;

const fits = (dtype) => (dtype === "float32" ? Math.fround : (v) => v);

// Numbers of one array; `one` is the number itself where there is exactly one.
function values(row, dtype) {
  if (row === undefined || row === null) return null;
  const single = !Array.isArray(row), fit = fits(dtype);
  const [dims, given, low, high, norm, zeros, nans, infs] = single ? [[], [row]] : row;
  const data = given && given.map((v) => (v === true || v === false ? v : fit(number(v))));
  const size = dims.reduce((a, b) => a * b, 1), one = data && size === 1 ? data[0] : null;
  return { dims, size, data, one, low, high, norm: one === null ? number(norm) : Math.abs(one), zeros, nans, infs };
}

export const nodes = raw.nodes.map((row, id) => {
  const [name, short, kind, op, symbol, formula, path, dtype] = row.slice(0, 8).map(word);
  return {
    id, name, short, kind, op, symbol, formula, path, dtype, value: values(row[8], dtype),
    state: word(row[9]), grad: values(row[10], dtype), inputs: [], uses: [],
  };
});

export const edges = raw.edges.map((row, id) => {
  const [src, dst, vjp, rule, named, factor, flow, summed] = row, { dtype } = nodes[src];
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
export const isChain = (edge) => edge.factor !== null && edge.flow?.one != null && upstream(edge)?.one != null;
