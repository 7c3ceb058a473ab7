// Path view: every path from the loss to a node, the product along each, then the sum.
import { $, edges, loss } from "./data.js";
import { make } from "./inspector.js";
import { mark, svg } from "./stage.js";
import { num, sign, term } from "./words.js";

const MOST = 40;

// The paths (edges from the loss to a node), at most MOST, and for each node on them their number.
function pathsTo(node) {
  const on = new Set([node]), counts = new Map([[loss, 1]]), found = [], stack = [[node, []]];
  for (const each of on) for (const { dst, flow } of each.uses) if (flow) on.add(dst);
  const through = (edge) => (edge.flow && counts.get(edge.dst)) || 0;
  for (const each of [...on].sort((a, b) => b.id - a.id))
    if (each !== loss) counts.set(each, each.uses.reduce((sum, edge) => sum + through(edge), 0));
  while (stack.length && found.length < MOST) {
    const [from, way] = stack.pop();
    if (from === loss) found.push(way);
    else stack.push(...from.uses.filter(through).map((edge) => [edge.dst, [edge, ...way]]).reverse());
  }
  return { found, counts };
}

// The ends of a long row, and what lies between as how many there are.
const brief = (all) => (all.length > 44 ? [...all.slice(0, 20), `… ${all.length - 40} more …`, ...all.slice(-20)] : all);

// One path in words, and the product along it: null where it is no number, or not to be seen yet.
function tellPath(way, p, hide) {
  const factors = way.map(({ factor }) => factor), scalar = !factors.includes(null), seed = loss.grad.one;
  const lines = [make("div.faint", brief([loss, ...way.map(({ src }) => src)].map(({ short }) => short)).join(" → "))];
  if (hide && way.some(({ sent }) => sent > p)) return [null, [...lines, "? not predicted yet"]];
  const value = scalar ? factors.reduce((a, b) => a * b, seed) : null;
  if (scalar) lines.push(brief([num(seed), ...factors.map(term)]).join(" × ") + " = ", make("b." + sign(value), num(value)));
  else lines.push(brief(way.map(({ named }) => named)).join(", then "));
  const blocked = way.find(({ factor, flow }) => (factor === null ? flow.zeros === 1 : factor === 0))?.dst;
  if (blocked) lines.push(make("div.warn", `blocked at ${blocked.op} (${blocked.name}): its local derivative is 0`));
  return [value, lines];
}

// Show the paths to a node, or none.
export function showPaths(node, p, hide) {
  $("paths").hidden = !node;
  svg.classList.toggle("dim", !!node);
  if (!node) return;
  const { found, counts } = pathsTo(node), total = counts.get(node), told = found.map((way) => tellPath(way, p, hide));
  const values = told.map(([value]) => value), rest = total - found.length, grad = node.grad.one;
  const sum = rest || total === 1 ? "" : values.map((v, i) => (i ? term(v) : num(v))).join(" + ") + " = ";
  $("paths").replaceChildren(make("h2", `${total === 1 ? "the path" : total + " paths"} from the loss to ${node.short}`), make("ol", told.map(([, lines]) => make("li.path", lines))),
    values.includes(null) ? "" : make("p.rulebox", `${node.dL} = ${sum}`, make("b." + sign(grad), num(grad))),
    rest ? make("p.faint", `${rest} more paths are not listed`) : "");
  mark("way", [...counts.keys(), ...edges.filter(({ src, dst, flow }) => flow && counts.has(src) && counts.has(dst))]);
}
