// The inspector: all that is known by now about a node or an edge, the chain rule written out.
import { chain, dLd, edges, isChain, nodes, sources, title, upstream } from "./data.js";
import { $ } from "./stage.js";
import { born, completed, gradientAt, sent, steps, updated } from "./steps.js";
import { canChange, changed } from "./whatif.js";
import { num, shape, shown, sign, signed } from "./words.js";

export function make(tag, kind, ...kids) {
  const el = document.createElement(tag);
  el.className = kind;
  el.append(...kids);
  return el;
}

export function button(text, act, kind = "") {
  const el = make("button", kind, text);
  el.type = "button";
  el.addEventListener("click", act);
  return el;
}

const mono = (text, tone = "") => make("span", "mono " + tone, text);
const list = (rows) => make("dl", "", ...rows.flatMap(([name, what]) => (what ? [make("dt", "", name), make("dd", "", what)] : [])));

// Numbers of an array: all of a small one in a table, statistics of a big one.
function numbers(values) {
  const { one, size, data, dims, low, high, zeros, nans, infs } = values;
  if (one !== null) return mono(num(one, 9));
  if (!data) {
    const range = low === null ? "not kept" : `${num(low, 3)} … ${num(high, 3)}`;
    return mono([range, shown(values), zeros && `${num(zeros * 100, 3)}% zero`, nans && nans + " NaN", infs && infs + " inf"].filter(Boolean).join(" · "));
  }
  const cols = dims.length > 1 ? dims.at(-1) : 4, table = make("table", "mono");
  for (let i = 0; i < size; i += cols)
    table.append(make("tr", "", ...data.slice(i, i + cols).map((v) => make("td", sign(v), num(v, 3)))));
  return make("div", "wide", size ? table : "empty");
}

// local × upstream = contribution of one use, as far as it is known.
function product(edge, p) {
  if (!edge.flow || sent[edge.id] > p) return mono(edge.flow ? "not yet" : "no gradient flows here", "faint");
  const { one } = edge.flow, what = isChain(edge) ? chain(edge) : [edge.named, edge.summed].filter(Boolean).join(", ");
  return make("span", "mono", what, " = ", make("b", one === null ? "" : sign(one), shown(edge.flow)));
}

function uses(caption, all, end, p, acts) {
  const rows = all.slice(0, 12).map((edge) => make("li", "",
    button(title(nodes[edge[end]]), () => acts.choose({ e: edge.id }), "link"),
    make("small", "mono rule", edge.rule), product(edge, p)));
  if (all.length > 12) rows.push(make("li", "faint", `and ${all.length - 12} more`));
  return all.length ? [make("h3", "", caption), make("ul", "uses", ...rows)] : [];
}

// The line of the program that made a node, and those around it.
function code({ source }) {
  if (!sources[source]) return [];
  const [file, line, first, texts] = sources[source];
  const rows = texts.map((text, i) => make(first + i === line ? "b" : "span", "", `${first + i}  ${text}\n`));
  return [make("h3", "", `${file}:${line}`), make("pre", "mono", ...rows)];
}

// The number of a leaf, to be changed.
function field({ id, value, name }, acts) {
  const input = Object.assign(make("input", "mono"), { id: "whatif", type: "text", inputMode: "decimal", value: num(value.one, 17) });
  input.setAttribute("aria-label", `what if ${name} were`);
  input.addEventListener("change", () => acts.whatIf(id, input.value));
  return make("span", "tools", input, ...(changed.has(id) ? [button("as it was", () => acts.whatIf(id))] : []));
}

function aboutNode(node, p, acts) {
  const { id, op, formula, path, value, dtype, kind, problem } = node, now = gradientAt(id, p), whole = completed(id);
  const tools = [], known = born[id] <= p, next = updated.get(id) <= p && steps[updated.get(id)].more.next;
  if (born[id]) tools.push(button("run to its value", () => acts.go(born[id])));
  if (whole) tools.push(button("run to its gradient", () => acts.go(whole)), button("paths from the loss", () => acts.paths(id)));
  const gradient = now.word ? mono(now.word, "faint") : now.done ? numbers(node.grad)
    : mono(`${now.one === null ? "" : signed(now.one) + ", "}${now.here} of ${now.total} contributions`, "part");
  return [make("h2", "", node.name, make("small", "", " " + (op ? node.symbol : kind))),
    ...(problem && known ? [make("p", "rulebox warn", problem)] : []), list([
      ["formula", op && mono(`${op}: ${formula}`)], ["module", path && mono(path)],
      ["shape", dtype && mono(`${shape(value.dims)} ${dtype}`)],
      ["value", dtype && (known ? numbers(value) : mono("not yet", "faint"))],
      ["what if", canChange(node) && field(node, acts)],
      [dLd(node), node.state !== "none" && gradient],
      ["new value", next != null && next !== false && mono(num(next, 9))],
    ]), make("p", "tools", ...tools), ...code(node),
    ...uses("used by: the gradient is the sum of what they send", node.uses, "dst", p, acts), ...uses("made from", node.inputs, "src", p, acts)];
}

function aboutEdge(edge, p, acts) {
  const src = nodes[edge.src], dst = nodes[edge.dst], on = edge.flow && sent[edge.id] <= p;
  const name = (node) => button(title(node), () => acts.choose({ n: node.id }), "link");
  return [make("h2", "", name(dst), " → ", name(src)), make("p", "rulebox", product(edge, p)), list([
    ["op", mono(`${dst.op}: ${dst.formula}`)], ["local", edge.rule && mono(edge.rule, "rule")],
    ["", on && edge.factor !== null && mono(num(edge.factor, 9))],
    ["upstream", on && numbers(upstream(edge))], ["contribution", on && numbers(edge.flow)],
    ["broadcast", edge.summed && mono(`${shape(src.value.dims)} was repeated: ${edge.summed}`)],
  ]), make("p", "tools", ...(edge.flow ? [button("run to this contribution", () => acts.go(sent[edge.id]))] : [])), ...code(dst)];
}

export const inspect = ({ n, e }, p, acts) =>
  $("about").replaceChildren(...(e === undefined ? aboutNode(nodes[n], p, acts) : aboutEdge(edges[e], p, acts)));
