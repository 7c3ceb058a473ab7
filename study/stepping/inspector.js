// The inspector: all that is known by now about a node or an edge, the chain rule written out.
import { $, chain } from "./data.js";
import { gradientAt } from "./steps.js";
import { canChange } from "./whatif.js";
import { num, shape, shown, sign, signed } from "./words.js";

export function make(what, ...kids) {
  const [tag, ...kinds] = what.split("."), el = document.createElement(tag);
  el.className = kinds.join(" ");
  el.append(...kids.flat(2).filter(Boolean));
  return el;
}

function link(text, act) {
  const el = make("button.link", text);
  el.addEventListener("click", act);
  return el;
}

let p, pick; // the step that is told of, and what a click on a name does

const faint = (text) => make("span.faint", text);
const list = (rows) => make("dl", rows.flatMap(([name, what]) => (what ? [make("dt", name), make("dd", what)] : [])));

// Numbers of an array: all of a small one in a table, statistics of a big one.
function numbers({ one, data, dims, about }) {
  if (!data || one !== null) return data ? num(one, 9) : about;
  const cols = dims.length > 1 ? dims.at(-1) : 4, rows = [];
  for (let i = 0; i < data.length; i += cols) rows.push(make("tr", data.slice(i, i + cols).map((v) => make("td." + sign(v), num(v, 3)))));
  return make("table", rows);
}

// local × upstream = contribution of one use, as far as it is known.
function product(edge) {
  const { flow, named, summed, sent, isChain } = edge;
  if (!flow || sent > p) return faint(flow ? "not yet" : "no gradient flows here");
  const what = isChain ? chain(edge) : [named, summed].filter(Boolean).join(", ");
  return make("span", what, " = ", make("b." + (flow.one === null ? "" : sign(flow.one)), shown(flow)));
}

function uses(caption, all, end) {
  if (!all.length) return [];
  const rows = all.slice(0, 12).map((edge) => make("li",
    link(edge[end].title, () => pick(edge)), make("div.rule", edge.rule), product(edge)));
  return [make("h3", caption), make("ul.uses", rows, all.length > 12 && faint(`and ${all.length - 12} more`))];
}

function aboutNode(node) {
  const { name, op, symbol, formula, path, value, dtype, kind, problem, state, born, update, dL, grad } = node, now = gradientAt(node, p);
  const known = born <= p, gradient = now.word ? faint(now.word) : now.done ? numbers(grad)
    : faint(`${now.one === null ? "" : signed(now.one) + ", "}${now.here} of ${now.total} contributions`);
  return [make("h2", name, make("small", " ", op ? symbol : kind)), known && problem && make("p.rulebox.warn", problem), list([
    ["formula", op && `${op}: ${formula}`], ["module", path], ["shape", dtype && `${shape(value.dims)} ${dtype}`],
    ["value", dtype && (known ? numbers(value) : faint("not yet"))], [dL, state !== "none" && gradient],
    ["new value", update?.k <= p && Number.isFinite(update.next) && num(update.next, 9)],
  ]), uses("used by: the gradient is the sum of what they send", node.uses, "dst"), uses("made from", node.inputs, "src")];
}

function aboutEdge(edge) {
  const { src, dst, rule, flow, summed, sent } = edge, on = flow && sent <= p;
  const name = (node) => link(node.title, () => pick(node));
  return [make("h2", name(dst), " → ", name(src)), make("p.rulebox", product(edge)), list([
    ["op", `${dst.op}: ${dst.formula}`], ["local", rule],
    ["upstream", on && numbers(dst.grad)], ["contribution", on && numbers(flow)],
    ["broadcast", summed && `${shape(src.value.dims)} was repeated: ${summed}`],
  ])];
}

// Show what is known after step p; below it the number to change, and the line of the program.
export function inspect(item, step, chosen) {
  [p, pick] = [step, chosen];
  const { value, source, dtype } = item.dst ?? item;
  $("about").replaceChildren(make("div", item.dst ? aboutEdge(item) : aboutNode(item)));
  $("what").hidden = item.dst || !canChange(item);
  $("whatif").value = num(value.one, dtype === "float32" ? 7 : 16);
  for (const lines of $("code").children) lines.hidden = lines.id !== "s" + source;
}
