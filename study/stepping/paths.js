// Path view: every path from the loss to a node, the product along each, then the sum.
import { dLd, edges, nodes, root } from "./data.js";
import { button, make } from "./inspector.js";
import { $, mark, svg } from "./stage.js";
import { sent } from "./steps.js";
import { num, sign, term } from "./words.js";

const MOST = 40;

// The paths (edges from the loss to node n), at most MOST, how many there are, and their nodes.
function pathsTo(n) {
  const on = new Set([n]), counts = new Map([[root, 1]]), found = [], stack = [[n, []]];
  for (const i of on) for (const { dst, flow } of nodes[i].uses) if (flow) on.add(dst);
  const all = [...on].sort((a, b) => b - a), through = (edge) => (edge.flow && counts.get(edge.dst)) || 0;
  for (const i of all) if (i !== root) counts.set(i, nodes[i].uses.reduce((sum, edge) => sum + through(edge), 0));
  while (stack.length && found.length < MOST) {
    const [i, way] = stack.pop();
    if (i === root) found.push(way);
    else stack.push(...nodes[i].uses.filter(through).map((edge) => [edge.dst, [edge, ...way]]).reverse());
  }
  return { found, total: counts.get(n), all: all.filter((i) => counts.get(i)) };
}

// One path in words, and the product along it: null where it is no number, or not to be seen yet.
function tellPath(way, p, hide) {
  const start = nodes[root], factors = way.map((edge) => edge.factor), scalar = !factors.includes(null);
  const lines = [make("div", "faint", [start, ...way.map((edge) => nodes[edge.src])].map((v) => v.short).join(" → "))];
  if (hide && way.some((edge) => sent[edge.id] > p)) return [null, [...lines, "? not predicted yet"]];
  const value = scalar ? factors.reduce((a, b) => a * b, start.grad.one) : null;
  if (scalar) lines.push([num(start.grad.one), ...factors.map(term)].join(" × ") + " = ", make("b", sign(value), num(value)));
  else lines.push(way.map((edge) => edge.named).join(", then "));
  const blocked = way.find((edge) => (edge.factor === null ? edge.flow.zeros === 1 : edge.factor === 0));
  if (blocked) {
    const { op, name } = nodes[blocked.dst];
    lines.push(make("div", "warn", `blocked at ${op} (${name}): its local derivative is 0`));
  }
  return [value, lines];
}

export function showPaths(n, p, hide, close) {
  const node = nodes[n], { found, total, all } = pathsTo(n), told = found.map((way) => tellPath(way, p, hide));
  const light = (ns, es) => mark("way", ns, es.map((edge) => edge.id));
  const every = () => light(all, edges.filter(({ src, dst, flow }) => flow && all.includes(src) && all.includes(dst)));
  const items = told.map(([, lines], i) => {
    const item = button("", () => light([root, ...found[i].map((edge) => edge.src)], found[i]), "path mono");
    item.append(...lines);
    return make("li", "", item);
  });
  const parts = [make("h2", "", `${total === 1 ? "the path" : total + " paths"} from the loss to ${node.short}`), make("ol", "", ...items)];
  const values = told.map(([value]) => value), rest = total - found.length, grad = node.grad.one;
  if (!values.includes(null)) {
    const sum = values.reduce((a, b) => a + b), first = rest ? `${num(sum)} + ${term(grad - sum)}` : values.map((v, i) => (i ? term(v) : num(v))).join(" + ");
    parts.push(make("p", "mono rulebox", `${dLd(node)} = ${total > 1 ? first + " = " : ""}`, make("b", sign(grad), num(grad))));
  }
  if (rest) parts.push(make("p", "faint", `${rest} more paths are not listed`));
  $("paths").replaceChildren(...parts, make("p", "tools", button("all paths", every), button("close", close)));
  $("paths").hidden = false;
  svg.classList.add("dim");
  every();
}

export function hidePaths() {
  $("paths").hidden = true;
  svg.classList.remove("dim");
}
